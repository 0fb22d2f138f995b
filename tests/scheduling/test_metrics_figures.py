"""The figures tell what the ledger tells: each end once, over restarts, deaths, retention, and whoever ended it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from scheduling import store
from scheduling.clock import Clock
from scheduling.models import Cause, Execution, Job, Overlap, Queue, State, Why, Worker, WorkerState
from scheduling.pulse import QUIET, Pulse
from scheduling.snapshots import Outcome, Snapshot
from scheduling.store import retention
from scheduling.store.figures import GIVEN, OWN, figures_of, fold, total
from scheduling.tally import DURATION, LATENESS, RUN_SECONDS, RUNS, TURN, Figures, tally
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
Committed = Callable[..., AbstractContextManager[Any]]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _nothing_counted_before() -> Iterator[None]:
    tally.take()
    yield
    tally.take()


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Committed) -> Callable[[], AbstractContextManager[Any]]:
    """What is done within counts as committed at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def counted() -> Counter[tuple[str, str, str]]:
    """Runs by job, state and cause, as all rows of workers together tell."""
    found: Counter[tuple[str, str, str]] = Counter()
    for series, value in total().items():
        if series[0] == RUNS:
            found[series[1], series[3], series[4]] += int(value)
    return found


def ledger() -> Counter[tuple[str, str, str]]:
    """The same, read off the runs."""
    found: Counter[tuple[str, str, str]] = Counter()
    tried = set(Execution.objects.exclude(root=None).values_list("root_id", "attempt"))
    for run in Execution.objects.exclude(state__in=[State.QUEUED, State.RUNNING]):
        interrupted = run.state == State.LOST and run.cause == Cause.INTERRUPTED
        retried = (run.root_id or run.pk, run.attempt + 1) in tried
        state = "interrupted" if interrupted else "retried" if retried else run.state
        found[run.job_id or "", state, run.cause if state == State.SKIPPED else ""] += 1 + run.missed_count
    return found


def claimed(worker: Worker, now: datetime = NOON) -> list[Snapshot]:
    return store.claim(worker.pk, {"default": 9}, now)


def end(worker: Worker, snapshot: Snapshot, state: State, now: datetime, **more: Any) -> None:
    outcome = Outcome(id=snapshot.id, fence=snapshot.fence, state=state, finished_at=now, started_at=NOON, **more)
    store.finish(worker.pk, [outcome], now)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED])
def test_a_run_that_its_worker_ends_counts_with_its_time(committed: Committed, state: State) -> None:
    worker, job = make_worker(), make_job(id="films")
    make_execution(job)
    with committed():
        end(worker, claimed(worker)[0], state, NOON + timedelta(seconds=3))
    assert counted() == ledger() == {("films", state, ""): 1}
    assert total()[RUN_SECONDS, "films", job.task] == 3
    assert total()[DURATION, "default", "5"] == 1


def test_a_run_without_a_job_counts_by_its_task(committed: Committed) -> None:
    worker, run = make_worker(), make_execution()
    with committed():
        end(worker, claimed(worker)[0], State.SUCCEEDED, NOON)
    assert total()[RUNS, "", run.task, "succeeded", ""] == 1


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT])
def test_only_the_last_attempt_of_a_run_has_failed(committed: Committed, state: State) -> None:
    worker, job = make_worker(), make_job(id="films", max_attempts=2)
    make_execution(job)
    for attempt in range(2):
        now = NOON + timedelta(hours=attempt)
        with committed():
            end(worker, claimed(worker, now)[0], state, now, may_retry=True)
        assert counted() == ledger()
    assert counted() == {("films", "retried", ""): 1, ("films", state, ""): 1}


def test_a_lost_run_that_is_run_again_is_no_loss(committed: Committed) -> None:
    worker = make_worker()
    make_execution(make_job(id="films", idempotent=True))
    make_execution(make_job(id="books"))
    with committed():
        claimed(worker)
        store.rescue(worker, NOON, why="has not moved")
    assert counted() == ledger() == {("films", "retried", ""): 1, ("books", "lost", ""): 1}


def test_an_end_that_came_too_late_counts_no_second_time(committed: Committed) -> None:
    worker = make_worker()
    make_execution()
    with committed():
        snapshot = claimed(worker)[0]
        end(worker, snapshot, State.SUCCEEDED, NOON)
        end(worker, snapshot, State.FAILED, NOON)
    assert counted() == ledger() == {("", "succeeded", ""): 1}


def test_what_is_rolled_back_counts_nothing(committed: Committed) -> None:
    worker = make_worker()
    make_execution()
    with committed(), transaction.atomic():
        end(worker, claimed(worker)[0], State.SUCCEEDED, NOON)
        transaction.set_rollback(True)
    assert not total()


