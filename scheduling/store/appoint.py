"""appoint: the next run of a job at a moment of one's own choice; from then on it goes by its trigger again."""

from datetime import datetime
from typing import Any

from django.db import transaction

from scheduling import triggers
from scheduling.exceptions import InvalidJob
from scheduling.models import Cause, Execution, Job
from scheduling.planning import idle_rows
from scheduling.store.batch import announce, contested, insert_rows
from scheduling.store.changes import record
from scheduling.store.figures import told_ends
from scheduling.store.ledger import beside_others, idle_since
from scheduling.store.pauses import resume, settle
from scheduling.triggers import TICK, Kind, Schedule


@contested
def appoint(job: Job, moment: datetime, *, by: str, now: datetime, reason: str = "") -> datetime:
    """Let the next run of `job` be at `moment`, or now if that has passed; returns when it will be.

    A paused job goes on. What the trigger names before then is skipped, and says so; an interval without a start
    counts from the new moment. A date that has passed stays what it is, and its grace decides whether it still runs.
    Raises InvalidTrigger and InvalidJob.
    """
    triggers.check(Schedule(Kind.DATE, run_at=moment))
    with transaction.atomic():
        resume(job, by=by, now=now, reason=reason)
        stored = Job.objects.select_for_update().get(pk=job.pk)
        if stored.parked_reason:
            raise InvalidJob(f"The job {job.pk} is parked and cannot run: {stored.parked_reason} Mend it first.")
        settle(stored, now)
        stored.refresh_from_db()
        at = _free(stored, moment if stored.run_at == moment else max(moment, now))
        columns = {"next_run_time": at, "revision": stored.revision + 1, **_passed_over(stored, at, by, now)}
        Job.objects.filter(pk=job.pk).update(**columns, updated_at=now)
        before = stored.next_run_time and stored.next_run_time.isoformat()
        record(job.pk, "changed", by=by, now=now, reason=reason, fields={"next_run": [before, at.isoformat()]})
        announce()
    job.refresh_from_db()
    return at


def _free(job: Job, moment: datetime) -> datetime:
    """`moment`, or the instant after it where it has a row already, as one that was skipped beforehand has."""
    while Execution.objects.filter(job=job.pk, scheduled_for=moment).exists():
        moment += TICK
    return moment


def _passed_over(job: Job, at: datetime, by: str, now: datetime) -> dict[str, Any]:
    """Write the rows of what the trigger names before `at`; or return the grid of an interval that begins with it."""
    if job.interval and job.trigger == Kind.INTERVAL and not job.start_at:
        return {"anchored_at": at - job.interval, "fired_until": now}
    said = f"Passed over: {by or 'the system'} put the next run at {at:%Y-%m-%d %H:%M:%S} UTC."
    rows = idle_rows(job, idle_since(job), at - TICK, Cause.BY_HAND, said)
    told_ends(insert_rows(beside_others(job, rows)))
    return {}
