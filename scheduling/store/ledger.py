"""The ledger: whatever happens to a job, each moment up to now has its row first."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Max, Min

from scheduling.exceptions import InvalidTrigger
from scheduling.models import Cause, Execution, Job, Queue, Worker
from scheduling.planning import PUNCTUAL, count_between, idle_rows
from scheduling.store.batch import insert_rows
from scheduling.store.figures import told_ends
from scheduling.store.workers import LIVING
from scheduling.triggers import TICK


class Standstill(NamedTuple):
    """Why a job does not fire, as its skipped moments will say, and until when if that is planned."""

    cause: Cause
    reason: str
    until: datetime | None = None


def standstill(job: Job) -> Standstill | None:
    """None while `job` may fire."""
    if job.parked_reason:
        return Standstill(Cause.PARKED, f"Parked: {job.parked_reason}")
    if job.paused_at:
        return Standstill(Cause.PAUSED, _paused("Paused", job), job.paused_until)
    queue = Queue.objects.paused().filter(pk=job.queue).first()
    return None if queue is None else held_by(queue, job.tenant)


def settle_idle(job: Job, until: datetime, because: Standstill, chosen: datetime | None = None) -> list[Execution]:
    """Write the rows of the moments up to `until` in which `job`, whose row is locked, stood still; returns them.

    The `chosen` one of them is queued.
    """
    rows = idle_rows(job, idle_since(job), until, because.cause, because.reason, chosen)
    written = insert_rows(beside_others(job, rows))
    told_ends(written)
    return written


def beside_others(job: Job, rows: list[Execution]) -> list[Execution]:
    """`rows` without the moments that have one already, as one that was skipped beforehand has.

    The row that stands for a range begins with a moment that has none, and does not count those that have.
    """
    if not rows:
        return []
    span = {"scheduled_for__gte": rows[0].scheduled_for, "scheduled_for__lte": rows[-1].scheduled_for}
    there = set(Execution.objects.filter(job=job.pk, **span).values_list("scheduled_for", flat=True))
    listed = [row for row in rows if row.scheduled_for not in there and not row.missed_count]
    whole = rows[0]
    if not whole.missed_count:
        return listed
    taken = [moment for moment in there if moment and rows[1].scheduled_for and moment < rows[1].scheduled_for]
    whole.missed_count -= len(taken)
    while whole.scheduled_for in taken:
        whole.scheduled_for = job.next_after(whole.scheduled_for)
    return [whole, *listed] if whole.missed_count >= 0 else listed


def idle_since(job: Job) -> datetime | None:
    """The first moment of `job` that has no row yet."""
    return job.next_run_time or job.next_after(job.fired_until or job.created_at)


def next_free(job: Job, now: datetime) -> datetime | None:
    """When `job` fires next: the first moment after `now` that has no row, as one skipped beforehand has.

    Raises InvalidTrigger.
    """
    ahead = Execution.objects.filter(job=job.pk, scheduled_for__gt=now)
    there = set(ahead.values_list("scheduled_for", flat=True))
    moment = job.next_after(now)
    while moment in there:
        assert moment is not None
        moment = job.next_after(moment)
    return moment


def missed_since(job: Job) -> datetime | None:
    """The first moment of the present standstill of `job`, be its row written already or not."""
    return job.next_after(job.paused_at) if job.paused_at else idle_since(job)


def missed_so_far(job: Job, now: datetime) -> int:
    """How many moments have passed while `job` stood still; none can be told of a schedule that cannot be read."""
    try:
        return count_between(job, missed_since(job), end_of_pause(job.paused_until, now))
    except InvalidTrigger:
        return 0


def end_of_pause(until: datetime | None, now: datetime) -> datetime:
    """Up to when moments fall into a pause that was to end at `until`, whose own moment does not; at most `now`."""
    return min(until - TICK, now) if until else now


def silence(moment: datetime, now: datetime) -> str:
    """Why nobody fired `moment` before `now`: from when to when no scheduler turned; empty if one did all along."""
    if now - moment <= PUNCTUAL:
        return ""
    last = Worker.objects.filter(turned_at__lte=moment + PUNCTUAL).aggregate(Max("turned_at"))["turned_at__max"]
    if Worker.objects.filter(started_at__lte=moment, turned_at__gt=moment + PUNCTUAL).exists():
        return ""
    first = Worker.objects.filter(started_at__gt=moment).aggregate(Min("started_at"))["started_at__min"]
    end = _utc(first or now)
    if last is None:
        return f"no scheduler had been started before {end}"
    span = f"from {_utc(last)} to {end}"
    if Worker.objects.filter(started_at__lte=moment, state__in=LIVING).exists():
        return f"no scheduler got to it {span}: the database did not answer, or the machine stood still"
    return f"no scheduler was running {span}"


def paused_queues() -> list[str]:
    """The names of the queues of which nothing starts."""
    return list(Queue.objects.paused().values_list("name", flat=True))


def held_by(queue: Queue, tenant: str) -> Standstill:
    """Why nothing of a paused queue starts; a tenant's rows do not say who of the installation said what."""
    said = "Its queue was paused." if tenant else _paused(f"The queue {queue} was paused", queue)
    return Standstill(Cause.QUEUE_PAUSED, said, queue.paused_until)


def _paused(what: str, row: Job | Queue) -> str:
    until = f", until {_utc(row.paused_until)}" if row.paused_until else ""
    said = f" {row.paused_reason}" if row.paused_reason else ""
    return f"{what} by {row.paused_by or 'the system'}{until}.{said}"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
