"""Backfill: which moments are made up for, in what order and how fast; and that the schedule does not notice."""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from scheduling import models, store
from scheduling.exceptions import SchedulingError
from scheduling.models import FINAL, OPEN, Backfill, BackfillState, Execution, Job, State, Why
from scheduling.snapshots import Outcome
from scheduling.survey import MOST, progress_of, survey
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MORNING = NOON - timedelta(hours=3)  # 09:00


def hourly(**columns: Any) -> Job:
    return make_job(**{"cron": "0 * * * *", "next_run_time": NOON + HOUR, "max_instances": 3, **columns})


def begin(job: Job, first: datetime = MORNING, last: datetime = NOON, **options: Any) -> Backfill:
    return store.backfill(Backfill(job=job, first_at=first, last_at=last, **options), by="ada", now=NOON)


def slot(job: Job, moment: datetime, state: State = State.SKIPPED, **columns: Any) -> Execution:
    """The row of a moment in the ledger."""
    times = {"started_at": moment} if state not in (State.SKIPPED, State.QUEUED) else {}
    times |= {"finished_at": moment} if state in FINAL else {}
    owner = {"worker": make_worker()} if state == State.RUNNING else {}
    given = {"why": Why.SCHEDULE, "scheduled_for": moment, "state": state, **times, **owner, **columns}
    return make_execution(job, **given)


