"""Schedules of single businesses: each is an ordinary job, which staff may edit like any other."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from scheduling import registry, store
from scheduling.exceptions import InvalidTrigger, SchedulingError
from scheduling.models import Job
from scheduling.store.jobs import EMPTY, TRIGGER_FIELDS
from scheduling.tenants import Person, tenants_of
from scheduling.triggers import Kind, Schedule
from tasks.social.models import Business
from tasks.social.models.businesses import tenant_of
from tasks.social.tasks import sync_business_job

PREFIX = "sync_business_"  # of the job's id, and the business's number
DEFAULT_HOURS, MOST_HOURS = 24, 8760  # of an interval
HOUR = timedelta(hours=1)
TASK = sync_business_job.module_path
IDLE = "Its business is not active."  # why a job is paused, and what lets it go on with the business


class UsedOtherwise(SchedulingError):
    """The schedule of this business is not to be changed."""


def job_id(business_id: int) -> str:
    return f"{PREFIX}{business_id}"


def job_of(business: Business) -> Job | None:
    """The job that is the schedule of `business`; None if it has none of its own.

    A job that only has its id, and runs another task or is of another tenant, is somebody else's.
    """
    job = Job.objects.filter(pk=job_id(business.pk)).first()
    return job if job is not None and _is_of(business.pk, job) else None


def jobs_of(businesses: Iterable[int]) -> dict[int, Job]:
    """Business -> its job, of those that have one; in one query."""
    found = Job.objects.in_bulk([job_id(each) for each in businesses])
    numbered = {int(str(key).removeprefix(PREFIX)): job for key, job in found.items()}
    return {number: job for number, job in numbered.items() if _is_of(number, job)}


def plan(hours: float | None = None, cron: str | None = None, timezone: str | None = None) -> Schedule:
    """Every so many hours, every day if nothing is said, or by a crontab's text on the clock of `timezone` (UTC).

    Raises InvalidTrigger, whose field is one of interval, cron and timezone.
    """
    if cron is not None and hours is not None:
        raise InvalidTrigger("Give hours or a cron expression, not both.", field="cron")
    if cron is not None:
        schedule = Schedule(Kind.CRON, cron=cron.strip(), timezone=timezone or "UTC")
    else:
        hours = DEFAULT_HOURS if hours is None else hours
        if not 1 <= hours <= MOST_HOURS:
            raise InvalidTrigger(f"An interval has from 1 to {MOST_HOURS} hours.", field="interval")
        schedule = Schedule(Kind.INTERVAL, interval=hours * HOUR, timezone=timezone or "UTC")
    registry.check_schedule(TASK, schedule)
    return schedule


def give(business: Business, schedule: Schedule, *, by: str, now: datetime, reason: str = "") -> tuple[Job, bool]:
    """Have `business` synced by `schedule`; the job, and whether it is new. Raises InvalidTrigger and UsedOtherwise.

    Of a job that is there only the trigger changes: what staff have decided of it stays, a pause too.
    """
    own = {"trigger": schedule.kind.value, "timezone": schedule.timezone}
    columns: dict[str, Any] = {**EMPTY, **own, "cron": schedule.cron, "interval": schedule.interval}
    if job_of(business) is None:
        try:
            with transaction.atomic():
                return store.create(_new(business, columns, by=by, now=now), by=by, now=now, reason=reason), True
        except IntegrityError:  # somebody else was first, or the id is used otherwise
            pass
    return _changed(business, columns, by=by, now=now, reason=reason), False


def take(business: Business, *, by: str, now: datetime, reason: str = "") -> bool:
    """Remove the schedule of `business`, and what it has queued; False if it has none. Raises UsedOtherwise."""

    def deed(job: Job) -> bool:
        _check(business, job)
        store.delete(job, by=by, now=now, reason=reason)
        return True

    try:
        return store.as_seen(job_id(business.pk), None, deed)
    except Job.DoesNotExist:
        return False


@contextmanager
def discreet(user: Person) -> Iterator[None]:
    """Tell people of a business nothing of a job of others; they read only that it cannot be done."""
    try:
        yield
    except UsedOtherwise:
        if tenants_of(user) is None:
            raise
        raise UsedOtherwise("It cannot be changed now; ask those who run this installation.") from None


def follow(business: Business, *, by: str, now: datetime) -> None:
    """Pause the job of a business that is not active any more; let it go on, if that paused it, once it is again."""
    job = job_of(business)
    if job is None:
        return
    if not business.is_active and not job.paused_at:
        store.pause(job, by=by, now=now, reason=IDLE)
    elif business.is_active and job.paused_at and job.paused_reason == IDLE:
        store.resume(job, by=by, now=now)


def _new(business: Business, columns: dict[str, Any], *, by: str, now: datetime) -> Job:
    task = sync_business_job
    paused = {} if business.is_active else {"paused_at": now, "paused_by": by, "paused_reason": IDLE}
    return Job(
        id=job_id(business.pk),
        name=f"Sync {business.name}"[:200],
        description="Reads the figures of the latest posts of this business.",
        tags=["social"],
        task=TASK,
        arguments={"business_id": business.pk},
        tenant=business.tenant,
        coalesce=True,
        max_instances=1,
        max_attempts=task.max_attempts,
        backoff=timedelta(minutes=2),
        idempotent=True,
        **paused,
        **columns,
    )


def _changed(business: Business, columns: dict[str, Any], *, by: str, now: datetime, reason: str) -> Job:
    def deed(stored: Job) -> Job:
        _check(business, stored)
        for name, value in columns.items():
            setattr(stored, name, value)
        store.change(stored, TRIGGER_FIELDS, by=by, now=now, reason=reason)
        return stored

    store.as_seen(job_id(business.pk), None, deed)
    return Job.objects.get(pk=job_id(business.pk))


def _is_of(business_id: int, job: Job) -> bool:
    return job.task == TASK and job.tenant == tenant_of(business_id)


def _check(business: Business, job: Job) -> None:
    """Raises UsedOtherwise."""
    if not _is_of(business.pk, job):
        told = f"The job {job.pk} is used otherwise; delete it, or have it run {TASK} as the tenant {business.tenant}."
        raise UsedOtherwise(told)
