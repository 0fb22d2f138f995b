"""Matching: each listing that is new or has changed is shown to every rule, and each rule tells of it once.

Again only when its price falls below the price told before, or when it was sold and is for sale again. A rule, new or
edited, looks at what changes from now on; it does not go through old listings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from tasks.classifieds.conf import options
from tasks.classifieds.evaluate import Truth, evaluate
from tasks.classifieds.expression import Expression, InvalidRule
from tasks.classifieds.facts import Facts, Money, facts_of
from tasks.classifieds.filters import Effective, global_filters
from tasks.classifieds.models import Delivery, Filters, Listing, ListingStatus, Match, Occasion, Rule
from tasks.classifieds.money import Rates
from tasks.classifieds.parsing import parse
from tasks.recording import Entry

CHUNK = 250  # listings in one transaction


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule, ready to look at listings: for the scan, and for the preview of its form."""

    rule: Rule
    expression: Expression
    filters: Effective

    @classmethod
    def of(cls, rule: Rule, usual: Filters) -> "Watch":
        """Raises InvalidRule."""
        return cls(rule, parse(rule.expression), Effective.of(rule, usual))

    def fits(self, listing: Listing, facts: Facts, rates: Rates) -> Truth:
        """Whether the rule tells of the listing; None: what it asks for is not known."""
        if not self.filters.passes(listing):
            return False
        return evaluate(self.expression, facts, rates, self.rule.currency)


def match_waiting(entry: Entry, now: datetime) -> int:
    """Show the waiting listings to all active rules; how many new matches there are."""
    watches = readable(entry, Rule.objects.filter(is_active=True), global_filters())
    rates, found, asked = Rates.stored(), 0, True
    while asked:
        entry.check()
        asked, matches = _match_chunk(watches, rates, now)
        found += matches
    for doubt in rates.doubts(now.date()):
        entry.log(doubt)
    return found


def readable(entry: Entry, rules: Iterable[Rule], usual: Filters) -> list[Watch]:
    """Those that can be read; the others are said, and keep nobody from his matches."""
    watches = []
    for rule in rules:
        try:
            watches.append(Watch.of(rule, usual))
        except InvalidRule as error:
            entry.log(f"The rule {rule} cannot be read, and was left out. {error.told}")
    return watches


@transaction.atomic
def _match_chunk(watches: Sequence[Watch], rates: Rates, now: datetime) -> tuple[bool, int]:
    """Whether there were listings, and how many matches; both are written together, or not at all."""
    listings = _waiting()
    site = options().headfi_url
    facts = {listing.pk: facts_of(listing, site) for listing in listings}
    fitting = [
        (watch.rule, listing)
        for watch in watches
        for listing in listings
        if watch.fits(listing, facts[listing.pk], rates) is True
    ]
    told = _last_matches(fitting)
    matches = [
        match
        for rule, listing in fitting
        if (match := match_of(rule, listing, told.get((rule.pk, listing.pk)), rates, now))
    ]
    Match.objects.bulk_create(matches)
    Delivery.objects.bulk_create(
        Delivery(match=match, channel=channel, retry_at=now, waits_since=now)
        for match in matches
        for channel in dict.fromkeys(match.rule.channels)
    )
    _clear(listings)
    return bool(listings), len(matches)


def match_of(rule: Rule, listing: Listing, last: Match | None, rates: Rates, now: datetime) -> Match | None:
    """What there is to tell of a listing that fits the rule; None: it has been told."""
    occasion, key = Occasion(listing.to_match), ""
    if last is not None:
        again = _occasion_again(listing, last, rates)
        if again is None:
            return None
        occasion, key = again, f"{again}:{last.pk}"
    return Match(
        rule=rule,
        listing=listing,
        occasion=occasion,
        key=key,
        price=listing.price,
        currency=listing.currency,
        matched_at=now,
    )


def _occasion_again(listing: Listing, last: Match, rates: Rates) -> Occasion | None:
    """Why a listing is told once more."""
    if listing.to_match == Occasion.REOPENED and listing.status == ListingStatus.ACTIVE:
        return Occasion.REOPENED
    if _is_below(listing.price, listing.currency, last.price, last.currency, rates):
        return Occasion.CHEAPER
    return None


def _is_below(price: Decimal | None, currency: str, before: Decimal | None, currency_before: str, rates: Rates) -> bool:
    if price is None or before is None:
        return False
    if currency == currency_before:
        return price < before
    sides = rates.sides(Money(price, currency), Money(before, currency_before))
    return sides is not None and sides[0] < sides[1]


def _waiting() -> list[Listing]:
    """Some of those that wait, kept from other workers until the transaction ends."""
    waiting = Listing.objects.filter(to_match__gt="").select_related("category").order_by("to_match", "listing_id")
    features = connection.features
    of = ("self",) if features.has_select_for_update_of else ()
    return list(waiting.select_for_update(skip_locked=features.has_select_for_update_skip_locked, of=of)[:CHUNK])


def _last_matches(fitting: Sequence[tuple[Rule, Listing]]) -> Mapping[tuple[int, int], Match]:
    """The latest match of each of these pairs that has one. Those of a locked listing come from nobody else."""
    rules, listings = {rule.pk for rule, _ in fitting}, {listing.pk for _, listing in fitting}
    rows = Match.objects.filter(rule__in=rules, listing__in=listings).order_by("pk") if fitting else ()
    return {(row.rule_id, row.listing_id): row for row in rows}


def _clear(listings: Sequence[Listing]) -> None:
    """They wait no longer, unless something new has been said of them meanwhile."""
    for occasion in Occasion:
        seen = [listing.pk for listing in listings if listing.to_match == occasion]
        if seen:
            Listing.objects.filter(pk__in=seen, to_match=occasion).update(to_match="")
