"""Changes of jobs: create, change, park, delete. Each leaves who, when, old and new values, and why."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from scheduling import calendars, registry
from scheduling.exceptions import InvalidJob, InvalidTrigger, StaleJob
from scheduling.models import LONGEST_REASON, Cause, Execution, Job, State
from scheduling.planning import count_between
from scheduling.states import WITHDRAW
from scheduling.store.batch import announce, contested
from scheduling.store.changes import alike, difference, record
from scheduling.store.executions import request_cancel
from scheduling.store.ledger import Standstill, next_free, settle_idle, standstill
from scheduling.store.moves import move
from scheduling.store.pauses import settle
from scheduling.store.queues import check_queue
from scheduling.triggers import Kind, Schedule

TRIGGER_FIELDS = ("trigger", "cron", "interval", "run_at", "timezone", "start_at", "end_at")
OWN_FIELDS = {  # of each kind of trigger; the others are empty
    Kind.CRON: ("cron", "start_at", "end_at"),
    Kind.INTERVAL: ("interval", "start_at", "end_at"),
    Kind.DATE: ("run_at",),
    Kind.MANUAL: (),
}
EMPTY = {"cron": "", "interval": None, "run_at": None, "start_at": None, "end_at": None}
LEDGER_FIELDS = (*TRIGGER_FIELDS, "queue", "calendars")  # what decides the fate of a moment: settled before they change
AHEAD = timedelta(seconds=60)  # a ledger that far in the future was written under a wrong clock


def create(job: Job, *, by: str, now: datetime, reason: str = "") -> Job:
    """Insert `job` and arm it. Raises InvalidTrigger, UnknownTask, InvalidArguments, InvalidJob, IntegrityError."""
    job.anchored_at = now
    _check(job)
    check_queue(job.queue)
    with transaction.atomic():
        job.next_run_time = None if job.paused_at else next_free(job, now)
        job.fired_until = now
        job.save(force_insert=True)
        record(job.pk, "created", by=by, now=now, reason=reason, fields=difference(None, job))
        announce()
    return job


@contested
def change(
    job: Job, fields: Iterable[str], *, by: str, now: datetime, reason: str = "", seen: int | None = None
) -> bool:
    """Write the named `fields` of `job`; the trigger is armed anew only when the trigger changed.

    A moment already due is accounted for under the old schedule first. `seen` is the revision that the editor
    saw. Returns whether anything changed. Raises StaleJob when the trigger changed since, and the same as
    `create`.
    """
    _check(job)
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        altered = [name for name in fields if not alike(getattr(stored, name), getattr(job, name))]
        if not altered:
            return False
        if "queue" in altered:  # one that is not configured any more may stay, but not be chosen
            check_queue(job.queue)
        rearm = any(name in TRIGGER_FIELDS for name in altered)
        if rearm and seen is not None and seen != stored.revision:
            raise StaleJob(f"The schedule of {job.pk} was changed meanwhile; load it again and repeat the change.")
        record(job.pk, "changed", by=by, now=now, reason=reason, fields=difference(stored, job, altered))
        if stored.parked_reason or any(name in LEDGER_FIELDS for name in altered):
            settle(stored, now)
        written = [*altered, *_armed(job, stored, now, rearm=rearm), "updated_at"]
        job.save(update_fields=written)
        announce()
    return True


def check_ahead(schedule: Schedule, now: datetime) -> None:
    """Raise InvalidTrigger if the one moment of a date has passed: for doors at which nobody means such a job.

    It would never run. What code declares and what is imported may have run, and stays as it was.
    """
    if schedule.kind is Kind.DATE and schedule.run_at and schedule.run_at <= now:
        told = "This moment has passed, so that the job would never run; choose a later one, or run the job by hand."
        raise InvalidTrigger(told, field="run_at")


def recompute(job: Job, *, by: str, now: datetime, reason: str = "") -> None:
    """Compute next_run_time anew from `now`, as after a clock that was wrong. Raises InvalidTrigger."""
    _rearm(job, "recomputed", by=by, now=now, reason=reason)


def reanchor(now: datetime) -> list[Job]:
    """Recompute the jobs whose ledger lies in the future: the clock was ahead, and they would sleep until then.

    What was queued for later under that clock may start now. Returns the jobs.
    """
    reason = "The clock had been ahead: the ledger was written for the future."
    Execution.objects.queued().filter(created_at__gt=now + AHEAD, run_after__gt=now).update(run_after=now)
    ahead = list(Job.objects.filter(fired_until__gt=now + AHEAD))
    for job in ahead:
        _take_back(job, now)
        recompute(job, by="", now=now, reason=reason)
    return ahead


def _take_back(job: Job, now: datetime) -> None:
    """Of what was written off under a clock that was ahead, the moments that are still to come are not."""
    rows = Execution.objects.filter(job=job.pk, state=State.SKIPPED, created_at__gt=now + AHEAD)
    rows.filter(scheduled_for__gt=now).delete()
    for row in rows.filter(missed_count__gt=0):
        passed = max(count_between(job, row.scheduled_for, now) - 1, 0)
        Execution.objects.filter(pk=row.pk).update(missed_count=min(passed, row.missed_count))


def park(job: Job, reason: str, *, by: str, now: datetime) -> None:
    """Keep `job` from firing because it cannot run: its task or its definition is gone."""
    _rearm(job, "parked", by=by, now=now, reason=reason, parked_reason=reason[:LONGEST_REASON])


def unpark(job: Job, *, by: str, now: datetime) -> None:
    """Let a parked `job` fire again, from the first moment after `now`."""
    _rearm(job, "unparked", by=by, now=now, parked_reason="")


@contested
def _rearm(job: Job, action: str, *, by: str, now: datetime, reason: str = "", **columns: Any) -> None:
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        parked = columns.get("parked_reason", stored.parked_reason)
        if parked and not standstill(stored):  # what is due now falls to the parking
            settle_idle(stored, now, Standstill(Cause.PARKED, f"Parked: {parked}"))
        else:
            settle(stored, now)
        upcoming = None if stored.paused_at or parked else next_free(stored, now)
        Job.objects.filter(pk=job.pk).update(next_run_time=upcoming, fired_until=now, updated_at=now, **columns)
        record(job.pk, action, by=by, now=now, reason=reason)
        announce()
    job.refresh_from_db()


@contested
def delete(job: Job, *, by: str, now: datetime, reason: str = "") -> None:
    """Remove `job`; its history stays, what it queued is cancelled, what runs is asked to stop."""
    said = "Its job was deleted."
    with transaction.atomic():
        stored = Job.objects.select_for_update().filter(pk=job.pk).first()  # locked, so that it fires no more
        if stored:
            settle(stored, now)
        runs = Execution.objects.filter(job=job.pk)
        move(runs.queued(), WITHDRAW, State.CANCELLED, finished_at=now, reason=said)
        request_cancel(runs.running(), now, by=by, reason=said)
        record(job.pk, "deleted", by=by, now=now, reason=reason, fields=difference(stored, None))
        job.delete()


def _check(job: Job) -> None:
    """Raise InvalidTrigger, UnknownTask, InvalidArguments or InvalidJob unless `job` can be kept and run."""
    registry.check_schedule(job.task, job.schedule)
    registry.check_arguments(job.task, job.arguments)
    calendars.check(job.calendars)
    try:
        job.clean_fields()
    except ValidationError as error:
        told = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise InvalidJob(f"The job {job.pk} cannot be kept. {told}") from None


def _armed(job: Job, stored: Job, now: datetime, *, rearm: bool) -> list[str]:
    """Set the engine's own columns of `job` after a change; returns their names."""
    if not rearm and not stored.parked_reason:
        return []
    job.parked_reason = ""
    job.revision = stored.revision + 1
    if rearm:
        job.anchored_at = now
    job.next_run_time = None if stored.paused_at else next_free(job, now)
    job.fired_until = now
    return ["parked_reason", "revision", "anchored_at", "next_run_time", "fired_until"]
