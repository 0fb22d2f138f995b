"""The sync of tickets against the loopback Zendesk: what comes into the rows, and what an interruption leaves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import FIRST_ID, HOSTILE, Zendesk
from tasks.exceptions import AbortRun, DeadlineReached, NotConfigured, UpstreamError
from tasks.models import RateBucket, Status, TaskRecord
from tasks.recording import record
from tasks.tickets.merge import merge
from tasks.tickets.models import Analysis, Batch, Comment, Issue, Stream, Ticket
from tasks.tickets.sync import sync_tickets

pytestmark = pytest.mark.django_db
EXPORT = "/api/v2/incremental/tickets/cursor.json"
JSON = {"Content-Type": "application/json"}

type Configured = Callable[..., None]


def sync(clock: Clock, backfill_days: int | None = None) -> dict[str, Any]:
    """One sync as the pipeline does it; the result that its record tells."""
    with record(None, "sync", task_name="tests") as entry:
        sync_tickets(entry, backfill_days=backfill_days, now=clock.now())
    return dict(entry.result)


def last_record() -> TaskRecord:
    return TaskRecord.objects.latest("id")


def internal() -> Any:
    """The tickets whose description is an internal note."""
    return Ticket.objects.filter(description_is_internal=True).order_by("pk").values_list("pk", flat=True)


@pytest.fixture(autouse=True)
def without_comments(configured: Configured) -> None:
    configured(FETCH_COMMENTS=False)


def test_three_pages_become_rows(upstream: Upstream, zendesk: Zendesk, clock: Clock) -> None:
    result = sync(clock)
    assert result == {**dict.fromkeys(result, 0), "fetched": 30, "new": 30}
    assert upstream.asked(EXPORT) == 3
    assert list(Ticket.objects.order_by("pk").values_list("pk", flat=True)) == zendesk.ids()
    assert FIRST_ID > 2**53
    ticket = Ticket.objects.get(pk=FIRST_ID + 1)
    assert (ticket.analysis, len(ticket.content_hash), ticket.tags[0]) == (Analysis.PENDING, 64, "larkspur")
    stream = Stream.objects.get()
    assert (stream.pk, stream.synced_at is not None, bool(stream.cursor)) == ("demo", True, True)
    assert last_record().items_succeeded == 30


def test_the_second_sync_goes_on_at_the_cursor(upstream: Upstream, zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    assert sync(clock)["fetched"] == 0
    clock.advance(timedelta(minutes=10))
    assert sync(clock)["new"] == 3
    assert "start_time" not in upstream.requests[-1].params


def test_after_a_crash_between_pages_the_next_sync_goes_on_there(upstream: Upstream, clock: Clock) -> None:
    upstream.fail("cursor=", 422)
    with pytest.raises(UpstreamError):
        sync(clock)
    assert Ticket.objects.count() == 12, "the page before the crash is kept, and so is the cursor behind it"
    assert (last_record().result or {})["new"] == 12
    assert sync(clock)["new"] == 18
    assert sum("start_time" in request.params for request in upstream.requests) == 1


def test_a_ticket_on_two_pages_counts_once(zendesk: Zendesk, clock: Clock) -> None:
    zendesk.doubles_last = True
    result = sync(clock)
    assert (result["new"], result["unchanged"], Ticket.objects.count()) == (30, 2, 30)


@pytest.mark.parametrize("number", [2, 29])
def test_a_ticket_that_changes_between_two_pages_comes_again_and_is_kept_as_it_is_then(
    upstream: Upstream, zendesk: Zendesk, clock: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It moves to the end of the export: one of a page that was read comes twice, one of a page to come only later."""

    def meanwhile(*arguments: Any) -> None:
        merge(*arguments)
        if upstream.asked(EXPORT) == 1:
            zendesk.change(FIRST_ID + number, subject="Changed meanwhile")

    monkeypatch.setattr("tasks.tickets.sync.merge", meanwhile)
    result = sync(clock)
    assert (result["new"], result["changed"], result["fetched"]) == (30, number == 2, 30 + (number == 2))
    assert Ticket.objects.get(pk=FIRST_ID + number).subject == "Changed meanwhile"
    assert Ticket.objects.count() == 30
    assert sync(clock)["fetched"] == 0


