"""The protocol under any order of events: the invariants of ENGINE.md hold after every step."""

import os
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from scheduling import store
from scheduling.exceptions import NothingToSkip, WorkerFenced
from scheduling.models import (
    FINAL,
    Backfill,
    BackfillState,
    Calendar,
    Cause,
    Execution,
    Job,
    Overlap,
    Queue,
    State,
    Why,
    Window,
    Worker,
    WorkerState,
)
from scheduling.planning import Missed
from scheduling.snapshots import Outcome, Snapshot
from scheduling.store.finish import RESCUES
from tests.factories import NOON, make_job, make_worker

ENDS = (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.LOST)
STEPS = {"* * * * *": 60, "*/2 * * * *": 120, "*/10 * * * * *": 10}  # crons and the seconds from moment to moment
NUMBERS = st.integers(0, 1)  # of a job
GROWN = int(os.environ.get("PROTOCOL_EXAMPLES", "25"))  # more of them in a nightly run


class Protocol(RuleBasedStateMachine):
    """Jobs of all policies, and workers that fire, claim, finish, crash and speak too late."""

    workers = Bundle("workers")
    late = Bundle("late")  # what a dead worker may still say

    def __init__(self) -> None:
        super().__init__()
        self.world = ExitStack()
        self.world.enter_context(transaction.atomic())
        self.now = NOON - timedelta(seconds=30)
        self.held: dict[UUID, dict[int, Snapshot]] = {}  # what each living worker performs
        self.begun: set[int] = set()  # rows whose task has begun
        self.ended: dict[int, tuple[Any, ...]] = {}  # final rows as they were first seen
        self.fences: dict[int, int] = {}
        self.crons: dict[str, list[tuple[datetime, str]]] = {}  # what each job had as its cron, and from when

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.world.close()

    @initialize(
        closed=st.booleans(),
        overlaps=st.tuples(*[st.sampled_from(Overlap.values)] * 2),
        coalesce=st.booleans(),
        instances=st.integers(1, 2),
    )
    def jobs(self, closed: bool, overlaps: tuple[str, ...], coalesce: bool, instances: int) -> None:
        store.ensure_queues()
        ops = Calendar.objects.create(id="ops", name="Ops")
        until = NOON + timedelta(minutes=6)
        Window.objects.create(calendar=ops, name="Backup", start_at=NOON + timedelta(minutes=3), end_at=until)
        for number, overlap in enumerate(overlaps):
            job = make_job(
                id=f"job-{number}",
                overlap=overlap,
                coalesce=coalesce,
                max_instances=instances,
                max_attempts=1 + number,
                backoff=timedelta(seconds=10),
                idempotent=number == 0,
                misfire_grace_time=timedelta(minutes=3),
                fired_until=self.now,
                calendars=["ops"] if closed else [],
            )
            self.crons[job.pk] = [(self.now, job.cron)]

    # What may happen

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def an_hour_passes(self) -> None:
        self.now += timedelta(hours=1)

    @rule()
    def fire(self) -> None:
        """As a turn of the scheduler does."""
        store.end_pauses(self.now)
        store.end_queue_pauses(self.now)
        store.fire_due(self.now)
        store.skip_overdue(self.now)
        store.feed(self.now)

    @rule(target=workers)
    def a_worker_starts(self) -> UUID:
        worker = make_worker()
        self.held[worker.pk] = {}
        return worker.pk

    @rule(worker=workers, places=st.integers(1, 4))
    def claim(self, worker: UUID, places: int) -> None:
        for snapshot in self.claimed(worker, places):
            assert snapshot.id not in self.begun, "I4: a run begins twice"
            self.begun.add(snapshot.id)
            self.held[worker][snapshot.id] = snapshot

    @rule(worker=workers, places=st.integers(1, 4))
    def claim_without_hearing_of_the_commit(self, worker: UUID, places: int) -> None:
        lost = self.claimed(worker, places)
        assert store.release_strays(worker, set(self.held.get(worker, {}))) == len(lost)

    @rule(worker=workers, state=st.sampled_from(ENDS), most=st.integers(1, 3), retry_in=st.none() | st.just(5.0))
    def finish(self, worker: UUID, state: State, most: int, retry_in: float | None) -> None:
        ending = list(self.held.get(worker, {}).values())[:most]
        done = store.finish(worker, [self.end(each, state, retry_in) for each in ending], self.now)
        assert len(done.written) == len(ending)
        for each in ending:
            del self.held[worker][each.id]

    @rule(target=late, worker=consumes(workers))
    def a_worker_is_declared_dead(self, worker: UUID) -> Any:
        held = self.held.pop(worker)
        lost = store.rescue(Worker.objects.get(pk=worker), self.now, why="is gone")
        assert lost is not None
        assert {row.pk for row in lost} == set(held)
        return multiple(*((worker, snapshot) for snapshot in held.values()))

    @rule(said=consumes(late), state=st.sampled_from(ENDS))
    def a_dead_worker_speaks(self, said: tuple[UUID, Snapshot], state: State) -> None:
        worker, snapshot = said
        assert store.finish(worker, [self.end(snapshot, state)], self.now).written == []
        with pytest.raises(WorkerFenced):
            self.claimed(worker, 1, must_find=True)

    @rule(worker=consumes(workers))
    def a_worker_ends_well(self, worker: UUID) -> None:
        del self.held[worker]
        store.retire(worker, self.now)

    @rule(number=st.integers(0, 50))
    def cancel(self, number: int) -> None:
        runs = list(Execution.objects.order_by("-id")[:20])
        if runs:
            store.cancel(runs[number % len(runs)], by="ada", now=self.now)

    @rule(number=NUMBERS)
    def run_now(self, number: int) -> None:
        store.enqueue(self.job(number), now=self.now)

    @rule(number=NUMBERS, minutes=st.none() | st.integers(1, 5))
    def pause(self, number: int, minutes: int | None) -> None:
        store.pause(self.job(number), by="ada", now=self.now, until=self.later(minutes))

    @rule(number=NUMBERS, missed=st.sampled_from(Missed))
    def resume(self, number: int, missed: Missed) -> None:
        store.resume(self.job(number), by="ada", now=self.now, missed=missed)

    @rule(minutes=st.none() | st.integers(1, 5))
    def pause_the_queue(self, minutes: int | None) -> None:
        store.pause_queue(Queue.objects.get(pk="default"), by="ada", now=self.now, until=self.later(minutes))

    @rule(missed=st.sampled_from(Missed))
    def resume_the_queue(self, missed: Missed) -> None:
        store.resume_queue(Queue.objects.get(pk="default"), by="ada", now=self.now, missed=missed)

    @rule(number=NUMBERS)
    def park(self, number: int) -> None:
        store.park(self.job(number), "its task is gone", by="the code", now=self.now)

    @rule(number=NUMBERS)
    def unpark(self, number: int) -> None:
        store.unpark(self.job(number), by="the code", now=self.now)

    @rule(number=NUMBERS)
    def skip_the_next(self, number: int) -> None:
        with suppress(NothingToSkip):
            store.skip_next(self.job(number), by="ada", now=self.now)

    @rule(number=NUMBERS, cron=st.sampled_from(sorted(STEPS)))
    def reschedule(self, number: int, cron: str) -> None:
        job = self.job(number)
        if job.cron != cron:
            self.crons[job.pk].append((self.now, cron))
        job.cron = cron
        store.change(job, ["cron"], by="ada", now=self.now)

    @rule(number=NUMBERS, queue=st.sampled_from(["default", "light"]), closed=st.booleans())
    def move(self, number: int, queue: str, closed: bool) -> None:
        job = self.job(number)
        job.queue, job.calendars = queue, ["ops"] if closed else []
        store.change(job, ["queue", "calendars"], by="ada", now=self.now)

    @rule(number=NUMBERS)
    def stop_a_backfill(self, number: int) -> None:
        for each in Backfill.objects.filter(state=BackfillState.GOING)[number : number + 1]:
            store.stop_backfill(each, by="ada", now=self.now)

    # What must hold

    @invariant()
    def each_due_moment_has_one_row(self) -> None:
        for job in Job.objects.filter(pk__in=self.crons):
            moments = self.moments(job)
            rows = Execution.objects.filter(job=job.pk, why=Why.SCHEDULE)
            skipped = rows.filter(cause__in=[Cause.BY_HAND, Cause.CALENDAR])  # ahead of their time, some of them
            ahead = [row for row in skipped if row.scheduled_for not in moments]
            told = [row for row in rows if row not in ahead]
            assert {row.scheduled_for for row in told} <= moments, "I1"
            assert sum(row.missed_count + 1 for row in told) == len(moments), "I1"

    @invariant()
    def a_backfill_runs_each_moment_once(self) -> None:
        for each in Backfill.objects.all():
            firsts = [row.stands_for for row in each.runs.filter(attempt=1)]
            assert len(firsts) == len(set(firsts)) == each.queued

    @invariant()
    def an_end_never_changes(self) -> None:
        columns = ("state", "finished_at", "reason", "fence", "worker_id", "started_at")
        for row in Execution.objects.filter(state__in=FINAL):
            as_is = tuple(getattr(row, name) for name in columns)
            assert self.ended.setdefault(row.pk, as_is) == as_is, "I2"

    @invariant()
    def what_runs_is_held_by_a_living_worker_within_its_limits(self) -> None:
        running = list(Execution.objects.running().select_related("worker"))
        held = {(worker, pk) for worker, runs in self.held.items() for pk in runs}
        assert {(row.worker_id, row.pk) for row in running} == held, "I3"
        for row in running:
            assert row.worker is not None
            assert row.worker.state == WorkerState.ALIVE, "I3"
            assert row.instance is not None, "I3"
            assert row.max_instances is not None
            assert 0 <= row.instance < row.max_instances, "I3"

    @invariant()
    def an_attempt_has_one_row_and_follows_one_that_has_ended(self) -> None:
        seen = set()
        for row in Execution.objects.filter(attempt__gt=1):
            assert (row.root_id, row.attempt) not in seen, "I5"
            seen.add((row.root_id, row.attempt))
            own = {"pk": row.root_id} if row.attempt == 2 else {"root": row.root_id, "attempt": row.attempt - 1}
            assert Execution.objects.get(**own).is_final, "I5"
            assert row.attempt <= row.max_attempts + RESCUES

    @invariant()
    def a_fence_never_decreases(self) -> None:
        for pk, fence in Execution.objects.values_list("pk", "fence"):
            assert fence >= self.fences.get(pk, 0), "I6"
            self.fences[pk] = fence

    @invariant()
    def the_next_run_lies_after_what_has_rows(self) -> None:
        for job in Job.objects.all():
            if job.next_run_time and job.fired_until:
                assert job.next_run_time > job.fired_until, "I7"

    # Helpers

    def claimed(self, worker: UUID, places: int, *, must_find: bool = False) -> list[Snapshot]:
        if must_find:  # claim() looks at the worker only when something waits
            store.enqueue(make_job(next_run_time=None), now=self.now)
        return store.claim(worker, {"default": places}, self.now)

    def end(self, snapshot: Snapshot, state: State, retry_in: float | None = None) -> Outcome:
        return Outcome(id=snapshot.id, fence=snapshot.fence, state=state, finished_at=self.now, retry_in=retry_in)

    def job(self, number: int) -> Job:
        return Job.objects.get(pk=f"job-{number}")

    def later(self, minutes: int | None) -> datetime | None:
        return None if minutes is None else self.now + timedelta(minutes=minutes)

    def moments(self, job: Job) -> set[datetime]:
        """By plain arithmetic, the moments of `job` that must have a row by now."""
        assert job.fired_until is not None
        end = job.next_run_time - timedelta(seconds=1) if job.next_run_time else job.fired_until
        spans = [*self.crons[job.pk], (end, "")]
        return {
            datetime.fromtimestamp(second, UTC)
            for (since, cron), (until, _) in pairwise(spans)
            for second in range(int(since.timestamp()) + 1, int(until.timestamp()) + 1)
            if second % STEPS[cron] == 0
        }


@pytest.mark.django_db
def test_the_protocol_holds_under_any_order_of_events() -> None:
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=GROWN,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
