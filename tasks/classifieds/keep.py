"""Listings into rows, a page at a time: what is new, what has changed and how, and which ones the rules must see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.db import transaction

from tasks.classifieds.headfi import Unreadable
from tasks.classifieds.models import Category, Change, Listing, ListingStatus, Occasion, StrangePage
from tasks.classifieds.parse import Parsed

KEPT_PAGES = 20  # strange ones
URGENCY = (Occasion.NEW, Occasion.REOPENED, Occasion.CHEAPER, Occasion.EDITED)  # what comes first is told first
FIELDS = tuple(field.name for field in fields(Parsed) if field.name != "listing_id")
WRITTEN = (*FIELDS, "category", "content_hash", "last_seen_at", "to_match")


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of listings."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def nothing_new(self) -> bool:
        return not self.new and not self.changed


@transaction.atomic
def keep_listings(category: Category, found: Sequence[Parsed], now: datetime) -> Kept:
    """Write what is new or has changed, and with it why the rules must see it; a handful of queries in all."""
    listings = {each.listing_id: each for each in found}
    rows = Listing.objects.select_for_update().order_by("pk").in_bulk(listings)
    new = [_new(category, each, now) for number, each in listings.items() if number not in rows]
    changed, changes = [], []
    for number, row in rows.items():
        if row.content_hash != listings[number].content_hash or row.category_id != category.pk:
            changes += changes_of(row, listings[number], now)
            changed.append(_updated(row, category, listings[number], now))
    Listing.objects.bulk_create(new)
    if changed:
        Listing.objects.bulk_update(changed, WRITTEN)
        Change.objects.bulk_create(changes)
    as_before = rows.keys() - {row.pk for row in changed}
    Listing.objects.filter(pk__in=as_before).update(last_seen_at=now)
    return Kept(len(new), len(changed), len(as_before))


def changes_of(row: Listing, found: Parsed, now: datetime) -> list[Change]:
    """What people want to see of how a listing became another."""
    before, after = _told(row), _told(found)
    return [
        Change(listing=row, field=name, old=before[name], new=after[name], seen_at=now)
        for name in before
        if before[name] != after[name]
    ]


def occasion_of(row: Listing, found: Parsed) -> Occasion:
    """Why the rules must see the listing again; what they have not seen yet stays the reason if it is a better one."""
    if row.status != ListingStatus.ACTIVE and found.status == ListingStatus.ACTIVE:
        why = Occasion.REOPENED
    elif row.price and found.price and row.currency == found.currency and found.price < row.price:
        why = Occasion.CHEAPER
    else:
        why = Occasion.EDITED
    return min(why, Occasion(row.to_match or why), key=URGENCY.index)


def price_text(price: Decimal | None, currency: str) -> str:
    """As people read it; empty without a price."""
    return "" if price is None else f"{price:,.2f} {currency}".strip()


def price_in(text: str) -> tuple[Decimal, str] | None:
    """Amount and currency of what `price_text` wrote; None if it was no price."""
    amount, _, currency = text.partition(" ")
    try:
        return Decimal(amount.replace(",", "")), currency
    except InvalidOperation:
        return None


def keep_strange(answer: Unreadable, now: datetime) -> None:
    """Keep a page that could not be read, and of all of them the latest."""
    StrangePage.objects.create(
        url=answer.url[:500], status=answer.status, why=answer.why[:300], body=answer.body, seen_at=now
    )
    kept = StrangePage.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_PAGES]
    StrangePage.objects.filter(pk__lt=min(kept)).delete()


def _new(category: Category, found: Parsed, now: datetime) -> Listing:
    row = Listing(listing_id=found.listing_id, first_seen_at=now, to_match=Occasion.NEW)
    return _written(row, category, found, now)


def _updated(row: Listing, category: Category, found: Parsed, now: datetime) -> Listing:
    row.to_match = occasion_of(row, found)
    return _written(row, category, found, now)


def _written(row: Listing, category: Category, found: Parsed, now: datetime) -> Listing:
    for name in FIELDS:
        setattr(row, name, getattr(found, name))
    row.category = category
    row.content_hash = found.content_hash
    row.last_seen_at = now
    return row


def _told(listing: Listing | Parsed) -> Mapping[str, str]:
    return {
        "price": price_text(listing.price, listing.currency),
        "status": listing.status,
        "title": listing.title,
    }
