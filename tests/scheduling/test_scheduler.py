"""The scheduler's turn: each beat made by hand at a moment of its own, with an executor that performs nothing."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from apscheduler import events as ap
from apscheduler.schedulers.base import BaseScheduler
from django.db import OperationalError

from scheduling import store
from scheduling.conf import Lane
from scheduling.executors import EXECUTORS
from scheduling.executors.base import Executor, Order
from scheduling.loop import CUT_OFF, INTERRUPTED, Scheduler
from scheduling.models import Execution, Overlap, State, Worker, WorkerState
from scheduling.snapshots import Outcome, Snapshot
from tests.factories import NOON, make_execution, make_job

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Puppet(Executor):
    """Runs nothing: keeps what it is given until it is told how that has ended."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.runs: dict[int, Snapshot] = {}
        self.orders: list[tuple[int, Order]] = []
        self.killed = False

    def held(self) -> set[int]:
        return set(self.runs)

    def exclusive(self) -> set[int]:
        return {snapshot.id for snapshot in self.runs.values() if snapshot.exclusive}

    def submit(self, snapshot: Snapshot) -> None:
        self.runs[snapshot.id] = snapshot

    def stop(self, execution_id: int, order: Order) -> None:
        if execution_id in self.runs:
            self.orders.append((execution_id, order))

    def kill(self) -> None:
        self.killed = True

    def end(self, execution_id: int, state: State = State.SUCCEEDED, **more: Any) -> None:
        snapshot = self.runs[execution_id]
        self.deliver(
            Outcome(**{"id": snapshot.id, "fence": snapshot.fence, "state": state, "finished_at": NOON, **more})
        )
        del self.runs[execution_id]

    def end_all(self, state: State = State.SUCCEEDED, **more: Any) -> None:
        for execution_id in list(self.runs):
            self.end(execution_id, state, **more)


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    """A scheduler with two places that has been started, and whose loop is the test."""
    monkeypatch.setitem(EXECUTORS, "puppet", Puppet)
    scheduler = Scheduler([Lane("default", "puppet", 2)])
    scheduler.worker = store.register({"default": 2}, NOON)
    BaseScheduler.start(scheduler)
    yield scheduler
    if scheduler.running:
        scheduler.shutdown()


@pytest.fixture
def puppet(scheduler: Scheduler) -> Puppet:
    lane = scheduler.lanes["default"]
    assert isinstance(lane, Puppet)
    return lane


def beat(scheduler: Scheduler, now: datetime = NOON) -> float:
    """One turn in which the scheduler looks at everything."""
    scheduler.look_around()
    return scheduler.beat(now)


def states() -> list[str]:
    return list(Execution.objects.order_by("id").values_list("state", flat=True))


def test_a_due_moment_is_fired_claimed_and_handed_to_its_executor_in_one_turn(
    scheduler: Scheduler, puppet: Puppet
) -> None:
    make_job(arguments={"value": 7})
    beat(scheduler)
    (snapshot,) = puppet.runs.values()
    assert (snapshot.arguments, snapshot.scheduled_for, snapshot.fence) == ({"value": 7}, NOON, 1)
    assert states() == [State.RUNNING]


def test_what_has_ended_is_written_in_the_next_turn(scheduler: Scheduler, puppet: Puppet) -> None:
    make_execution()
    beat(scheduler)
    puppet.end_all(result=7)
    beat(scheduler)
    run = Execution.objects.get()
    assert (run.state, run.result) == (State.SUCCEEDED, 7)
    assert not scheduler.failed


def test_no_more_run_than_there_are_places(scheduler: Scheduler, puppet: Puppet) -> None:
    for _ in range(3):
        make_execution()
    beat(scheduler)
    assert len(puppet.runs) == 2
    puppet.end(min(puppet.runs))
    scheduler.beat(NOON)
    assert len(puppet.runs) == 2
    assert states() == [State.SUCCEEDED, State.RUNNING, State.RUNNING]


def test_a_retry_is_queued_and_run_in_its_turn(scheduler: Scheduler, puppet: Puppet) -> None:
    make_execution(max_attempts=2)
    beat(scheduler)
    puppet.end_all(State.FAILED, retry_in=10.0)
    beat(scheduler)
    assert puppet.runs == {}
    beat(scheduler, NOON + 11 * SECOND)
    assert [snapshot.attempt for snapshot in puppet.runs.values()] == [2]
    assert scheduler.failed


def test_a_cancelled_run_is_ordered_to_stop(scheduler: Scheduler, puppet: Puppet) -> None:
    run = make_execution()
    beat(scheduler)
    store.cancel(run, by="ada", now=NOON, reason="wrong month")
    beat(scheduler)
    assert puppet.orders == [(run.pk, Order(State.CANCELLED, "wrong month"))]


