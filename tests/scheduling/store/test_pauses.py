"""pause, resume, skip next: what stands still goes on without a surprise, and every moment meanwhile has its row."""

from datetime import datetime, timedelta

import pytest

from scheduling import store
from scheduling.exceptions import InvalidJob, NothingToSkip
from scheduling.models import Calendar, Cause, Change, Execution, Job, Queue, State, Why, Window
from scheduling.planning import Missed
from tests.factories import NOON, make_execution, make_job

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEFORE = NOON - timedelta(seconds=1)


def paused(**columns: object) -> Job:
    """A job that was paused a second before noon."""
    job = make_job(**columns)
    store.pause(job, by="ada", now=BEFORE, reason="the vendor is down")
    return job


def ledger(job: Job) -> list[tuple[datetime | None, str, str]]:
    rows = job.executions.filter(why=Why.SCHEDULE).order_by("scheduled_for")
    return list(rows.values_list("scheduled_for", "state", "cause"))


def last_change(job: Job) -> Change:
    return Change.objects.filter(job=job.pk).latest("id")


def test_what_was_missed_is_counted_before_it_is_decided() -> None:
    job = paused()
    assert store.missed_so_far(job, NOON + 5 * MINUTE) == 6
    assert store.missed_so_far(job, BEFORE) == 0


def test_a_resumed_job_makes_up_for_nothing_unless_asked() -> None:
    job = paused()
    store.resume(job, by="ada", now=NOON + 2 * MINUTE)
    assert {row[1:] for row in ledger(job)} == {(State.SKIPPED, Cause.PAUSED)}
    assert len(ledger(job)) == 3
    assert job.next_run_time == NOON + 3 * MINUTE


def test_the_latest_missed_moment_runs_when_asked_for() -> None:
    job = paused()
    store.resume(job, by="ada", now=NOON + 2 * MINUTE, missed=Missed.LATEST)
    assert [row[1] for row in ledger(job)] == [State.SKIPPED, State.SKIPPED, State.QUEUED]
    run = Execution.objects.queued().get()
    assert run.start_deadline is None
    assert run.reason == "Made up for on request. Paused by ada. the vendor is down"
    assert last_change(job).fields == {"made_up_for": [None, "The latest"]}


def test_all_missed_moments_are_brought_by_a_backfill() -> None:
    job = paused()
    store.resume(job, by="ada", now=NOON + 2 * MINUTE, missed=Missed.ALL)
    assert {row[1] for row in ledger(job)} == {State.SKIPPED}
    backfill = job.backfills.get()
    assert (backfill.first_at, backfill.last_at, backfill.total) == (NOON, NOON + 2 * MINUTE, 3)
    assert backfill.requested_by == "ada"


def test_a_long_pause_has_a_hundred_rows_and_one() -> None:
    job = paused(cron="* * * * * *")
    store.resume(job, by="ada", now=NOON + 10 * HOUR)
    rows = job.executions.order_by("scheduled_for")
    assert rows.count() == 101
    assert sum(row.missed_count + 1 for row in rows) == 36_001
    assert rows[0].reason == "Paused by ada. the vendor is down"


def test_a_pause_ends_by_itself_at_its_moment() -> None:
    job = make_job()
    store.pause(job, by="ada", now=BEFORE, reason="maintenance", until=NOON + 2 * MINUTE)
    assert store.end_pauses(NOON + MINUTE) == []
    assert [each.pk for each in store.end_pauses(NOON + 4 * MINUTE + MINUTE / 2)] == [job.pk]
    job.refresh_from_db()
    assert (job.paused_at, job.paused_until, job.paused_reason) == (None, None, "")
    assert job.next_run_time == NOON + 2 * MINUTE  # what is due from then on is fired as after any other delay
    assert [row[0] for row in ledger(job)] == [NOON, NOON + MINUTE]
    assert "until 2026-03-02 12:02:00 UTC" in job.executions.latest("id").reason
    assert last_change(job).reason == "The pause ended as planned."


