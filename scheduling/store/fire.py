"""fire: due moments become Executions, and their jobs move on to the next moment."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Q

from scheduling import registry
from scheduling.exceptions import SchedulingError
from scheduling.models import LONGEST_REASON, OPEN, Execution, Job, Overlap, State
from scheduling.planning import Going, Plan, plan, skip
from scheduling.store.batch import contested, insert_rows, locked, update_rows
from scheduling.store.changes import record
from scheduling.store.executions import request_cancel

AT_ONCE = 1000  # jobs in one transaction: bounds how long others wait for it


@dataclass(slots=True)
class Fired:
    """What a turn has fired; `full` says that more may be due."""

    rows: list[Execution] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)  # job id -> reason
    full: bool = False


@contested
def fire_due(now: datetime) -> Fired:
    """Queue each due moment, or write down why it will not run, exactly once whoever else does the same."""
    if not Job.objects.due(now).exists():
        return Fired()
    with transaction.atomic():
        return fire(list(locked(Job.objects.due(now))[:AT_ONCE]), now)


def fire(jobs: list[Job], now: datetime) -> Fired:
    """Fire the due moments of `jobs`, whose rows this transaction holds."""
    fired = Fired(full=len(jobs) == AT_ONCE)
    going = _going([job.pk for job in jobs], now)
    moved: list[tuple[Job, Plan]] = []
    for job in jobs:
        try:
            registry.get(job.task)
            step = plan(job, now, going.get(job.pk, Going()))
        except (SchedulingError, OverflowError) as error:  # or a span that leads beyond the calendar
            fired.parked[job.pk] = str(error)
            continue
        moved.append((job, step))
        fired.rows.extend(step.rows)
    _write(moved, fired, now)
    return fired


def _write(moved: list[tuple[Job, Plan]], fired: Fired, now: datetime) -> None:
    fired.rows = insert_rows(fired.rows)
    update_rows(
        Job,
        guard=("id", "next_run_time", "revision"),
        new=("next_run_time", "fired_until"),
        rows=[(step.next_run_time, step.fired_until, job.pk, job.next_run_time, job.revision) for job, step in moved],
    )
    crowded = [job.pk for job, step in moved if job.overlap == Overlap.CANCEL and step.queues]
    if crowded:
        earlier = Execution.objects.running().filter(job__in=crowded)
        request_cancel(earlier, now, by="", reason="The next run of its job was due (overlap: cancel).")
    for job_id, reason in fired.parked.items():
        Job.objects.filter(pk=job_id).update(next_run_time=None, parked_reason=reason[:LONGEST_REASON])
        record(job_id, "parked", by="", now=now, reason=reason)


def _going(jobs: list[str], now: datetime) -> dict[str, Going]:
    """The runs of `jobs` that have not ended; a retry that still waits for its time is not one."""
    counted = (
        Execution.objects.filter(job__in=jobs, state__in=OPEN)
        .filter(Q(state=State.RUNNING) | Q(run_after__lte=now))
        .order_by()
        .values("job_id")
        .annotate(count=Count("id"), waiting=Count("id", filter=Q(state=State.QUEUED)), latest=Max("id"))
    )
    return {row["job_id"]: Going(row["count"], row["waiting"], row["latest"]) for row in counted}


def skip_overdue(now: datetime) -> list[Execution]:
    """Skip what waited past its start deadline; the rows say so."""
    if not Execution.objects.queued().filter(start_deadline__lte=now).exists():
        return []
    reason = "Missed: no place was free in its queue before its misfire grace time ran out."
    with transaction.atomic():
        overdue = list(locked(Execution.objects.queued().filter(start_deadline__lte=now))[:AT_ONCE])
        for row in overdue:
            skip(row, reason, now)
        Execution.objects.filter(pk__in=[row.pk for row in overdue]).update(
            state=State.SKIPPED, reason=reason, finished_at=now
        )
    return overdue
