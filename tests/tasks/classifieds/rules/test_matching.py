"""Matching: what is new or changed is shown to the rules once, and told once, whatever happens in between."""

from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from scheduling.exceptions import Stopped
from tasks.classifieds import matching
from tasks.classifieds.matching import match_waiting
from tasks.classifieds.models import Delivery, ExchangeRate, Filters, Listing, Match, Occasion, Rule
from tasks.classifieds.money import Rates
from tasks.classifieds.trial import SECONDS, try_out
from tasks.models import TaskRecord
from tasks.recording import Entry, record
from tests.tasks.classifieds.rules.conftest import NOON, make_listing, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usual")]


def changed(listing: Listing, occasion: Occasion, **values: Any) -> None:
    """As a scan writes it."""
    Listing.objects.filter(pk=listing.pk).update(to_match=occasion, **values)


def told(rule: Rule) -> list[tuple[str, str | None]]:
    rows = rule.matches.order_by("pk")
    return [(match.occasion, f"{match.price:.0f}" if match.price else None) for match in rows]


def test_a_listing_that_fits_is_told_once(entry: Entry) -> None:
    rule, listing = make_rule(channels=["discord", "mail", "mail"]), make_listing()
    make_listing("Another thing")
    assert match_waiting(entry, NOON) == 1
    assert match_waiting(entry, NOON) == 0
    match = Match.objects.get()
    assert (match.rule, match.listing, match.occasion, match.key) == (rule, listing, "new", "")
    assert (match.price, match.currency, match.matched_at) == (Decimal(800), "USD", NOON)
    assert sorted(Delivery.objects.values_list("channel", "state")) == [("discord", "pending"), ("mail", "pending")]
    assert not Listing.objects.exclude(to_match="").exists()


def test_each_rule_tells_of_it(entry: Entry) -> None:
    make_rule(), make_rule("price < 900"), make_rule("price > 900"), make_rule("price < 900", is_active=False)
    make_listing()
    assert match_waiting(entry, NOON) == 2


def test_neither_a_new_nor_an_edited_rule_goes_through_old_listings(entry: Entry) -> None:
    make_listing(to_match="")
    rule = make_rule()
    assert match_waiting(entry, NOON) == 0
    rule.expression = "price > 5"
    rule.save()
    assert match_waiting(entry, NOON) == 0


def test_an_edit_of_what_was_told_is_not_told(entry: Entry) -> None:
    rule, listing = make_rule(), make_listing()
    match_waiting(entry, NOON)
    changed(listing, Occasion.EDITED, title="ACME HP-900, boxed")
    assert match_waiting(entry, NOON) == 0
    changed(listing, Occasion.EDITED, price=Decimal(900))
    assert match_waiting(entry, NOON) == 0
    assert told(rule) == [("new", "800")]


def test_a_price_below_the_one_told_is_told_again(entry: Entry) -> None:
    rule, listing = make_rule(), make_listing()
    for price in (800, 900, 850, 800, 799, 799, 700):
        changed(listing, Occasion.CHEAPER, price=Decimal(price))
        match_waiting(entry, NOON)
    assert told(rule) == [("cheaper", "800"), ("cheaper", "799"), ("cheaper", "700")]


def test_a_price_in_another_currency_counts_by_the_rates(entry: Entry) -> None:
    rule, listing = make_rule(), make_listing()
    match_waiting(entry, NOON)
    changed(listing, Occasion.CHEAPER, price=Decimal(750), currency="EUR")
    assert match_waiting(entry, NOON) == 0
    ExchangeRate.objects.create(currency="EUR", in_usd=Decimal("1.10"), as_of=NOON.date())
    changed(listing, Occasion.CHEAPER)
    assert match_waiting(entry, NOON) == 0
    changed(listing, Occasion.CHEAPER, price=Decimal(700))
    assert match_waiting(entry, NOON) == 1
    assert told(rule) == [("new", "800"), ("cheaper", "700")]


def test_what_is_for_sale_again_is_told_again_each_time(entry: Entry) -> None:
    rule, listing = make_rule(), make_listing()
    match_waiting(entry, NOON)
    for _ in range(2):
        changed(listing, Occasion.EDITED, status="sold")
        match_waiting(entry, NOON)
        changed(listing, Occasion.REOPENED, status="active")
        match_waiting(entry, NOON)
    assert told(rule) == [("new", "800"), ("reopened", "800"), ("reopened", "800")]


def test_a_listing_that_has_come_to_fit_is_told_for_the_first_time(entry: Entry) -> None:
    rule, listing = make_rule("price < 800"), make_listing()
    assert match_waiting(entry, NOON) == 0
    changed(listing, Occasion.CHEAPER, price=Decimal(750))
    assert match_waiting(entry, NOON) == 1
    assert told(rule) == [("cheaper", "750")]


