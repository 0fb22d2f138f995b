"""Pages of the classifieds: listings, categories, strange pages; rules, what they go by, and what was told."""

from tasks.classifieds.admin import listings, rules, settled, told

__all__ = ["listings", "rules", "settled", "told"]
