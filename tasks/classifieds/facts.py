"""Facts: what rules may ask of a listing, under which names, and what kind of value each is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote, urljoin

from tasks.classifieds.models import Kind, Listing, ListingStatus
from tasks.classifieds.models.rules import CURRENCIES


class Sort(StrEnum):
    """What can be asked of a fact; the value is how people are told of it."""

    TEXT = "a text"
    CHOICE = "one of a few words"
    MONEY = "an amount of money"
    NUMBER = "a number"
    MOMENT = "a date"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; without a currency it is in that of the rule."""

    amount: Decimal
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    sort: Sort
    words: str  # what people call it
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()  # no other value is ever there


FIELDS = (
    Field("title", Sort.TEXT, "the title"),
    Field("price", Sort.MONEY, "the price"),
    Field("currency", Sort.CHOICE, "the currency", choices=CURRENCIES),
    Field("category", Sort.TEXT, "the category"),
    Field("condition", Sort.TEXT, "the condition"),
    Field("negotiability", Sort.TEXT, "the negotiability"),
    Field("listing_type", Sort.CHOICE, "the type", ("type",), tuple(Kind.values)),
    Field("ships_to", Sort.TEXT, "where it ships to", ("shipping",)),
    Field("status", Sort.CHOICE, "the status", choices=tuple(ListingStatus.values)),
    Field("seller", Sort.TEXT, "the seller", ("seller_username",)),
    Field("seller_reputation", Sort.NUMBER, "the seller's reputation"),
    Field("listed_at", Sort.MOMENT, "the day of listing"),
    Field("url", Sort.TEXT, "the address"),
)
BY_NAME: Mapping[str, Field] = {name: field for field in FIELDS for name in (field.name, *field.aliases)}

# None: missing. Several texts are names of the same thing, as of a category.
type Fact = tuple[str, ...] | Money | Decimal | datetime | None
type Facts = Mapping[str, Fact]


def facts_of(listing: Listing, site: str) -> Facts:
    """What is known of `listing`; its category must be at hand. A category is known by its name and by its slug."""
    amount = None if listing.price is None else Money(listing.price, listing.currency)
    reputation = None if listing.seller_reputation is None else Decimal(listing.seller_reputation)
    return {
        "title": _texts(listing.title),
        "price": amount,
        "currency": _texts(listing.currency),
        "category": _texts(listing.category.name, listing.category_id),
        "condition": _texts(listing.condition),
        "negotiability": _texts(listing.negotiability),
        "listing_type": _texts(listing.kind),
        "ships_to": _texts(listing.ships_to),
        "status": _texts(listing.status or ListingStatus.ACTIVE),
        "seller": _texts(listing.seller),
        "seller_reputation": reputation,
        "listed_at": listing.listed_at,
        "url": _texts(address_of(listing, site)),
    }


def address_of(listing: Listing, site: str) -> str:
    """The address of the listing's page at `site`, in characters that mails, pages and chats take as one address."""
    return urljoin(f"{site.rstrip('/')}/", quote(listing.path.lstrip("/"), safe="/%"))


def _texts(*values: str) -> tuple[str, ...] | None:
    return tuple(value for value in values if value.strip()) or None