def test_a_pause_that_should_have_ended_ends_before_anything_else_changes() -> None:
    job = make_job()
    store.pause(job, by="ada", now=BEFORE, until=NOON + MINUTE)
    store.park(job, "no task", by="the code", now=NOON + 3 * MINUTE)
    assert [row[2] for row in ledger(job)] == [Cause.PAUSED, Cause.COALESCED, Cause.COALESCED, ""]
    store.end_pauses(NOON + 4 * MINUTE)
    job.refresh_from_db()
    assert (job.paused_at, job.next_run_time) == (None, None)
    store.unpark(job, by="the code", now=NOON + 4 * MINUTE)
    assert [row[2] for row in ledger(job)][4:] == [Cause.PARKED]


def test_a_pause_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidJob, match="has passed"):
        store.pause(make_job(), by="ada", now=NOON, until=NOON)


def test_a_pause_can_be_prolonged() -> None:
    job = make_job()
    store.pause(job, by="ada", now=BEFORE, until=NOON + MINUTE)
    assert store.pause(job, by="bob", now=BEFORE + MINUTE, reason="not yet", until=NOON + HOUR)
    assert (job.paused_at, job.paused_until, job.paused_by) == (BEFORE, NOON + HOUR, "bob")
    assert not store.pause(job, by="bob", now=BEFORE + 2 * MINUTE, until=NOON + HOUR)
    assert store.end_pauses(NOON + 2 * MINUTE) == []


def test_a_job_whose_zone_is_gone_keeps_no_other_pause_from_ending() -> None:
    broken = make_job(timezone="Atlantis/Poseidonis", paused_at=BEFORE, paused_until=NOON, next_run_time=None)
    well = make_job(paused_at=BEFORE, paused_until=NOON, next_run_time=None)
    store.end_pauses(NOON)
    broken.refresh_from_db()
    well.refresh_from_db()
    assert "Atlantis" in broken.parked_reason
    assert well.next_run_time == NOON


def test_a_parked_job_makes_up_for_nothing() -> None:
    job = paused()
    Job.objects.update(parked_reason="no task")
    store.resume(job, by="ada", now=NOON + MINUTE, missed=Missed.LATEST)
    assert {row[1:] for row in ledger(job)} == {(State.SKIPPED, Cause.PARKED)}
    assert job.next_run_time is None


def test_the_next_run_can_be_skipped_and_the_ledger_says_so_at_once() -> None:
    job = make_job()
    assert store.skip_next(job, by="ada", now=BEFORE, reason="the stock-taking is on") == NOON
    row = job.executions.get()
    assert (row.state, row.cause, row.reason) == (
        State.SKIPPED,
        Cause.BY_HAND,
        "Skipped by ada. the stock-taking is on",
    )
    assert job.next_run_time == NOON + MINUTE
    assert last_change(job).action == "skipped"
    store.fire_due(NOON + MINUTE)
    assert [row[1] for row in ledger(job)] == [State.SKIPPED, State.QUEUED]


def test_what_is_due_is_fired_before_the_next_one_is_skipped() -> None:
    job = make_job()
    assert store.skip_next(job, by="ada", now=NOON) == NOON + MINUTE
    assert [row[1] for row in ledger(job)] == [State.QUEUED, State.SKIPPED]


def test_the_run_to_skip_is_one_that_no_calendar_excludes() -> None:
    calendar = Calendar.objects.create(id="ops", name="Ops")
    Window.objects.create(calendar=calendar, name="Backup", start_at=NOON, end_at=NOON + 2 * MINUTE)
    job = make_job(calendars=["ops"])
    assert store.skip_next(job, by="ada", now=BEFORE) == NOON + 2 * MINUTE
    assert [row[2] for row in ledger(job)] == [Cause.CALENDAR, Cause.CALENDAR, Cause.BY_HAND]


def test_a_paused_job_has_no_next_run_to_skip() -> None:
    with pytest.raises(NothingToSkip, match="no next run to skip: Paused by ada"):
        store.skip_next(paused(), by="ada", now=NOON)


def test_a_skipped_moment_has_one_row_whatever_follows() -> None:
    job = make_job()
    store.skip_next(job, by="ada", now=BEFORE)
    store.pause(job, by="ada", now=BEFORE)
    store.resume(job, by="ada", now=NOON + MINUTE)
    job.cron = "*/1 * * * *"
    store.change(job, ["cron"], by="ada", now=NOON + MINUTE)
    assert [row[2] for row in ledger(job)] == [Cause.BY_HAND, Cause.PAUSED]


