"""fire: due moments become Executions, and their jobs move on to the next moment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Count, Max, Min, Q

from scheduling import registry
from scheduling.calendars import load
from scheduling.exceptions import SchedulingError, UnknownTask
from scheduling.models import LONGEST_REASON, OPEN, Cause, Execution, Job, Overlap, Queue, State, Why
from scheduling.planning import Circumstances, Going, Plan, plan, skip
from scheduling.states import PASS_OVER
from scheduling.store.batch import contested, insert_rows, locked, update_rows
from scheduling.store.changes import record
from scheduling.store.executions import request_cancel
from scheduling.store.figures import told_ends
from scheduling.store.ledger import Standstill, beside_others, held_by, paused_queues, settle_idle, silence
from scheduling.store.moves import move

AT_ONCE = 1000  # jobs in one transaction: bounds how long others wait for it


@dataclass(slots=True)
class Fired:
    """What a turn has fired; `full` says that more may be due."""

    rows: list[Execution] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)  # job id -> reason
    full: bool = False


@contested
def fire_due(now: datetime) -> Fired:
    """Queue each due moment, or write down why it will not run, exactly once whoever else does the same.

    The jobs of a paused queue are left alone; their moments get rows when it is resumed.
    """
    due = Job.objects.due(now)
    if not due.exists():
        return Fired()
    due = due.exclude(queue__in=paused_queues())
    with transaction.atomic():
        return fire(list(locked(due)[:AT_ONCE]), now)


def fire(jobs: list[Job], now: datetime) -> Fired:
    """Fire the due moments of `jobs`, whose rows this transaction holds."""
    fired = Fired(full=len(jobs) == AT_ONCE)
    moved: list[tuple[Job, Plan, Going]] = []
    for job, given in _circumstances(jobs, now):
        try:
            registry.get(job.task)
            step = plan(job, now, given)
        except (SchedulingError, OverflowError) as error:  # or a span that leads beyond the calendar
            fired.parked[job.pk] = str(error)
            if isinstance(error, UnknownTask):
                settle_idle(job, now, Standstill(Cause.PARKED, f"Parked: {error}"))
            continue
        moved.append((job, step, given.going))
        fired.rows.extend(beside_others(job, step.rows) if step.rows[0].missed_count else step.rows)
    _write(moved, fired, now)
    return fired


def _circumstances(jobs: list[Job], now: datetime) -> Iterator[tuple[Job, Circumstances]]:
    going = _going([job.pk for job in jobs], now)
    calendars = load({name for job in jobs for name in job.calendars})
    earliest = min((job.next_run_time for job in jobs if job.next_run_time), default=now)
    quiet = silence(earliest, now)
    for job in jobs:
        yield job, Circumstances(going.get(job.pk, Going()), partial(calendars.excludes, job.calendars), quiet)


def _write(moved: list[tuple[Job, Plan, Going]], fired: Fired, now: datetime) -> None:
    fired.rows = insert_rows(fired.rows)
    told_ends(fired.rows)
    update_rows(
        Job,
        guard=("id", "next_run_time", "revision"),
        new=("next_run_time", "fired_until"),
        rows=[
            (step.next_run_time, step.fired_until, job.pk, job.next_run_time, job.revision) for job, step, _ in moved
        ],
    )
    newest = {row.job_id: row.pk for row in fired.rows if row.state == State.QUEUED}
    cancelling = [(job, going) for job, _, going in moved if job.overlap == Overlap.CANCEL and job.pk in newest]
    if crowded := [job.pk for job, going in cancelling if going.count >= job.max_instances]:
        _make_way(crowded, [newest[job] for job in crowded], now)
    for job_id, reason in fired.parked.items():
        Job.objects.filter(pk=job_id).update(next_run_time=None, fired_until=now, parked_reason=reason[:LONGEST_REASON])
        record(job_id, "parked", by="", now=now, reason=reason)


def _make_way(crowded: list[str], newest: list[int], now: datetime) -> None:
    """Of each crowded job the oldest run is asked to stop, and what waits is skipped, but for the newest row."""
    reason = "The next run of its job was due (overlap: cancel)."
    runs = Execution.objects.filter(job__in=crowded, backfill=None)
    oldest = runs.running().order_by().values("job_id").annotate(first=Min("id")).values_list("first", flat=True)
    request_cancel(runs.running().filter(pk__in=list(oldest)), now, by="", reason=reason)
    waiting = runs.filter(why=Why.SCHEDULE).exclude(pk__in=newest)
    move(waiting, PASS_OVER, State.SKIPPED, cause=Cause.OVERLAP, reason=f"Overlap: {reason}", finished_at=now)


def _going(jobs: list[str], now: datetime) -> dict[str, Going]:
    """The runs of `jobs` that have not ended; neither a retry that waits for its time nor a backfill is one."""
    counted = (
        Execution.objects.filter(job__in=jobs, state__in=OPEN, backfill=None)
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
    with transaction.atomic():
        overdue = list(locked(Execution.objects.queued().filter(start_deadline__lte=now))[:AT_ONCE])
        _say_why(overdue, now)
        for said, why in {(row.reason, row.cause) for row in overdue}:
            rows = Execution.objects.filter(pk__in=[row.pk for row in overdue if row.reason == said])
            move(rows, PASS_OVER, State.SKIPPED, cause=why, reason=said, finished_at=now)
    return overdue


def _say_why(overdue: list[Execution], now: datetime) -> None:
    """Make each of the rows a skipped one: its queue was paused, nobody was there, or its place was taken."""
    held = {queue.pk: queue for queue in Queue.objects.paused()}
    busy = Execution.objects.running().filter(job__in={row.job_id for row in overdue if row.job_id})
    earlier = dict(busy.order_by("-id").values_list("job_id", "id"))
    quiet = silence(min((row.start_deadline or now for row in overdue), default=now), now)
    late = "until its misfire grace time was over."
    for row in overdue:
        if row.queue in held:
            skip(row, Cause.QUEUE_PAUSED, f"{held_by(held[row.queue], row.tenant).reason} It waited {late}", now)
        elif quiet:
            skip(row, Cause.MISSED, f"Missed: it waited {late} {quiet[:1].upper()}{quiet[1:]}.", now)
        elif row.job_id in earlier:
            skip(row, Cause.OVERLAP, f"Overlap: an earlier run (#{earlier[row.job_id]}) was going {late}", now)
        else:
            skip(row, Cause.MISSED, f"Missed: no place was free in its queue {row.queue} {late}", now)
