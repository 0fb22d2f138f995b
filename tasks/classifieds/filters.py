"""Filters: what is looked at before any expression; a rule's own replace the global ones one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.classifieds.models import Filters, Listing, ListingStatus, Rule

SOLD = [ListingStatus.SOLD.value, ListingStatus.CLOSED.value]


@dataclass(frozen=True, slots=True)
class Effective:
    """The filters that hold for one rule; empty ones let everything pass."""

    listing_types: frozenset[str]
    ships_to: tuple[str, ...]  # in small letters
    exclude_status: frozenset[str]
    min_seller_reputation: int  # 0: none
    categories: frozenset[str]

    @classmethod
    def of(cls, rule: Rule, usual: Filters) -> "Effective":
        """Those of `rule`, and of `usual` where the rule has none of its own; an empty list switches one off."""

        def chosen(name: str) -> Any:
            own = getattr(rule, name)
            return own if own is not None else getattr(usual, name)

        return cls(
            listing_types=frozenset(_words(chosen("listing_types"))),
            ships_to=tuple(_words(chosen("ships_to"))),
            exclude_status=frozenset(_words(chosen("exclude_status"))),
            min_seller_reputation=chosen("min_seller_reputation") or 0,
            categories=frozenset(rule.categories or ()),
        )

    def passes(self, listing: Listing) -> bool:
        """Whether the expression is to be asked at all.

        A listing that does not say where it ships to passes; one whose seller's reputation or type is not known does
        not, once that is asked for; one without a status is active.
        """
        if self.categories and listing.category_id not in self.categories:
            return False
        if self.listing_types and listing.kind.casefold() not in self.listing_types:
            return False
        if (listing.status or ListingStatus.ACTIVE).casefold() in self.exclude_status:
            return False
        if self.ships_to and listing.ships_to and not _any_in(self.ships_to, listing.ships_to.casefold()):
            return False
        if not self.min_seller_reputation:
            return True
        return listing.seller_reputation is not None and listing.seller_reputation >= self.min_seller_reputation


def global_filters() -> Filters:
    """The one row; made at first, so that nobody is told of what is sold."""
    return Filters.objects.get_or_create(pk=1, defaults={"exclude_status": SOLD})[0]


def _words(value: Any) -> Sequence[str]:
    """A list of texts from a JSON column, in small letters; anything else there is none."""
    return [each.casefold() for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _any_in(words: Sequence[str], text: str) -> bool:
    return any(word in text for word in words)