# Queues


@pytest.fixture
def queue() -> Queue:
    store.ensure_queues()
    return Queue.objects.get(pk="default")


def test_a_paused_queue_fires_and_starts_nothing_of_its_own(queue: Queue) -> None:
    job, other = make_job(), make_job(queue="light")
    waiting = make_execution(job)
    worker = store.register({"default": 4, "light": 4}, NOON)
    assert store.pause_queue(queue, by="ada", now=BEFORE, reason="the disk is full")
    store.fire_due(NOON)
    assert ledger(job) == []
    started = store.claim(worker.pk, {"default": 4, "light": 4}, NOON)
    assert [each.job for each in started] == [other.pk]
    assert store.waiting_in(queue) == 1
    waiting.refresh_from_db()
    assert waiting.state == State.QUEUED


def test_a_resumed_queue_says_what_was_missed_and_makes_up_for_what_is_asked(queue: Queue) -> None:
    jobs = [make_job(), make_job(cron="*/2 * * * *")]
    store.pause_queue(queue, by="ada", now=BEFORE, reason="the disk is full")
    later = NOON + 3 * MINUTE
    assert store.missed_of_queue(queue, later) == (6, 2)
    assert store.resume_queue(queue, by="ada", now=later, missed=Missed.LATEST)
    assert [row[1] for row in ledger(jobs[0])] == [State.SKIPPED] * 3 + [State.QUEUED]
    assert [row[1] for row in ledger(jobs[1])] == [State.SKIPPED, State.QUEUED]
    first = jobs[0].executions.earliest("scheduled_for")
    assert (first.cause, first.reason) == (
        Cause.QUEUE_PAUSED,
        "The queue default was paused by ada. the disk is full",
    )
    jobs[0].refresh_from_db()
    assert jobs[0].next_run_time == NOON + 4 * MINUTE
    assert not store.resume_queue(queue, by="ada", now=later)
    assert list(Change.objects.values_list("subject", "action").order_by("id")) == [
        ("queue default", "paused"),
        ("queue default", "resumed"),
    ]


def test_the_pause_of_a_queue_ends_by_itself(queue: Queue) -> None:
    job = make_job()
    store.pause_queue(queue, by="ada", now=BEFORE, until=NOON + MINUTE)
    assert store.end_queue_pauses(NOON) == []
    assert store.end_queue_pauses(NOON + 3 * MINUTE) == [queue]
    assert [row[0] for row in ledger(job)] == [NOON]
    assert store.fire_due(NOON + 3 * MINUTE).rows[-1].scheduled_for == NOON + 3 * MINUTE
    assert len(ledger(job)) == 4


def test_a_job_that_leaves_a_paused_queue_is_accounted_for_first(queue: Queue) -> None:
    job = make_job()
    store.pause_queue(queue, by="ada", now=BEFORE)
    job.queue = "light"
    store.change(job, ["queue"], by="ada", now=NOON + MINUTE)
    assert [row[1:] for row in ledger(job)] == [(State.SKIPPED, Cause.QUEUE_PAUSED)] * 2
    store.fire_due(NOON + 2 * MINUTE)
    assert len(ledger(job)) == 3


def test_a_run_that_waited_too_long_in_a_paused_queue_says_so(queue: Queue) -> None:
    job = make_job()
    run = make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON - HOUR, start_deadline=NOON)
    store.pause_queue(queue, by="ada", now=NOON - HOUR)
    store.skip_overdue(NOON)
    run.refresh_from_db()
    assert run.cause == Cause.QUEUE_PAUSED
    assert run.reason.startswith("The queue default was paused by ada. It waited until")


# A clock that was wrong


