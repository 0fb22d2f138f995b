"""Changes of jobs: create, change, pause, resume, delete. Each leaves who, when, old and new values, and why."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from scheduling import registry, triggers
from scheduling.exceptions import InvalidJob, StaleJob
from scheduling.models import LONGEST_REASON, Execution, Job, State, Why
from scheduling.planning import rows_of_pause
from scheduling.store.batch import announce, contested, insert_rows
from scheduling.store.changes import difference, record
from scheduling.store.executions import request_cancel
from scheduling.store.fire import fire

TRIGGER_FIELDS = ("trigger", "cron", "interval", "run_at", "timezone", "start_at", "end_at")


def create(job: Job, *, by: str, now: datetime, reason: str = "") -> Job:
    """Insert `job` and arm it. Raises InvalidTrigger, UnknownTask, InvalidArguments, InvalidJob, IntegrityError."""
    job.anchored_at = now
    _check(job)
    with transaction.atomic():
        job.next_run_time = None if job.paused_at else job.next_after(now)
        job.save(force_insert=True)
        record(job.pk, "created", by=by, now=now, reason=reason, fields=difference(None, job))
        announce()
    return job


@contested
def change(
    job: Job, fields: Iterable[str], *, by: str, now: datetime, reason: str = "", seen: int | None = None
) -> bool:
    """Write the named `fields` of `job`; the trigger is armed anew only when the trigger changed.

    A moment already due is fired under the old schedule first. `seen` is the revision that the editor
    saw. Returns whether anything changed. Raises StaleJob when the trigger changed since, and the same as
    `create`.
    """
    _check(job)
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        altered = [name for name in fields if getattr(stored, name) != getattr(job, name)]
        if not altered:
            return False
        rearm = any(name in TRIGGER_FIELDS for name in altered)
        if rearm and seen is not None and seen != stored.revision:
            raise StaleJob(f"The schedule of {job.pk} was changed meanwhile; load it again and repeat the change.")
        record(job.pk, "changed", by=by, now=now, reason=reason, fields=difference(stored, job, altered))
        if rearm:
            _fire_what_is_due(stored, now)
        written = [*altered, *_armed(job, stored, now, rearm=rearm), "updated_at"]
        job.save(update_fields=written)
        announce()
    return True


@contested
def pause(job: Job, *, by: str, now: datetime, reason: str = "") -> bool:
    """Stop `job` from firing; what it queued and has not started is skipped. False if it was paused."""
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        if stored.paused_at:
            return False
        _fire_what_is_due(stored, now)
        said = reason[:LONGEST_REASON]
        Job.objects.filter(pk=job.pk).update(
            paused_at=now, paused_by=by, paused_reason=said, next_run_time=None, updated_at=now
        )
        Execution.objects.queued().filter(job=job.pk, why=Why.SCHEDULE).update(
            state=State.SKIPPED,
            finished_at=now,
            reason=f"Paused by {by or 'the system'}. {said}".strip()[:500],
        )
        record(job.pk, "paused", by=by, now=now, reason=reason)
    job.refresh_from_db()
    return True


@contested
def resume(job: Job, *, by: str, now: datetime, reason: str = "") -> bool:
    """Let `job` fire again, from the first moment after `now`; False if it was not paused.

    The moments that passed meanwhile get rows that say so.
    """
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        if not stored.paused_at:
            return False
        upcoming = None if stored.parked_reason else stored.next_after(now)
        insert_rows(rows_of_pause(stored, now))
        Job.objects.filter(pk=job.pk).update(
            paused_at=None, paused_by="", paused_reason="", next_run_time=upcoming, updated_at=now
        )
        record(job.pk, "resumed", by=by, now=now, reason=reason)
        announce()
    job.refresh_from_db()
    return True


def recompute(job: Job, *, by: str, now: datetime) -> None:
    """Compute next_run_time anew from `now`, as after a clock that was wrong. Raises InvalidTrigger."""
    _rearm(job, "recomputed", by=by, now=now, fired_until=now)


def park(job: Job, reason: str, *, by: str, now: datetime) -> None:
    """Keep `job` from firing because it cannot run: its task or its definition is gone."""
    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(next_run_time=None, parked_reason=reason[:LONGEST_REASON])
        record(job.pk, "parked", by=by, now=now, reason=reason)


def unpark(job: Job, *, by: str, now: datetime) -> None:
    """Let a parked `job` fire again, from the first moment after `now`."""
    _rearm(job, "unparked", by=by, now=now, parked_reason="")


def _rearm(job: Job, action: str, *, by: str, now: datetime, **columns: Any) -> None:
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        parked = columns.get("parked_reason", stored.parked_reason)
        upcoming = None if stored.paused_at or parked else stored.next_after(now)
        Job.objects.filter(pk=job.pk).update(next_run_time=upcoming, updated_at=now, **columns)
        record(job.pk, action, by=by, now=now)
        announce()
    job.refresh_from_db()


@contested
def delete(job: Job, *, by: str, now: datetime, reason: str = "") -> None:
    """Remove `job`; its history stays, what it queued is cancelled, what runs is asked to stop."""
    said = "Its job was deleted."
    with transaction.atomic():
        stored = Job.objects.select_for_update().filter(pk=job.pk).first()  # locked, so that it fires no more
        runs = Execution.objects.filter(job=job.pk)
        runs.queued().update(state=State.CANCELLED, finished_at=now, fence=F("fence") + 1, reason=said)
        request_cancel(runs.running(), now, by=by, reason=said)
        record(job.pk, "deleted", by=by, now=now, reason=reason, fields=difference(stored, None))
        job.delete()


def _check(job: Job) -> None:
    """Raise InvalidTrigger, UnknownTask, InvalidArguments or InvalidJob unless `job` can be kept and run."""
    triggers.check(job.schedule)
    registry.check_arguments(job.task, job.arguments)
    try:
        job.clean_fields()
    except ValidationError as error:
        told = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise InvalidJob(f"The job {job.pk} cannot be kept. {told}") from None


def _fire_what_is_due(stored: Job, now: datetime) -> None:
    if stored.next_run_time and stored.next_run_time <= now:
        fire([stored], now)


def _armed(job: Job, stored: Job, now: datetime, *, rearm: bool) -> list[str]:
    """Set the engine's own columns of `job` after a change; returns their names."""
    if not rearm and not stored.parked_reason:
        return []
    job.parked_reason = ""
    job.revision = stored.revision + 1
    if rearm:
        job.anchored_at = now
    job.next_run_time = None if stored.paused_at else job.next_after(now)
    return ["parked_reason", "revision", "anchored_at", "next_run_time"]