def test_a_ticket_twice_on_a_page_is_kept_in_its_newest_version(zendesk: Zendesk, clock: Clock) -> None:
    zendesk.biggest_page = 100
    newer = {**zendesk._tickets[2], "subject": "Newer", "generated_timestamp": int(clock.now().timestamp())}
    zendesk.extra = [newer]
    sync(clock)
    assert Ticket.objects.get(pk=newer["id"]).subject == "Newer"


def test_a_ticket_that_is_only_sent_again_is_touched_and_not_analysed_again(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    Ticket.objects.update(analysis=Analysis.DONE)
    clock.advance(timedelta(minutes=2))
    zendesk.resend(FIRST_ID + 3)
    result = sync(clock)
    assert (result["fetched"], result["unchanged"], result["changed"]) == (1, 1, 0)
    assert Ticket.objects.get(pk=FIRST_ID + 3).analysis == Analysis.DONE


def test_another_status_is_stored_and_is_no_reason_for_another_analysis(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    Ticket.objects.update(analysis=Analysis.DONE)
    clock.advance(timedelta(minutes=2))
    zendesk.change(FIRST_ID + 3, status="closed")
    assert sync(clock)["changed"] == 1
    ticket = Ticket.objects.get(pk=FIRST_ID + 3)
    assert (ticket.status, ticket.analysis) == ("closed", Analysis.DONE)


def test_a_ticket_that_is_not_public_begins_with_a_note_and_a_public_reply_changes_nothing_in_that(
    zendesk: Zendesk, clock: Clock
) -> None:
    sync(clock)
    for is_public in (False, True):
        clock.advance(timedelta(minutes=2))
        zendesk.change(FIRST_ID + 3, is_public=is_public)
        sync(clock)
        assert list(internal()) == [FIRST_ID + 3]
    Ticket.objects.update(description_is_internal=False)
    zendesk.change(FIRST_ID + 3, is_public=False)
    sync(clock, backfill_days=30)
    assert list(internal()) == [FIRST_ID + 3], "also of one that is otherwise as it was"


def test_other_words_are_analysed_anew(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    Ticket.objects.update(analysis=Analysis.FAILED, analysis_attempts=3, analysis_error="x")
    clock.advance(timedelta(minutes=2))
    zendesk.change(FIRST_ID + 3, description="It is quite different.")
    sync(clock)
    ticket = Ticket.objects.get(pk=FIRST_ID + 3)
    assert (ticket.analysis, ticket.analysis_attempts, ticket.analysis_error) == (Analysis.PENDING, 0, "")


def test_an_older_version_never_replaces_a_newer_one(clock: Clock) -> None:
    sync(clock)
    Ticket.objects.filter(pk=FIRST_ID + 3).update(generated_at=2**40, subject="Newer")
    assert sync(clock, backfill_days=30)["unchanged"] == 30
    assert Ticket.objects.get(pk=FIRST_ID + 3).subject == "Newer"


def test_of_a_deleted_ticket_nothing_is_kept_but_that_it_was_there(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    ticket = Ticket.objects.get(pk=FIRST_ID + 3)
    told = {"summary": "s", "quote": "q", "method": "local", "opened_at": clock.now(), "found_at": clock.now()}
    Issue.objects.create(ticket=ticket, title="t", category="c", severity="low", **told)
    Comment.objects.create(comment_id=1, ticket=ticket, is_public=True, body="b", written_at=clock.now())
    clock.advance(timedelta(minutes=2))
    zendesk.change(ticket.pk, status="deleted")
    assert sync(clock)["deleted"] == 1
    ticket.refresh_from_db()
    assert (ticket.is_deleted, ticket.subject, ticket.description) == (True, "", "")
    assert not Issue.objects.exists()
    assert not Comment.objects.exists()
    assert ticket not in Ticket.objects.waiting()
    clock.advance(timedelta(minutes=2))
    zendesk.change(ticket.pk, status="open")
    sync(clock)
    assert ticket in Ticket.objects.waiting(), "it was restored"


def test_a_bad_ticket_among_good_ones_is_counted_and_named(zendesk: Zendesk, clock: Clock) -> None:
    good = zendesk._tickets[0]
    zendesk.extra = [{**good, "id": 4711, "created_at": "soon"}, "nonsense", {**good, "id": 2**63}, None]
    result = sync(clock)
    assert (result["failed"], result["new"], Ticket.objects.count()) == (4, 30, 30)
    row = last_record()
    assert (row.status, row.items_failed) == (Status.SUCCEEDED, 4)
    assert "ticket 4711: InvalidItem" in row.log_output


def test_a_ticket_from_the_future_is_refused_and_spoils_no_later_sync(zendesk: Zendesk, clock: Clock) -> None:
    odd = {**zendesk._tickets[0], "id": 4711, "generated_timestamp": int(clock.now().timestamp() * 1000)}
    zendesk.extra = [odd]
    assert sync(clock)["failed"] == 1
    assert (Stream.objects.get().generated_until or 0) <= clock.now().timestamp()
    for until in (odd["generated_timestamp"], 2**62):  # as one that was stored once
        Stream.objects.update(cursor="elsewhere", generated_until=until)
        clock.advance(timedelta(minutes=10))
        assert sync(clock)["new"] == 3


def test_text_that_no_database_takes_is_mended(zendesk: Zendesk, clock: Clock) -> None:
    odd = {**zendesk._tickets[0], "id": 5, "subject": "a\0b\ud800" + "x" * 900, "description": "d" * 70_000}
    zendesk.extra = [
        odd,
        {**odd, "id": 6, "tags": None, "via": {}, "updated_at": None, "subject": None, "raw_subject": None},
    ]
    sync(clock)
    ticket = Ticket.objects.get(pk=5)
    assert ticket.subject.startswith("a␀b?x")
    assert (len(ticket.subject), len(ticket.description)) == (500, 65_536)
    bare = Ticket.objects.get(pk=6)
    assert (bare.subject, bare.tags, bare.channel, bare.changed_at) == ("", [], "", bare.opened_at)


def test_markup_is_kept_as_plain_text(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    assert not Ticket.objects.filter(description__contains="<div>").exists()
    assert "phone & tablet" in Ticket.objects.get(pk=FIRST_ID + 3).description
    assert "<script>" in Ticket.objects.get(pk=FIRST_ID + HOSTILE).description, (
        "what is no mark-up of a mail stays text"
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 500},
        {"status": 429},
        {"status": 429, "headers": {"Retry-After": "soon"}},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 200, "headers": {"Content-Type": "text/html"}, "body": b"<h1>Maintenance</h1>"},
        {"status": 200, "headers": JSON, "body": b'{"error": "RecordNotFound"}'},
        {"status": 204},
    ],
)
def test_what_fails_once_is_asked_again(upstream: Upstream, clock: Clock, fault: dict[str, Any]) -> None:
    upstream.fail("cursor=", **fault)
    assert sync(clock)["new"] == 30


def test_a_page_that_breaks_off_is_asked_again(upstream: Upstream, clock: Clock) -> None:
    upstream.truncate("cursor=", 2000)
    upstream.drop("start_time=")
    assert sync(clock)["new"] == 30


def test_an_outage_ends_the_sync_and_keeps_what_came(upstream: Upstream, clock: Clock) -> None:
    upstream.fail("cursor=", 503, times=99)
    with pytest.raises(UpstreamError, match="503"):
        sync(clock)
    assert (last_record().status, Ticket.objects.count()) == (Status.FAILED, 12)


def test_a_long_pause_gives_the_worker_back(upstream: Upstream, clock: Clock) -> None:
    upstream.fail("cursor=", 429, headers={"Retry-After": "7200"})
    with pytest.raises(RetryLater) as asked:
        sync(clock)
    assert (asked.value.delay, Ticket.objects.count()) == (timedelta(hours=2), 12)


def test_the_deadline_ends_the_sync(upstream: Upstream, clock: Clock, configured: Configured) -> None:
    configured(PIPELINE_TIMEOUT=0.2)
    upstream.slow(EXPORT, 0.3, times=9)
    with pytest.raises(DeadlineReached):
        sync(clock)


@pytest.mark.parametrize(("status", "advice"), [(401, "ZENDESK_API_TOKEN"), (403, "admin"), (404, "ZENDESK_SUBDOMAIN")])
def test_a_refusal_says_what_to_do(upstream: Upstream, clock: Clock, status: int, advice: str) -> None:
    upstream.fail(EXPORT, status)
    with pytest.raises(AbortRun, match=advice):
        sync(clock)
    assert upstream.asked(EXPORT) == 1


def test_a_missing_setting_is_named(upstream: Upstream, clock: Clock, configured: Configured) -> None:
    configured(ZENDESK_API_TOKEN="")
    with pytest.raises(NotConfigured, match="ZENDESK_API_TOKEN"):
        sync(clock)
    assert upstream.requests == []


def test_another_account_is_not_mixed_into_the_tickets_of_one(
    upstream: Upstream, clock: Clock, configured: Configured
) -> None:
    sync(clock)
    asked = len(upstream.requests)
    configured(ZENDESK_SUBDOMAIN="another")
    with pytest.raises(AbortRun, match=r"are of the Zendesk account demo.* Set it back, or"):
        sync(clock)
    assert (len(upstream.requests), Stream.objects.get().pk) == (asked, "demo")
    Ticket.objects.all().delete()
    assert sync(clock)["new"] == 30
    assert Stream.objects.get().pk == "another"


def test_an_account_that_was_never_read_is_in_nobodys_way(
    upstream: Upstream, clock: Clock, configured: Configured
) -> None:
    configured(ZENDESK_SUBDOMAIN="dmeo")
    upstream.fail(EXPORT, 404)
    with pytest.raises(AbortRun):
        sync(clock)
    configured(ZENDESK_SUBDOMAIN="demo")
    for _ in range(2):
        sync(clock)
    assert Stream.objects.get().pk == "demo"


def test_when_nothing_is_left_all_workers_pause(upstream: Upstream, zendesk: Zendesk, clock: Clock) -> None:
    zendesk.biggest_page, zendesk.exports_per_minute = 100, 1
    sync(clock)
    held = RateBucket.objects.get(pk__startswith="Zendesk exports").held_until
    assert held - datetime.now(UTC).timestamp() == pytest.approx(60, abs=10)


def test_exports_and_other_requests_are_counted_apart(clock: Clock, configured: Configured) -> None:
    configured(FETCH_COMMENTS=True)
    sync(clock)
    assert {bucket.key.partition(":")[0] for bucket in RateBucket.objects.all()} == {"Zendesk", "Zendesk exports"}


def test_a_ticket_in_a_batch_that_changes_stays_in_it_and_is_pending(zendesk: Zendesk, clock: Clock) -> None:
    sync(clock)
    batch = Batch.objects.create(key="k", batch_id="b", created_at=clock.now(), size=1)
    Ticket.objects.filter(pk=FIRST_ID + 3).update(analysis=Analysis.SENT, batch=batch)
    clock.advance(timedelta(minutes=2))
    zendesk.change(FIRST_ID + 3, description="It is quite different.")
    sync(clock)
    ticket = Ticket.objects.get(pk=FIRST_ID + 3)
    assert (ticket.analysis, ticket.batch) == (Analysis.PENDING, batch)
    assert ticket not in Ticket.objects.to_analyse(clock.now(), with_comments=False)