def test_what_is_not_known_is_not_told(entry: Entry) -> None:
    make_rule("NOT price < 5")
    make_listing(price=None, currency="")
    assert match_waiting(entry, NOON) == 0


def test_filters_come_first(entry: Entry) -> None:
    Filters.objects.update(exclude_status=["sold"])
    make_rule(), make_rule(exclude_status=[])
    make_listing(status="sold")
    assert match_waiting(entry, NOON) == 1


def test_a_rule_that_cannot_be_read_stops_no_other() -> None:
    Rule.objects.create(name="Broken", expression="titel = 5")
    make_rule()
    make_listing()
    with record(None, task_name="test") as entry:
        assert match_waiting(entry, NOON) == 1
    log = TaskRecord.objects.get().log_output
    assert "The rule Broken cannot be read, and was left out. Line 1, column 1: titel is no field." in log


def test_old_rates_are_said(entry: Entry) -> None:
    ExchangeRate.objects.create(currency="EUR", in_usd=Decimal("1.10"), as_of=NOON.date() - timedelta(days=31))
    make_rule("price < 1000 EUR")
    make_listing()
    assert match_waiting(entry, NOON) == 1
    assert "The exchange rate of EUR is 31 days old." in entry._log_output()


def test_a_worker_that_dies_between_two_chunks_leaves_the_rest_to_the_next(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "CHUNK", 2)
    rule = make_rule(channels=["discord"])
    for _ in range(5):
        make_listing()
    clear, turns = matching._clear, iter([False, True])

    def dies(listings: Any) -> None:
        clear(listings)
        if next(turns, False):
            raise DatabaseError("gone away")

    monkeypatch.setattr(matching, "_clear", dies)
    with pytest.raises(DatabaseError):
        match_waiting(entry, NOON)
    assert (Match.objects.count(), Listing.objects.exclude(to_match="").count()) == (2, 3)
    assert match_waiting(entry, NOON) == 3
    assert Match.objects.filter(rule=rule).count() == Delivery.objects.count() == 5


def test_a_change_that_comes_meanwhile_is_not_forgotten(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, listing = make_rule(), make_listing()
    clear = matching._clear

    def late(listings: Any) -> None:
        monkeypatch.setattr(matching, "_clear", clear)
        changed(listing, Occasion.CHEAPER, price=Decimal(700))
        clear(listings)

    monkeypatch.setattr(matching, "_clear", late)
    assert match_waiting(entry, NOON) == 2
    assert told(rule) == [("new", "800"), ("cheaper", "700")]


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_of_each_listing_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "CHUNK", 5)
    rules = [make_rule(), make_rule("price > 5")]
    for _ in range(40):
        make_listing()
    start, errors = Barrier(2), []

    def work() -> None:
        try:
            with record(None, task_name="test") as entry:
                start.wait(10)
                while Listing.objects.filter(to_match__gt="").exists():
                    match_waiting(entry, NOON)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert not errors
    assert [rule.matches.count() for rule in rules] == [40, 40]


def test_a_run_that_is_told_to_stop_keeps_the_chunks_it_has_matched(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "CHUNK", 2)
    make_rule()
    for _ in range(5):
        make_listing()

    def stopped() -> None:
        if Match.objects.exists():
            raise Stopped

    monkeypatch.setattr(entry, "check", stopped)
    with pytest.raises(Stopped):
        match_waiting(entry, NOON)
    assert Match.objects.count() == 2
    assert Listing.objects.exclude(to_match="").count() == 3


def test_the_queries_of_a_chunk_do_not_grow_with_it(entry: Entry) -> None:
    make_rule(channels=["discord"]), make_rule(channels=["mail"])
    counts = []
    for size in (1, 30):
        for _ in range(size):
            make_listing()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            match_waiting(entry, NOON)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_preview_finds_what_the_scan_tells_of(entry: Entry) -> None:
    rule = make_rule('title contains "HP" and price < 900')
    for number in range(6):
        make_listing(price=Decimal(600 + 100 * number), first_seen_at=NOON + timedelta(minutes=number))
    make_listing(price=None)
    watch = matching.readable(entry, [rule], Filters.objects.get())[0]
    trial = try_out(watch, Rates.stored(), SECONDS)
    assert match_waiting(entry, NOON) == trial.matched == 3
    assert (trial.looked_at, trial.unknown, trial.in_time) == (7, 1, True)
    assert [listing.price for listing in trial.latest] == [800, 700, 600]
    late = try_out(watch, Rates.stored(), seconds=-1)
    assert (late.looked_at, late.in_time) == (0, False)
