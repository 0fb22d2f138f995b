"""finish: RUNNING -> its end, in groups; guarded by owner and fence, so that a late performer overwrites nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from scheduling.models import LONGEST_REASON, POLICY, BackfillState, Execution, State, Why
from scheduling.planning import back_off, bounded
from scheduling.snapshots import Outcome
from scheduling.states import FINISH
from scheduling.store.batch import contested, insert_rows, update_rows
from scheduling.store.figures import told_outcomes

RESCUES = 3  # an interrupted idempotent run is run again at most this often beyond its attempts

WRITTEN = ("result", "error_class", "error_message", "traceback")


@dataclass(slots=True)
class Finished:
    """What became of a group of outcomes."""

    written: list[Outcome] = field(default_factory=list)
    refused: list[Outcome] = field(default_factory=list)  # too late: the run has a new owner, or an end
    rows: dict[int, Execution] = field(default_factory=dict)  # as they were before, by id
    retries: dict[int, Execution] = field(default_factory=dict)  # id of the failed run -> its next attempt


@contested
def finish(worker: UUID, outcomes: list[Outcome], now: datetime) -> Finished:
    """Write the ends of runs of `worker`, and queue the attempts that follow, in one transaction."""
    done = Finished()
    if not outcomes:
        return done
    with transaction.atomic():
        rows = done.rows = {row.pk: row for row in _held(worker, outcomes)}
        for outcome in outcomes:
            row = rows.get(outcome.id)
            mine = row is not None and row.fence == outcome.fence and outcome.state in FINISH.after
            (done.written if mine else done.refused).append(outcome)
        update_rows(
            Execution,
            guard=("id", "fence", "state"),
            new=("state", "cause", "reason", "started_at", "finished_at", "instance", *WRITTEN),
            rows=[_end(outcome, rows[outcome.id]) for outcome in done.written],
        )
        done.retries = {
            outcome.id: retry
            for outcome in done.written
            if (retry := _next_attempt(rows[outcome.id], outcome, now)) is not None
        }
        insert_rows(list(done.retries.values()))
        told_outcomes(done.written, rows, done.retries)
    return done


def _held(worker: UUID, outcomes: list[Outcome]) -> list[Execution]:
    """The rows that `worker` runs still; whoever holds one of them for a moment is waited for, not passed over."""
    wanted = Execution.objects.running().filter(pk__in=[outcome.id for outcome in outcomes], worker=worker)
    return list(wanted.defer("result", "traceback", "error_message").order_by("pk").select_for_update())


def _end(outcome: Outcome, row: Execution) -> tuple[object, ...]:
    reason = (outcome.reason or _kept_reason(outcome, row))[:LONGEST_REASON]
    began = outcome.started_at or row.started_at
    cause = outcome.cause or row.cause
    new = (outcome.state, cause, reason, began, outcome.finished_at, None)
    new += tuple(getattr(outcome, name) for name in WRITTEN)
    return (*new, outcome.id, outcome.fence, State.RUNNING)


def _kept_reason(outcome: Outcome, row: Execution) -> str:
    """What the row says already, unless it speaks of a cancellation that came too late."""
    return "" if row.cancel_requested_at and outcome.state != State.CANCELLED else row.reason


def _next_attempt(row: Execution, outcome: Outcome, now: datetime) -> Execution | None:
    """The attempt that follows a failed one; None when it succeeded, was cancelled, or none is left."""
    if row.cancel_requested_at or not outcome.may_retry:
        return None
    if outcome.state in (State.FAILED, State.TIMED_OUT) and row.attempt < row.max_attempts:
        wait = back_off(row) if outcome.retry_in is None else bounded(outcome.retry_in)
        return attempt_after(row, Why.RETRY, now + wait, now)
    if outcome.state == State.LOST:
        return rescued(row, now)
    return None


def rescued(row: Execution, now: datetime) -> Execution | None:
    """The run that makes up for an interrupted one; None unless its task is idempotent."""
    if row.backfill is not None and row.backfill.state == BackfillState.STOPPED:
        return None
    if not row.idempotent or row.cancel_requested_at or row.attempt >= row.max_attempts + RESCUES:
        return None
    return attempt_after(row, Why.RESCUE, now, now)


def attempt_after(row: Execution, why: Why, run_after: datetime, now: datetime) -> Execution:
    """A further attempt of `row`: same snapshot, next number; unique on (root, attempt)."""
    return Execution(
        job_id=row.job_id,
        **{name: getattr(row, name) for name in POLICY},
        why=why,
        requested_by=row.requested_by,
        run_after=run_after,
        attempt=row.attempt + 1,
        root_id=row.root_id or row.pk,
        stands_for=row.scheduled_for or row.stands_for,
        backfill_id=row.backfill_id,
        created_at=now,
    )