@pytest.mark.parametrize(
    ("scheduled", "seconds", "bucket"), [(NOON, 4, "5"), (None, 4, "2")], ids=["after its moment", "after the request"]
)
def test_a_start_counts_how_late_it_is(
    committed: Committed, scheduled: datetime | None, seconds: int, bucket: str
) -> None:
    worker = make_worker()
    make_execution(make_job(), scheduled_for=scheduled, run_after=NOON + timedelta(seconds=2))
    with committed():
        end(worker, claimed(worker, NOON + timedelta(seconds=seconds))[0], State.SUCCEEDED, NOON)
    assert total()[LATENESS, "default", bucket] == 1


def test_a_backfill_of_last_year_is_not_a_year_late(committed: Committed) -> None:
    worker = make_worker()
    make_execution(make_job(), stands_for=NOON - timedelta(days=365), why=Why.BACKFILL)
    with committed():
        end(worker, claimed(worker)[0], State.SUCCEEDED, NOON)
    assert total()[LATENESS, "default", "0.05"] == 1


def test_moments_that_were_missed_count_each(committed: Committed) -> None:
    make_worker()
    make_job(id="films", next_run_time=NOON - 150 * MINUTE, misfire_grace_time=MINUTE, coalesce=False)
    with committed():
        store.fire_due(NOON)
    assert counted() == ledger()
    assert counted()["films", "skipped", Cause.MISSED] == 149


def test_an_overlap_counts(committed: Committed) -> None:
    worker, job = make_worker(), make_job(id="films", overlap=Overlap.SKIP)
    make_execution(job, state=State.RUNNING, worker=worker, started_at=NOON)
    with committed():
        store.fire_due(NOON)
    assert counted() == ledger() == {("films", "skipped", Cause.OVERLAP): 1}


def test_what_makes_way_for_the_next_run_counts(committed: Committed) -> None:
    worker, job = make_worker(), make_job(id="films", overlap=Overlap.CANCEL)
    make_execution(job, state=State.RUNNING, worker=worker, started_at=NOON)
    make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON - MINUTE)
    with committed():
        store.fire_due(NOON)
    assert counted() == ledger() == {("films", "skipped", Cause.OVERLAP): 1}


def test_what_waited_too_long_counts(committed: Committed) -> None:
    make_worker()
    make_execution(make_job(id="films"), start_deadline=NOON)
    with committed():
        store.skip_overdue(NOON)
    assert counted() == ledger() == {("films", "skipped", Cause.MISSED): 1}


def _pause(job: Job) -> None:
    store.pause(job, by="ada", now=NOON)


def _pause_and_resume(job: Job) -> None:
    store.pause(job, by="ada", now=NOON)
    store.resume(job, by="ada", now=NOON + 5 * MINUTE)


def _end_a_pause(job: Job) -> None:
    store.pause(job, by="ada", now=NOON, until=NOON + 3 * MINUTE)
    store.end_pauses(NOON + 5 * MINUTE)


def _pause_its_queue(job: Job) -> None:
    queue = Queue.objects.create(name="default")
    store.pause_queue(queue, by="ada", now=NOON)
    store.resume_queue(queue, by="ada", now=NOON + 5 * MINUTE)


def _cancel(job: Job) -> None:
    for run in Execution.objects.queued():
        store.cancel(run, by="ada", now=NOON)


@pytest.mark.parametrize(
    "deed",
    [
        _pause,
        _pause_and_resume,
        _end_a_pause,
        _pause_its_queue,
        _cancel,
        lambda job: store.delete(job, by="ada", now=NOON),
        lambda job: store.skip_next(job, by="ada", now=NOON),
        lambda job: store.park(job, "its task is gone", by="ada", now=NOON + 2 * MINUTE),
        lambda job: store.recompute(job, by="ada", now=NOON + 2 * MINUTE),
    ],
    ids=["pause", "resume", "end", "queue", "cancel", "delete", "skip", "park", "recompute"],
)
def test_what_a_person_ends_counts_though_no_worker_saw_it(committed: Committed, deed: Callable[[Job], None]) -> None:
    make_worker()
    job = make_job(next_run_time=NOON - MINUTE, fired_until=NOON - 2 * MINUTE)
    make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON - 2 * MINUTE)
    with committed():
        deed(job)
    assert counted() == ledger()
    assert counted()


def test_the_runs_of_a_dead_worker_count_as_lost(committed: Committed) -> None:
    worker = make_worker()
    make_execution(make_job(id="films"), state=State.RUNNING, worker=worker, started_at=NOON)
    with committed():
        store.rescue(worker, NOON, why="has not moved")
    assert counted() == ledger() == {("films", "lost", ""): 1}


def test_a_deploy_interrupts_and_loses_nothing(committed: Committed) -> None:
    worker = make_worker()
    make_execution(make_job(id="films"), state=State.RUNNING, worker=worker, started_at=NOON)
    with committed():
        store.retire(worker.pk, NOON, {(RUNS, "", "t", "failed", ""): 1})
    assert counted()["films", "interrupted", ""] == 1
    assert counted()["", "failed", ""] == 1
    assert not any(state == State.LOST for _, state, _ in counted())


