"""News: what there is to tell of a match, the same for every channel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from tasks.classifieds.facts import address_of
from tasks.classifieds.models import Match, Occasion
from tasks.classifieds.wording import price

WORDS = {
    Occasion.NEW: "New",
    Occasion.EDITED: "Changed",
    Occasion.CHEAPER: "Cheaper",
    Occasion.REOPENED: "For sale again",
}


@dataclass(frozen=True, slots=True)
class News:
    """Texts are as they came from the site: each channel makes them harmless in its own way."""

    rule_id: int
    listing_id: int
    key: str
    occasion: Occasion
    rule: str
    title: str
    url: str
    price: str  # with its currency; empty: not told
    facts: tuple[tuple[str, str], ...]  # name and value, in the order in which they are shown
    cover: str  # the address of a picture; empty: none
    listed_at: datetime | None

    @property
    def headline(self) -> str:
        """ "Cheaper: ACME HP-900, 1,150 USD"."""
        words = f"{WORDS[self.occasion]}: {self.title}"
        return f"{words}, {self.price}" if self.price else words

    @property
    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "rule": self.rule,
            "occasion": self.occasion.value,
            "listing": str(self.listing_id),
            "title": self.title,
            "url": self.url,
            **{name.lower().replace(" ", "_"): value for name, value in self.facts},
        }


def news_of(match: Match, site: str) -> News:
    """The news of `match`, whose rule, listing and category are at hand; the price is that of the match."""
    listing = match.listing
    told = price(match.price, match.currency)
    facts = (
        ("Price", told),
        ("Condition", listing.condition),
        ("Negotiability", listing.negotiability),
        ("Type", listing.kind),
        ("Ships to", listing.ships_to),
        ("Seller", listing.seller),
        ("Category", listing.category.name),
    )
    return News(
        rule_id=match.rule_id,
        listing_id=match.listing_id,
        key=match.key,
        occasion=Occasion(match.occasion),
        rule=match.rule.name,
        title=listing.title.strip() or f"Listing {listing.pk}",
        url=address_of(listing, site),
        price=told,
        facts=tuple((name, value.strip()) for name, value in facts if value.strip()),
        cover=_picture(listing.cover_path, site),
        listed_at=listing.listed_at,
    )


def _picture(path: str, site: str) -> str:
    """Its whole address; a picture may lie on another host than the site."""
    address = urljoin(f"{site.rstrip('/')}/", path) if path else ""
    return address if address.startswith(("https://", "http://")) else ""