def test_an_outcome_that_could_not_be_written_is_written_later(
    scheduler: Scheduler, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_execution()
    beat(scheduler)
    puppet.end_all(result=7)
    with monkeypatch.context() as broken:
        broken.setattr(Execution.objects, "running", _no_database)
        with pytest.raises(OperationalError):
            beat(scheduler)
    beat(scheduler)
    assert Execution.objects.get().result == 7


def _no_database() -> None:
    raise OperationalError("server closed the connection unexpectedly")


def test_an_end_that_no_database_can_keep_is_set_aside_and_the_others_are_written(
    scheduler: Scheduler, puppet: Puppet
) -> None:
    odd, well = make_execution(), make_execution()
    beat(scheduler)
    puppet.end(odd.pk, result=float("nan"))
    puppet.end(well.pk, result=7)
    beat(scheduler)
    odd.refresh_from_db()
    assert states() == [State.FAILED, State.SUCCEEDED]
    assert odd.reason.startswith("It ended as succeeded, but the database refused what it told:")
    assert scheduler.failed


def test_exclusive_runs_are_stopped_when_the_worker_is_cut_off(scheduler: Scheduler, puppet: Puppet) -> None:
    exclusive, other = make_execution(exclusive=True), make_execution()
    beat(scheduler)
    scheduler._cut_off()
    assert puppet.orders == [(exclusive.pk, CUT_OFF)]
    assert other.pk in puppet.held()


def test_a_pause_that_is_over_ends_in_the_turn_and_the_next_one_wakes_it(scheduler: Scheduler) -> None:
    job = make_job(next_run_time=None, paused_at=NOON, paused_until=NOON + 10 * SECOND)
    assert beat(scheduler) <= 10
    beat(scheduler, NOON + 11 * SECOND)
    job.refresh_from_db()
    assert (job.paused_at, job.next_run_time) == (None, NOON + timedelta(minutes=1))


def test_a_clock_that_was_ahead_is_minded_in_the_turn(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler.clock, "now", lambda: NOON)
    ahead = NOON + timedelta(days=1)
    job = make_job(next_run_time=ahead, fired_until=ahead)
    with caplog.at_level("ERROR"):
        beat(scheduler)
    job.refresh_from_db()
    assert job.next_run_time == NOON + timedelta(minutes=1)
    assert "The clock had been ahead" in caplog.text


def test_a_run_that_awaits_its_writing_is_no_stray(
    scheduler: Scheduler, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_execution()
    beat(scheduler)
    puppet.end_all()
    scheduler._swept = float("-inf")
    scheduler._sweep()
    assert states() == [State.RUNNING]


def test_a_run_that_bears_our_name_and_never_reached_us_is_given_back(scheduler: Scheduler) -> None:
    make_execution(state=State.RUNNING, worker=scheduler.worker, started_at=NOON, queue="another")
    scheduler._swept = float("-inf")
    beat(scheduler)
    assert states() == [State.QUEUED]


def test_the_turn_says_how_long_to_sleep(scheduler: Scheduler) -> None:
    now = scheduler.clock.now()
    assert 0 < beat(scheduler, now) <= 1  # the poll
    make_job(trigger="date", run_at=now + 0.2 * SECOND, next_run_time=now + 0.2 * SECOND)
    assert 0 <= beat(scheduler, now) <= 0.2


# Listeners


@pytest.fixture
def heard(scheduler: Scheduler) -> list[Any]:
    events: list[Any] = []
    scheduler.add_listener(
        events.append,
        ap.EVENT_JOB_SUBMITTED
        | ap.EVENT_JOB_EXECUTED
        | ap.EVENT_JOB_ERROR
        | ap.EVENT_JOB_MISSED
        | ap.EVENT_JOB_MAX_INSTANCES,
    )
    return events


def test_listeners_hear_of_a_run_and_its_result(scheduler: Scheduler, puppet: Puppet, heard: list[Any]) -> None:
    job = make_job()
    beat(scheduler)
    puppet.end_all(result=7)
    beat(scheduler)
    submitted, executed = heard
    assert (submitted.code, submitted.job_id) == (ap.EVENT_JOB_SUBMITTED, job.pk)
    assert submitted.scheduled_run_times == [NOON]
    assert (executed.code, executed.job_id, executed.retval) == (ap.EVENT_JOB_EXECUTED, job.pk, 7)
    assert executed.scheduled_run_time == NOON


def test_listeners_hear_of_an_error(scheduler: Scheduler, puppet: Puppet, heard: list[Any]) -> None:
    make_job()
    beat(scheduler)
    puppet.end_all(State.FAILED, error_class="builtins.ValueError", error_message="no", traceback="Traceback")
    beat(scheduler)
    error = heard[-1]
    assert (error.code, error.traceback) == (ap.EVENT_JOB_ERROR, "Traceback")
    assert str(error.exception) == "ValueError: no"


def test_listeners_hear_of_a_moment_that_was_missed(scheduler: Scheduler, heard: list[Any]) -> None:
    job = make_job(trigger="date", run_at=NOON)
    beat(scheduler, NOON + timedelta(hours=1))
    (missed,) = heard
    assert (missed.code, missed.job_id, missed.scheduled_run_time) == (ap.EVENT_JOB_MISSED, job.pk, NOON)


def test_listeners_hear_of_a_run_that_found_no_place_in_time(scheduler: Scheduler, heard: list[Any]) -> None:
    job = make_job(queue="unserved", trigger="date", run_at=NOON)
    beat(scheduler)
    beat(scheduler, NOON + timedelta(hours=1))
    (missed,) = heard
    assert (missed.code, missed.job_id) == (ap.EVENT_JOB_MISSED, job.pk)


def test_listeners_hear_of_a_run_that_its_predecessor_kept_from_starting(
    scheduler: Scheduler, puppet: Puppet, heard: list[Any]
) -> None:
    job = make_job(overlap=Overlap.SKIP)
    beat(scheduler)
    beat(scheduler, NOON + MINUTE)
    crowded = heard[-1]
    assert (crowded.code, crowded.job_id) == (ap.EVENT_JOB_MAX_INSTANCES, job.pk)
    assert crowded.scheduled_run_times == [NOON + MINUTE]


def test_a_listener_that_fails_stops_nothing(scheduler: Scheduler, puppet: Puppet) -> None:
    def fail(event: Any) -> None:
        raise RuntimeError("the listener is broken")

    scheduler.add_listener(fail)
    make_job()
    beat(scheduler)
    assert len(puppet.runs) == 1


def test_a_late_result_is_refused_and_told(
    scheduler: Scheduler, puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_execution()
    beat(scheduler)
    Execution.objects.filter(pk=run.pk).update(fence=9)
    puppet.end_all()
    with caplog.at_level(logging.WARNING, "scheduling.runs"):
        beat(scheduler)
    assert "Refused a late result (succeeded)" in caplog.text
    assert states() == [State.RUNNING]


# Pausing and stopping


def test_a_paused_scheduler_starts_nothing_and_writes_what_ends(scheduler: Scheduler, puppet: Puppet) -> None:
    make_job()
    beat(scheduler)
    scheduler.pause()
    puppet.end_all()
    make_execution()
    scheduler._process_jobs()
    assert states() == [State.SUCCEEDED, State.QUEUED]
    assert puppet.runs == {}


def test_a_paused_scheduler_can_be_stopped(scheduler: Scheduler) -> None:
    scheduler.pause()
    scheduler.stop()
    scheduler._process_jobs()
    assert not scheduler.running


def test_a_stopping_scheduler_waits_for_what_runs_and_starts_nothing(scheduler: Scheduler, puppet: Puppet) -> None:
    run = make_execution()
    beat(scheduler)
    waiting = make_execution()
    scheduler.stop()
    beat(scheduler)
    assert scheduler.running
    assert puppet.orders == []
    puppet.end(run.pk)
    beat(scheduler)
    assert not scheduler.running
    waiting.refresh_from_db()
    assert waiting.state == State.QUEUED


def test_when_the_grace_is_over_the_rest_is_stopped_and_lost(scheduler: Scheduler, puppet: Puppet) -> None:
    run = make_execution(idempotent=True)
    beat(scheduler)
    scheduler.stop(now=True)
    beat(scheduler)
    assert puppet.orders == [(run.pk, INTERRUPTED)]
    puppet.end(run.pk, State.LOST)
    beat(scheduler)
    assert not scheduler.running
    assert states() == [State.LOST, State.QUEUED]  # idempotent: run again by another one


def test_a_stopping_worker_says_so(scheduler: Scheduler, puppet: Puppet) -> None:
    make_execution()
    beat(scheduler)
    scheduler.stop()
    beat(scheduler)
    assert Worker.objects.get().state == WorkerState.STOPPING


def test_once_ends_when_nothing_is_left(scheduler: Scheduler, puppet: Puppet) -> None:
    scheduler.once = True
    make_execution()
    beat(scheduler)
    assert not scheduler.is_stopping
    puppet.end_all()
    beat(scheduler)
    assert scheduler.is_stopping


def test_a_database_that_does_not_answer_is_asked_again_later(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Execution.objects, "queued", _no_database)
    monkeypatch.setattr("scheduling.loop.connection.close", lambda: None, raising=False)
    make_execution()
    scheduler.look_around()
    sleeps = [scheduler._process_jobs() for _ in range(8)]
    assert sleeps == sorted(sleeps)  # type: ignore[type-var]
    assert sleeps[-1] == 2.0