def end(runs: Iterable[Execution], state: State = State.SUCCEEDED) -> None:
    rows = Execution.objects.filter(pk__in=[run.pk for run in runs])
    rows.queued().update(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    rows.running().update(state=state, finished_at=NOON)


def run_all(backfill: Backfill, state: State = State.SUCCEEDED) -> list[datetime]:
    """Feed and end until it is through; returns the moments in the order of their runs."""
    moments = []
    while fed := store.feed(NOON):
        moments += [run.stands_for for run in fed]
        end(fed, state)
    backfill.refresh_from_db()
    return [moment for moment in moments if moment]


def hours(*numbers: int) -> list[datetime]:
    return [NOON.replace(hour=number) for number in numbers]


# Which moments


def test_each_moment_of_the_range_gets_one_run_that_stands_for_it() -> None:
    job = hourly(priority=5, arguments={"value": 3})
    backfill = begin(job, reason="the upstream was down")
    assert run_all(backfill) == hours(9, 10, 11, 12)
    run = backfill.runs.first()
    assert run is not None
    assert (run.why, run.priority, run.scheduled_for, run.start_deadline) == (Why.BACKFILL, -5, None, None)
    assert (run.arguments, run.requested_by, run.max_instances) == ({"value": 3}, "ada", 3)
    assert (backfill.state, backfill.total, backfill.queued, backfill.passed) == (BackfillState.DONE, 4, 4, 0)
    change = models.Change.objects.get(job=job.pk)
    assert (change.action, change.by, change.reason) == ("backfilled", "ada", "the upstream was down")
    assert change.fields["moments"] == [None, 4]


def test_moments_whose_run_succeeded_or_still_goes_are_passed() -> None:
    job = hourly()
    slot(job, NOON - 3 * HOUR, State.SUCCEEDED)
    slot(job, NOON - 2 * HOUR, State.RUNNING)
    slot(job, NOON - HOUR, State.FAILED)
    backfill = begin(job)
    assert backfill.passed == 2
    assert run_all(backfill) == hours(11, 12)


def test_a_retry_or_an_earlier_backfill_that_succeeded_counts() -> None:
    job = hourly()
    failed = slot(job, NOON, State.FAILED)
    ended = {"state": State.SUCCEEDED, "started_at": NOON, "finished_at": NOON}
    make_execution(job, why=Why.RETRY, root=failed, attempt=2, stands_for=NOON, **ended)
    run_all(begin(job, NOON - HOUR, NOON - HOUR))
    found = survey(job, MORNING, NOON, NOON)
    assert found.to_run(again=False) == hours(9, 10)
    assert [moment.row and moment.row.why for moment in found.moments] == [None, None, Why.BACKFILL, Why.RETRY]


def test_those_that_succeeded_run_too_when_asked() -> None:
    job = hourly()
    slot(job, NOON, State.SUCCEEDED)
    backfill = begin(job, again=True)
    assert (backfill.passed, run_all(backfill)) == (0, hours(9, 10, 11, 12))


def test_the_newest_come_first_when_asked() -> None:
    assert run_all(begin(hourly(), newest_first=True)) == hours(12, 11, 10, 9)


def test_what_succeeded_meanwhile_is_passed() -> None:
    job = hourly()
    backfill = begin(job)
    slot(job, NOON - HOUR, State.SUCCEEDED)
    assert run_all(backfill) == hours(9, 10, 12)
    assert (backfill.queued, backfill.passed) == (3, 1)


def test_what_was_shown_runs_though_the_schedule_changes() -> None:
    job = hourly()
    backfill = begin(job)
    Job.objects.filter(pk=job.pk).update(cron="30 * * * *")
    assert run_all(backfill) == hours(9, 10, 11, 12)


def test_the_survey_tells_of_each_moment_what_became_of_it() -> None:
    job = hourly()
    older = slot(job, NOON - 5 * HOUR, reason="Missed: 2 moments.", missed_count=1)
    paused = slot(job, NOON - 3 * HOUR, reason="Paused by ada.")
    found = survey(job, NOON - 4 * HOUR, NOON, NOON)
    assert [moment.row for moment in found.moments[:2]] == [older, paused]
    assert [moment.row for moment in found.moments[2:]] == [None, None, None]
    assert (found.settled, found.excluded) == (0, 0)


def test_what_a_calendar_excludes_is_no_part_of_it() -> None:
    calendar = models.Calendar.objects.create(id="ops", name="Ops")
    models.Window.objects.create(calendar=calendar, name="Upgrade", start_at=NOON - 2 * HOUR, end_at=NOON - HOUR / 2)
    job = hourly(calendars=["ops"])
    assert survey(job, MORNING, NOON, NOON).excluded == 2
    assert run_all(begin(job)) == hours(9, 12)
    with pytest.raises(SchedulingError, match="calendars do not exclude"):
        begin(job, NOON - 2 * HOUR, NOON - HOUR)


# What is refused


@pytest.mark.parametrize(
    ("columns", "first", "last", "said"),
    [
        ({"trigger": "manual"}, MORNING, NOON, "only when asked"),
        ({}, NOON, MORNING, "before its start"),
        ({}, MORNING, NOON + HOUR, "beyond now"),
        ({}, NOON - timedelta(minutes=50), NOON - timedelta(minutes=10), "no moment"),
        ({"cron": "* * * * *"}, NOON - timedelta(days=30), NOON, "43,201 moments"),
        ({"queue": "gone"}, MORNING, NOON, "not configured"),
        ({"task": "gone.tasks.x"}, MORNING, NOON, "gone.tasks.x"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    columns: dict[str, Any], first: datetime, last: datetime, said: str
) -> None:
    job = hourly(**columns)
    with pytest.raises(SchedulingError, match=said):
        begin(job, first, last)
    assert not Backfill.objects.exists()


@pytest.mark.parametrize("options", [{"at_once": 0}, {"at_once": 4}, {"per_minute": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SchedulingError):
        begin(hourly(), **options)  # its queue has four slots


def test_nothing_to_run_is_refused() -> None:
    job = hourly()
    slot(job, NOON, State.SUCCEEDED)
    with pytest.raises(SchedulingError, match="Nothing"):
        begin(job, NOON, NOON)


def test_as_many_moments_as_are_allowed_are_not_refused() -> None:
    job = hourly(cron="* * * * *")
    backfill = begin(job, NOON - timedelta(minutes=MOST - 1), NOON)
    assert (backfill.total, len(backfill.to_run)) == (MOST, MOST)


# How fast


def test_no_more_go_at_once_than_asked() -> None:
    backfill = begin(hourly(), at_once=2)
    first = store.feed(NOON)
    assert (len(first), store.feed(NOON)) == (2, [])
    end(first[:1])
    assert [run.stands_for for run in store.feed(NOON)] == hours(11)
    backfill.refresh_from_db()
    assert (backfill.queued, backfill.to_come) == (3, 1)


def test_all_backfills_of_a_queue_together_leave_a_place_free() -> None:
    for _ in range(3):
        begin(hourly(), at_once=2)
    assert len(store.feed(NOON)) == 3


def test_starts_keep_to_the_rate() -> None:
    begin(hourly(cron="* * * * *"), at_once=3, per_minute=6)
    starts = []
    for second in range(0, 61):
        fed = store.feed(NOON + timedelta(seconds=second, milliseconds=second % 7))
        starts += [second] * len(fed)
        end(fed)
    assert starts == [0, 10, 20, 30, 40, 50, 60]


def test_a_fast_rate_is_kept_over_the_turns_of_a_scheduler() -> None:
    begin(hourly(cron="* * * * *"), at_once=3, per_minute=120)
    starts = 0
    for second in range(0, 60):
        fed = store.feed(NOON + timedelta(seconds=second * 1.001))
        starts += len(fed)
        end(fed)
    assert 115 <= starts <= 120


def test_waiting_for_a_place_earns_no_crowd() -> None:
    begin(hourly(), at_once=3, per_minute=6)
    end(store.feed(NOON))
    assert [len(store.feed(NOON + timedelta(minutes=minute))) for minute in (10, 10, 11)] == [1, 0, 1]


# How it ends


def test_a_failed_run_does_not_stop_it_and_counts_once_with_its_retries() -> None:
    job = hourly(max_attempts=2, backoff=timedelta(seconds=10))
    backfill = begin(job, NOON - HOUR, NOON)
    worker = make_worker()

    def fail(now: datetime) -> None:
        for snapshot in store.claim(worker.pk, {"default": 4}, now):
            failed = Outcome(id=snapshot.id, fence=snapshot.fence, state=State.FAILED, finished_at=now)
            assert snapshot.scheduled_for in hours(11, 12)
            store.finish(worker.pk, [failed], now)

    store.feed(NOON)
    fail(NOON)
    retry = Execution.objects.queued().get()
    assert (retry.why, retry.attempt, retry.backfill, retry.stands_for) == (Why.RETRY, 2, backfill, NOON - HOUR)
    assert len(store.feed(NOON)) == 1  # an attempt that waits for its time holds nothing up
    fail(NOON)
    fail(NOON + HOUR)
    assert store.feed(NOON + HOUR) == []
    backfill.refresh_from_db()
    progress = progress_of([backfill])[backfill.pk]
    assert backfill.state == BackfillState.DONE
    assert (progress.failed, progress.ended, progress.all_well) == (2, 2, False)


def test_it_is_done_only_when_its_last_run_has_ended() -> None:
    backfill = begin(hourly(), NOON, NOON)
    fed = store.feed(NOON)
    store.feed(NOON)
    backfill.refresh_from_db()
    assert backfill.state == BackfillState.GOING
    end(fed)
    store.feed(NOON + HOUR)
    backfill.refresh_from_db()
    assert (backfill.state, backfill.ended_at) == (BackfillState.DONE, NOON + HOUR)
    assert progress_of([backfill])[backfill.pk].all_well


def test_a_stop_cancels_what_waits_and_lets_end_what_runs() -> None:
    job = hourly(max_attempts=5)
    backfill = begin(job, at_once=2)
    store.feed(NOON)
    store.claim(make_worker().pk, {"default": 1}, NOON)
    assert store.stop_backfill(backfill, by="bob", now=NOON, reason="too slow")
    running, waiting = backfill.runs.order_by("stands_for")
    assert (running.state, running.cancel_requested_at, running.max_attempts) == (State.RUNNING, None, 1)
    assert (waiting.state, waiting.reason) == (State.CANCELLED, "too slow")
    assert (backfill.state, backfill.ended_by, backfill.ended_reason) == (BackfillState.STOPPED, "bob", "too slow")
    assert store.feed(NOON) == []
    progress = progress_of([backfill])[backfill.pk]
    assert (progress.running, progress.cancelled, progress.to_come) == (1, 1, 2)
    assert not store.stop_backfill(backfill, by="bob", now=NOON)
    assert store.stop_backfill(backfill, by="bob", now=NOON, running=True)
    running.refresh_from_db()
    assert running.cancel_requested_by == "bob"
    assert models.Change.objects.filter(action="backfill stopped").count() == 1


def test_with_its_job_it_ends() -> None:
    job = hourly()
    backfill = begin(job)
    fed = store.feed(NOON)
    store.delete(job, by="ada", now=NOON)
    assert store.feed(NOON) == []
    backfill.refresh_from_db()
    assert (backfill.state, backfill.ended_reason) == (BackfillState.STOPPED, "Its job was deleted.")
    assert Execution.objects.get(pk=fed[0].pk).state == State.CANCELLED


def test_while_its_job_is_parked_it_waits() -> None:
    job = hourly()
    begin(job)
    store.park(job, "Its task is gone.", by="", now=NOON)
    assert store.feed(NOON) == []
    store.unpark(job, by="ada", now=NOON)
    assert len(store.feed(NOON)) == 1


def test_while_its_job_is_paused_it_goes_on() -> None:
    job = hourly()
    begin(job)
    store.pause(job, by="ada", now=NOON)
    assert len(store.feed(NOON)) == 1


def test_runs_that_are_not_kept_any_more_are_not_taken_for_missing() -> None:
    backfill = begin(hourly(), NOON - HOUR, NOON)
    run_all(backfill)
    backfill.runs.all().delete()
    progress = progress_of([backfill])[backfill.pk]
    assert (progress.forgotten, progress.ended, progress.to_come) == (2, 2, 0)


# The normal schedule


def test_a_due_moment_is_not_skipped_for_a_run_of_a_backfill_but_follows_it() -> None:
    job = hourly(max_instances=1, overlap=models.Overlap.SKIP, next_run_time=NOON)
    worker = make_worker()
    begin(job, MORNING, MORNING)
    store.feed(NOON)
    (going,) = store.claim(worker.pk, {"default": 4}, NOON)
    (due,) = store.fire_due(NOON).rows
    assert due.state == State.QUEUED
    assert store.claim(worker.pk, {"default": 4}, NOON) == []
    store.finish(worker.pk, [Outcome(id=going.id, fence=going.fence, state=State.SUCCEEDED, finished_at=NOON)], NOON)
    assert [snapshot.id for snapshot in store.claim(worker.pk, {"default": 4}, NOON)] == [due.pk]


def test_beside_the_jobs_own_runs_it_takes_no_instance() -> None:
    job = hourly(max_instances=1, overlap=models.Overlap.SKIP, next_run_time=NOON)
    worker = make_worker()
    begin(job, at_once=2, alongside=True)
    store.feed(NOON)
    assert len(store.claim(worker.pk, {"default": 4}, NOON)) == 2
    (due,) = store.fire_due(NOON).rows
    assert [snapshot.id for snapshot in store.claim(worker.pk, {"default": 4}, NOON)] == [due.pk]


def test_a_due_run_goes_before_those_of_a_backfill() -> None:
    job = hourly(next_run_time=NOON)
    begin(job, at_once=3)
    store.feed(NOON)
    (due,) = store.fire_due(NOON).rows
    assert [snapshot.id for snapshot in store.claim(make_worker().pk, {"default": 1}, NOON)] == [due.pk]


@pytest.mark.django_db(transaction=True)
def test_schedulers_that_feed_at_once_queue_each_moment_once() -> None:
    backfills = [begin(hourly(), again=True, at_once=3) for _ in range(3)]
    ready = threading.Barrier(3)
    errors = []

    def work() -> None:
        try:
            ready.wait(10)
            while Backfill.objects.going().exists():
                end(store.feed(NOON))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    for backfill in backfills:
        assert list(backfill.runs.order_by("stands_for").values_list("stands_for", flat=True)) == hours(9, 10, 11, 12)
        backfill.refresh_from_db()
        assert (backfill.state, backfill.queued) == (BackfillState.DONE, 4)
    assert not Execution.objects.filter(state__in=OPEN).exists()
