"""Retention: what was not seen for long goes with all that hangs on it, and nothing else does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling.context import StopSignal
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds import prune
from tasks.classifieds.models import Change, Delivery, Listing, Match, Rule, StrangePage
from tasks.classifieds.tasks import prune_classifieds
from tasks.models import TaskRecord
from tasks.recording import Entry
from tests.tasks.classifieds.rules.conftest import NOON, make_listing, make_match

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)
A_SECOND = timedelta(seconds=1)


def old_and_new(count: int = 3) -> None:
    """Listings that are a second too old, as many that are not, each told on a channel; and a strange page of each."""
    for age in (YEAR + A_SECOND, YEAR):
        for _ in range(count):
            listing = make_listing(last_seen_at=NOON - age, to_match="")
            listing.changes.create(field="price", old="1", new="2", seen_at=NOON)
            make_match(listing, channels=("mail",), matched_at=NOON - 2 * YEAR)
        StrangePage.objects.create(url="https://x.example", status=200, why="?", body="", seen_at=NOON - age)


def rows() -> list[int]:
    return [model.objects.count() for model in (Listing, Change, Match, Delivery, StrangePage)]


def test_what_was_not_seen_for_long_goes_with_all_that_hangs_on_it(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "CHUNK", 2)
    old_and_new()
    prune.prune(entry, NOON)
    gone = {"listings": 3, "changes": 3, "matches": 3, "deliveries": 3, "strange pages": 1}
    assert entry.result == gone
    assert rows() == [3, 3, 3, 3, 1]
    assert set(Listing.objects.values_list("last_seen_at", flat=True)) == {NOON - YEAR}
    assert Rule.objects.count() == 6
    prune.prune(entry, NOON)
    assert entry.result == dict.fromkeys(gone, 0)


def test_nothing_goes_when_all_is_kept_for_ever(entry: Entry, configure: Callable[..., None]) -> None:
    configure(KEEP_LISTINGS_DAYS=0)
    old_and_new()
    prune.prune(entry, NOON + 100 * YEAR)
    assert rows() == [6, 6, 6, 6, 2]


def test_a_listing_that_is_seen_meanwhile_stays(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    old_and_new(1)
    monkeypatch.setattr(entry, "check", lambda: Listing.objects.update(last_seen_at=NOON))
    prune.prune(entry, NOON)
    assert Listing.objects.count() == 2


def test_the_queries_do_not_grow_with_the_listings(entry: Entry, django_assert_max_num_queries: Any) -> None:
    old_and_new(40)
    with django_assert_max_num_queries(12):
        prune.prune(entry, NOON)


def test_the_job_prunes_and_stops_when_it_is_told_to(run: Callable[..., Outcome]) -> None:
    make_listing(last_seen_at=timezone.now() - YEAR - A_SECOND)
    stop = StopSignal()
    stop.request()
    assert run(prune_classifieds, stop=stop).state == State.CANCELLED
    assert Listing.objects.exists()
    assert run(prune_classifieds).state == State.SUCCEEDED
    assert not Listing.objects.exists()
    counts = {"listings": 1, "changes": 0, "matches": 0, "deliveries": 0, "strange pages": 0}
    assert TaskRecord.objects.latest("pk").result == counts
