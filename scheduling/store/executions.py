"""Orders for single runs: cancel, run again."""

from datetime import datetime
from uuid import UUID

from django.db import models, transaction

from scheduling.models import LONGEST_REASON, POLICY, Execution, State, Why
from scheduling.states import WITHDRAW
from scheduling.store.batch import announce, contested
from scheduling.store.moves import move


@contested
def cancel(execution: Execution, *, by: str, now: datetime, reason: str = "") -> State | None:
    """Cancel a waiting run, or ask for the stop of a running one.

    Returns CANCELLED when it will not run, RUNNING when its worker has been asked to stop it, and None
    when it had already ended (or been asked).
    """
    with transaction.atomic():
        said = (reason or f"Cancelled by {by or 'the system'} before it started.")[:LONGEST_REASON]
        this = Execution.objects.filter(pk=execution.pk)
        asked = {"cancel_requested_at": now, "cancel_requested_by": by}
        if move(this, WITHDRAW, State.CANCELLED, finished_at=now, reason=said, **asked):
            return State.CANCELLED
        return State.RUNNING if request_cancel(this.running(), now, by=by, reason=reason) else None


def request_cancel(running: models.QuerySet[Execution], now: datetime, *, by: str, reason: str = "") -> int:
    """Ask the workers of `running` to stop them; returns how many had not been asked before."""
    asked = running.filter(cancel_requested_at=None).update(
        cancel_requested_at=now,
        cancel_requested_by=by,
        reason=(reason or f"Cancelled by {by or 'the system'}.")[:LONGEST_REASON],
    )
    announce()
    return asked


def cancel_orders(worker: UUID) -> list[tuple[int, str]]:
    """The runs that `worker` has been asked to stop: id and reason."""
    return list(
        Execution.objects.running().filter(worker=worker, cancel_requested_at__isnull=False).values_list("id", "reason")
    )


def rerun(execution: Execution, *, by: str, now: datetime, why: Why = Why.RUN_NOW, reason: str = "") -> Execution:
    """Queue the same task with the same arguments and limits again; `reason` is said besides what it is."""
    again = Execution(
        job_id=execution.job_id,
        **{name: getattr(execution, name) for name in POLICY},
        why=why,
        requested_by=by,
        run_after=now,
        created_at=now,
        stands_for=execution.scheduled_for or execution.stands_for,
        reason=f"Run again of #{execution.pk}. {reason}".strip()[:LONGEST_REASON],
    )
    again.save(force_insert=True)
    announce()
    return again
