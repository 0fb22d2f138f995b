"""Figures of the metrics: what ends is counted once it is committed, and outlives the process that counted it.

A worker counts in memory and tells with its heartbeat; other processes (a page, a command, a task) tell at once, in the
row of the worker that started last. So no count ever shrinks: the rows of those that have ended hand theirs on.
What a process had not told when it was killed is missing; nothing is counted twice.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import transaction

from scheduling.models import FINAL, Cause, Execution, Job, State, Worker, WorkerState
from scheduling.snapshots import Outcome
from scheduling.store.batch import contested
from scheduling.tally import (
    BY_JOB,
    DURATION,
    LATENESS,
    OTHERS,
    RUN_SECONDS,
    RUNS,
    Figures,
    added,
    as_rows,
    from_rows,
    tally,
)

logger = logging.getLogger(__name__)

OWN = "own"  # what the worker of the row has counted
GIVEN = "given"  # what others have handed to the row
INTERRUPTED = "interrupted"  # as a state: a deploy that ends a run is no failure
RETRIED = "retried"  # as a state: what failed here may be put right by the attempt that follows


def told_ends(rows: Sequence[Execution], state: State | None = None, cause: str = "") -> None:
    """Count those of `rows` that ended without an executor's word: as they are, or all of them in `state`."""
    ends = [(row.state, row.cause) if state is None else (state, cause) for row in rows]
    ended = [
        (row, *_called(*end), 1 + row.missed_count, None)
        for row, end in zip(rows, ends, strict=True)
        if end[0] in FINAL
    ]
    if ended:
        _once_committed(ended)


def told_losses(rows: Sequence[Execution], cause: str, again: Collection[int | None]) -> None:
    """Count runs whose worker is gone; those with the ids `again` are run again."""
    if rows:
        _once_committed([(row, *_called(State.LOST, cause, row.pk in again), 1, None) for row in rows])


def told_outcomes(outcomes: Iterable[Outcome], rows: dict[int, Execution], again: Collection[int]) -> None:
    """Count runs that their executor has brought to an end; those with the ids `again` are run again."""
    _once_committed(
        [
            (
                row,
                *_called(outcome.state, outcome.cause, outcome.id in again),
                1,
                _seconds(outcome.started_at or row.started_at, outcome.finished_at),
            )
            for outcome in outcomes
            for row in [rows[outcome.id]]
        ]
    )


def told_starts(rows: Iterable[Execution], now: datetime) -> None:
    """Observe how late each of `rows`, just claimed, starts after its moment, or after it was asked for."""
    waits = [(row.queue, (now - (row.scheduled_for or row.run_after)).total_seconds()) for row in rows]

    def count() -> None:
        for queue, seconds in waits:
            tally.observe(LATENESS, seconds, queue)

    transaction.on_commit(count, robust=True)


def _once_committed(ends: Sequence[tuple[Execution, str, str, int, float | None]]) -> None:
    def count() -> None:
        for row, state, cause, times, seconds in ends:
            job, task = row.job_id or "", row.task
            tally.count(RUNS, job, task, state, cause, by=times)
            if seconds is not None:
                tally.count(RUN_SECONDS, job, task, by=seconds)
                tally.observe(DURATION, seconds, row.queue)
        if not tally.has_keeper:
            hand_over()

    transaction.on_commit(count, robust=True)


def _called(state: str, cause: str, is_retried: bool = False) -> tuple[str, str]:
    """State and cause as labels: a cause is told of what was skipped only, where there is one for each."""
    if state == State.LOST and cause == Cause.INTERRUPTED:
        return INTERRUPTED, ""
    if is_retried:
        return RETRIED, ""
    return state, cause if state == State.SKIPPED else ""


def _seconds(start: datetime | None, end: datetime) -> float | None:
    return max((end - start).total_seconds(), 0.0) if start else None


def hand_over() -> None:
    """Keep what this process has counted, in the row of the worker that started last; without any it is dropped."""
    counted = tally.take()
    if not counted:
        return
    try:
        _give(counted)
    except DatabaseFailure as error:  # no reason to fail what was counted
        logger.warning("Not counted in the metrics: %s", error)


@contested
def _give(counted: Figures) -> None:
    with transaction.atomic():
        row = Worker.objects.select_for_update().order_by("-started_at", "pk").only("figures").first()
        if row is not None:
            given = added(from_rows(row.figures.get(GIVEN, [])), counted)
            Worker.objects.filter(pk=row.pk).update(figures={**row.figures, GIVEN: as_rows(given)})


def with_own(worker: UUID, own: Figures) -> dict[str, Any] | None:
    """The figures of `worker`, whose row is locked by this, with `own` in place of what it told before."""
    row = Worker.objects.select_for_update().filter(pk=worker).only("figures").first()
    return None if row is None else {**row.figures, OWN: as_rows(own)}


@contested
def fold() -> None:
    """Of the workers that have ended, the last one gets the figures of all others; of jobs that are gone, none."""
    with transaction.atomic():
        ended = Worker.objects.select_for_update().exclude(state__in=(WorkerState.ALIVE, WorkerState.STOPPING))
        rows = [row for row in ended.order_by("started_at", "pk").only("figures") if row.figures]
        if len(rows) < 2:
            return
        total: Figures = {}
        for row in rows:
            added(total, figures_of(row))
        jobs = {"", OTHERS, *Job.objects.values_list("pk", flat=True)}
        kept = {series: value for series, value in total.items() if series[0] not in BY_JOB or series[1] in jobs}
        Worker.objects.filter(pk__in=[row.pk for row in rows[:-1]]).update(figures={})
        Worker.objects.filter(pk=rows[-1].pk).update(figures={GIVEN: as_rows(kept)})


def figures_of(worker: Worker) -> Figures:
    """What its row holds, its own and what it was given."""
    return added(from_rows(worker.figures.get(OWN, [])), from_rows(worker.figures.get(GIVEN, [])))


def total() -> Figures:
    """The sums over all workers there ever were; one query, so that none is seen twice while it hands on."""
    found: Figures = {}
    for worker in Worker.objects.exclude(figures={}).only("figures"):
        added(found, figures_of(worker))
    return found
