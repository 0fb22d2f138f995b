"""claim: QUEUED -> RUNNING, as many as there are free slots, by priority, then age."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.aggregates import Count
from django.db.models.functions import Coalesce

from scheduling.exceptions import WorkerFenced
from scheduling.models import Execution, State, Worker, WorkerState
from scheduling.snapshots import Snapshot
from scheduling.states import CLAIM, RELEASE
from scheduling.store.batch import contested, locked
from scheduling.store.figures import told_starts
from scheduling.store.ledger import paused_queues
from scheduling.store.moves import move

TRIES = 3  # when another worker claims runs of the same job at the same time


@contested
def claim(worker: UUID, free: dict[str, int], now: datetime) -> list[Snapshot]:
    """Take at most `free[queue]` waiting runs of each queue; nobody else can have them.

    Raises WorkerFenced when `worker` is no longer alive.
    """
    open_lanes = {queue: places for queue, places in free.items() if places > 0}
    for queue in paused_queues() if open_lanes else ():
        open_lanes.pop(queue, None)
    if not open_lanes or not _ready(now).filter(queue__in=open_lanes).exists():
        return []
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return _claim(worker, open_lanes, now)
        except IntegrityError:  # an instance of the job was taken meanwhile: look again
            continue
    return []


def _claim(worker: UUID, free: dict[str, int], now: datetime) -> list[Snapshot]:
    if not Worker.objects.select_for_update().filter(pk=worker, state=WorkerState.ALIVE).exists():
        raise WorkerFenced
    taken: list[Execution] = []
    for queue, places in free.items():
        ready = _ready(now).filter(queue=queue).order_by(F("priority").desc(), "run_after", "id")
        while places > 0:
            chosen = list(locked(ready)[:places])
            started = _start(worker, chosen, now)
            taken += started
            places -= len(started)
            if len(started) in (0, len(chosen)):
                break  # otherwise jobs at their limit took up places: look behind them
    told_starts(taken, now)
    return [_snapshot(row, worker, now) for row in taken]


def _start(worker: UUID, chosen: list[Execution], now: datetime) -> list[Execution]:
    """Make running what may run of `chosen`, whose rows this transaction holds; returns those."""
    by_instance = _instances(chosen)
    for instance, ids in by_instance.items():
        rows = Execution.objects.filter(pk__in=ids)
        move(rows, CLAIM, State.RUNNING, worker=worker, instance=instance, started_at=now)
    started = {pk for ids in by_instance.values() for pk in ids}
    return [row for row in chosen if row.pk in started]


def _ready(now: datetime) -> QuerySet[Execution]:
    """Waiting runs whose time has come and whose job has an instance to spare."""
    running = (
        Execution.objects.running()
        .filter(job_id=OuterRef("job_id"), instance__isnull=False)  # not those that run beside the job's own
        .order_by()
        .values("job_id")
        .annotate(count=Count("id"))
        .values("count")
    )
    return (
        Execution.objects.queued()
        .due(now)
        .filter(Q(start_deadline=None) | Q(start_deadline__gt=now))
        .filter(Q(job_id=None) | Q(max_instances=None) | Q(max_instances__gt=Coalesce(Subquery(running), Value(0))))
    )


def _instances(chosen: list[Execution]) -> dict[int | None, list[int]]:
    """Which of `chosen` may start as which instance of its job; those beyond max_instances are left out."""
    used: dict[str, set[int | None]] = defaultdict(set)
    jobs = {row.job_id for row in chosen if row.job_id}
    for job_id, instance in Execution.objects.running().filter(job__in=jobs).values_list("job_id", "instance"):
        used[job_id].add(instance)
    granted: dict[int | None, list[int]] = defaultdict(list)
    for row in chosen:
        if row.job_id is None or row.max_instances is None:
            granted[None].append(row.pk)
            continue
        free = next((n for n in range(row.max_instances) if n not in used[row.job_id]), None)
        if free is not None:
            used[row.job_id].add(free)
            granted[free].append(row.pk)
    return granted


def _snapshot(row: Execution, worker: UUID, now: datetime) -> Snapshot:
    return Snapshot(
        id=row.pk,
        fence=row.fence + 1,
        task=row.task,
        arguments=row.arguments,
        worker=str(worker),
        job=row.job_id,
        tenant=row.tenant,
        queue=row.queue,
        priority=row.priority,
        attempt=row.attempt,
        root=row.root_id,
        timeout=row.timeout.total_seconds() if row.timeout else None,
        exclusive=row.exclusive,
        scheduled_for=row.scheduled_for or row.stands_for,
        created_at=row.created_at,
        started_at=now,
    )


def release_strays(worker: UUID, held: Collection[int]) -> int:
    """Give back the runs that bear the name of `worker` but never reached it (a commit of unknown end)."""
    strays = Execution.objects.filter(worker=worker).exclude(pk__in=held)
    return move(strays, RELEASE, State.QUEUED, worker=None, instance=None, started_at=None)