# Who keeps them


def some(number: int, job: str = "films") -> Figures:
    return {(RUNS, job, "t", "succeeded", ""): number}


def test_a_heartbeat_replaces_what_its_worker_told_and_keeps_what_others_gave(committed: Committed) -> None:
    worker = make_worker()
    told = {"turned_at": NOON, "running": 0, "now": NOON}
    store.heartbeat(worker.pk, **told, figures=some(2))  # type: ignore[arg-type]
    tally.count(RUNS, "films", "t", "succeeded", "")
    store.hand_over()
    for _ in range(2):  # the first time its answer was lost
        store.heartbeat(worker.pk, **told, figures=some(5))  # type: ignore[arg-type]
    store.heartbeat(worker.pk, **told)  # type: ignore[arg-type]
    assert total() == some(6)


def test_a_worker_that_was_declared_dead_tells_no_more() -> None:
    worker = make_worker(state=WorkerState.DEAD, stopped_at=NOON)
    assert not store.heartbeat(worker.pk, turned_at=NOON, running=0, now=NOON, figures=some(2))
    assert total() == {}


def test_without_any_worker_nothing_is_kept_and_nothing_fails() -> None:
    tally.count(RUNS, "films", "t", "succeeded", "")
    store.hand_over()
    assert total() == {}


def test_while_a_worker_keeps_them_they_wait_for_its_heartbeat(committed: Committed) -> None:
    make_worker()
    with tally.kept(), committed():
        store.skip_next(make_job(), by="ada", now=NOON)
    assert total() == {}
    assert sum(tally.take().values()) == 1


def ended(hours_ago: int, figures: Figures, **columns: Any) -> Worker:
    moment = NOON - timedelta(hours=hours_ago)
    row = make_worker(state=WorkerState.STOPPED, started_at=moment, stopped_at=moment, **columns)
    rows = [[*series, value] for series, value in figures.items()]
    Worker.objects.filter(pk=row.pk).update(figures={OWN: rows})
    return row


def test_those_that_have_ended_hand_on_all_they_had() -> None:
    make_job(id="films")
    first, second = ended(3, some(1)), ended(2, some(2))
    living = make_worker(figures={GIVEN: [[*series, value] for series, value in some(4).items()]})
    before = total()
    fold()
    fold()
    assert total() == before == some(7)
    assert figures_of(Worker.objects.get(pk=first.pk)) == {}
    assert figures_of(Worker.objects.get(pk=second.pk)) == some(3)
    assert figures_of(Worker.objects.get(pk=living.pk)) == some(4)


def test_of_jobs_that_are_gone_nothing_is_handed_on() -> None:
    make_job(id="films")
    ended(3, {**some(1), **some(5, "gone")})
    ended(2, {**some(2), **some(9, "")})
    fold()
    assert total() == {**some(3), **some(9, "")}


def test_pruned_workers_take_no_figures_with_them() -> None:
    make_job(id="films")
    for number in range(1, 5):
        ended(24 * 400 + number, some(number))
    assert retention.prune_workers(NOON) == 3
    assert total() == some(10)
    assert retention.prune_workers(NOON) == 0
    ended(24 * 399, some(1))
    assert retention.prune_workers(NOON) == 1
    assert total() == some(11)


def test_a_new_worker_lets_the_ended_ones_hand_on() -> None:
    make_job(id="films")
    first = ended(3, some(1))
    ended(2, some(2))
    store.register({"default": 1}, NOON)
    assert Worker.objects.get(pk=first.pk).figures == {}
    assert total() == some(3)


# When a worker tells


@pytest.fixture
def pulse() -> Pulse:
    worker = store.register({"default": 1}, NOON)
    return Pulse(worker, Clock(), lambda: {"turned_at": NOON, "running": 0}, lambda: None)


def test_news_go_with_the_next_heartbeat(pulse: Pulse) -> None:
    tally.count(RUNS, "films", "t", "succeeded", "")
    pulse.beat()
    tally.count(RUNS, "films", "t", "succeeded", "", by=2)
    pulse.beat()
    assert total() == some(3)


def test_a_loop_that_only_turned_is_told_of_now_and_then(pulse: Pulse) -> None:
    tally.observe(TURN, 0.001)
    pulse.beat()
    assert total() == {}
    pulse.tried_at = pulse.told_at + QUIET
    pulse.beat()
    assert total()[TURN, "0.005"] == 1


def test_what_a_failed_heartbeat_could_not_tell_is_told_by_the_next(
    pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.count(RUNS, "films", "t", "succeeded", "")
    with monkeypatch.context() as broken:
        broken.setattr(store, "heartbeat", lambda *args, **said: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pulse.beat()
    pulse.beat()
    assert total() == some(1)