def test_jobs_that_a_wrong_clock_has_sent_into_the_future_come_back() -> None:
    ahead = NOON + timedelta(days=1)
    sleeping = make_job(next_run_time=ahead + MINUTE, fired_until=ahead)
    well = make_job(next_run_time=NOON + MINUTE, fired_until=NOON)
    retry = make_execution(sleeping, created_at=ahead, run_after=ahead + MINUTE)
    assert store.reanchor(NOON) == [sleeping]
    sleeping.refresh_from_db()
    well.refresh_from_db()
    retry.refresh_from_db()
    assert sleeping.next_run_time == well.next_run_time == NOON + MINUTE
    assert retry.run_after == NOON
    assert "clock" in last_change(sleeping).reason
    assert store.reanchor(NOON) == []


# What a standstill is not to forget, nor to count twice


def counted(job: Job) -> int:
    return sum(row.missed_count + 1 for row in job.executions.filter(why=Why.SCHEDULE))


def test_a_prolonged_pause_forgets_nothing_of_what_was_missed() -> None:
    job = paused()
    store.pause(job, by="ada", now=NOON + 10 * MINUTE, reason="not yet")
    store.pause(job, by="ada", now=NOON + 20 * MINUTE, until=NOON + HOUR)
    later = NOON + 30 * MINUTE
    assert store.missed_so_far(job, later) == 31
    store.resume(job, by="ada", now=later, missed=Missed.ALL)
    assert (counted(job), job.backfills.get().total) == (31, 31)


def test_the_latest_moment_runs_even_if_it_has_a_row_already() -> None:
    job = paused()
    store.pause(job, by="ada", now=NOON + MINUTE, reason="not yet")
    store.resume(job, by="bob", now=NOON + MINUTE, missed=Missed.LATEST)
    run = Execution.objects.queued().get()
    assert (run.stands_for, run.scheduled_for, run.requested_by) == (NOON + MINUTE, None, "bob")


def test_the_latest_moment_is_one_that_no_calendar_excludes() -> None:
    calendar = Calendar.objects.create(id="ops", name="Ops")
    Window.objects.create(calendar=calendar, name="Backup", start_at=NOON + MINUTE, end_at=NOON + HOUR)
    job = paused(calendars=["ops"])
    store.resume(job, by="ada", now=NOON + 5 * MINUTE, missed=Missed.LATEST)
    assert Execution.objects.queued().get().scheduled_for == NOON


@pytest.mark.parametrize("held", [True, False])
def test_a_change_while_a_job_stands_still_counts_nothing_twice(queue: Queue, held: bool) -> None:
    job = make_job()
    if held:
        store.pause_queue(queue, by="ada", now=BEFORE)
    else:
        store.pause(job, by="ada", now=BEFORE)
    job.queue = "light"
    store.change(job, ["queue"], by="ada", now=NOON + 5 * HOUR)
    job.queue = "default"
    store.change(job, ["queue"], by="ada", now=NOON + 5 * HOUR)
    if held:
        store.resume_queue(queue, by="ada", now=NOON + 6 * HOUR)
    else:
        store.resume(job, by="ada", now=NOON + 6 * HOUR)
    assert counted(job) == 361


def test_one_job_that_cannot_be_made_up_for_holds_up_no_queue(queue: Queue) -> None:
    gone, well = make_job(task="tests.workload.tasks.gone"), make_job()
    store.pause_queue(queue, by="ada", now=BEFORE)
    assert store.resume_queue(queue, by="ada", now=NOON + MINUTE, missed=Missed.ALL)
    assert well.backfills.count() == 1
    assert last_change(gone).action == "not made up for"
    assert len(ledger(gone)) == 2


def test_a_schedule_that_cannot_be_read_is_counted_as_nothing_missed() -> None:
    job = make_job(timezone="Atlantis/Poseidonis", paused_at=BEFORE, next_run_time=None)
    assert store.missed_so_far(job, NOON + HOUR) == 0


def test_what_a_wrong_clock_wrote_off_is_taken_back() -> None:
    job = make_job(misfire_grace_time=timedelta(minutes=1))
    store.fire_due(NOON + timedelta(days=1))
    store.reanchor(NOON + 10 * MINUTE)
    ahead = job.executions.get(scheduled_for__gt=NOON + 10 * MINUTE)
    assert ahead.state == State.QUEUED  # the one that was not written off
    assert counted(job) - 1 == 11
    job.refresh_from_db()
    assert job.next_run_time == NOON + 11 * MINUTE
