"""Pages of the classifieds: categories, listings, strange pages; rules, matches and deliveries."""

from tasks.classifieds.admin import listings, rules, settled, told

__all__ = ["listings", "rules", "settled", "told"]
