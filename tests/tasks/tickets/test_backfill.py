"""Where an export begins: at the cursor, five minutes before it, or days ago for a backfill."""

from datetime import timedelta

import pytest

from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import Zendesk
from tasks.exceptions import AbortRun, UpstreamError
from tasks.tickets.models import Stream, Ticket
from tests.tasks.tickets.test_sync import EXPORT, JSON, Configured, last_record, sync

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_comments(configured: Configured) -> None:
    configured(FETCH_COMMENTS=False)


def test_a_cursor_that_is_unknown_leads_back_five_minutes_once(upstream: Upstream, clock: Clock) -> None:
    sync(clock)
    until = Stream.objects.get().generated_until or 0
    Stream.objects.update(cursor="elsewhere")
    assert sync(clock)["failed"] == 0
    assert int(upstream.requests[-1].params["start_time"]) == until - 300
    assert "no longer knows the cursor" in last_record().log_output
    upstream.fail("cursor=", 400, times=9)
    Stream.objects.update(cursor="elsewhere")
    upstream.fail("start_time=", 400)
    with pytest.raises(UpstreamError):
        sync(clock)


def test_a_start_is_never_less_than_a_minute_ago(upstream: Upstream, clock: Clock) -> None:
    sync(clock)
    Stream.objects.update(cursor="elsewhere", generated_until=int(clock.now().timestamp()) + 9999)
    sync(clock)
    assert int(upstream.requests[-1].params["start_time"]) <= clock.now().timestamp() - 60


def test_a_backfill_leaves_the_cursor_alone(upstream: Upstream, clock: Clock) -> None:
    sync(clock)
    before = Stream.objects.values_list("cursor", "generated_until", "synced_at").get()
    clock.advance(timedelta(minutes=10))
    assert sync(clock, backfill_days=7)["new"] == 3
    assert Stream.objects.values_list("cursor", "generated_until", "synced_at").get() == before
    assert sync(clock)["unchanged"] == 3


def test_an_interrupted_backfill_goes_on_where_it_was(upstream: Upstream, clock: Clock) -> None:
    upstream.fail("cursor=", 422)
    with pytest.raises(UpstreamError):
        sync(clock, backfill_days=30)
    assert (Ticket.objects.count(), Stream.objects.get().cursor) == (12, "")
    clock.advance(timedelta(minutes=1))
    assert sync(clock, backfill_days=30)["fetched"] == 18
    assert sum("start_time" in request.params for request in upstream.requests) == 1
    assert sync(clock, backfill_days=30)["fetched"] == 30, "one that has ended begins anew"


@pytest.mark.parametrize(("later", "days"), [(timedelta(days=2), 30), (timedelta(), 60)])
def test_an_interrupted_backfill_that_is_old_or_too_short_begins_anew(
    upstream: Upstream, clock: Clock, later: timedelta, days: int
) -> None:
    upstream.fail("cursor=", 422)
    with pytest.raises(UpstreamError):
        sync(clock, backfill_days=30)
    Stream.objects.update(backfill_begun_at=clock.now() - later)
    sync(clock, backfill_days=days)
    assert sum("start_time" in request.params for request in upstream.requests) == 2


def test_a_backfill_whose_cursor_is_unknown_begins_again(upstream: Upstream, clock: Clock) -> None:
    upstream.fail("cursor=", 400)
    assert sync(clock, backfill_days=30)["fetched"] == 12 + 30


def test_a_shorter_backfill_that_began_again_is_not_taken_for_the_longer_one(
    upstream: Upstream, zendesk: Zendesk, clock: Clock
) -> None:
    zendesk.biggest_page = 4
    upstream.fail("cursor=", 422)
    with pytest.raises(UpstreamError):
        sync(clock, backfill_days=60)
    upstream.fail("cursor=", 400)  # the cursor of these 60 days is refused, so that the 5 begin anew
    upstream.fail("cursor=", 422)
    with pytest.raises(UpstreamError):
        sync(clock, backfill_days=5)
    Ticket.objects.all().delete()
    assert sync(clock, backfill_days=60)["new"] == 30


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_a_backfill_over_no_time_is_refused(upstream: Upstream, clock: Clock, days: int) -> None:
    with pytest.raises(AbortRun, match="backfill_days"):
        sync(clock, backfill_days=days)
    assert upstream.requests == []


def test_an_export_that_leads_nowhere_ends(upstream: Upstream, clock: Clock) -> None:
    page = b'{"tickets": [], "after_cursor": "abc", "end_of_stream": false}'
    upstream.fail(EXPORT, 200, times=99, headers=JSON, body=page)
    with pytest.raises(UpstreamError, match="not where"):
        sync(clock)
    assert upstream.asked(EXPORT) == 2
