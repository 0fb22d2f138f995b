"""/workers: which schedulers live, and how much they have to do."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.paging import Bookmark, cut_by
from scheduling.api.problems import missing, refusals
from scheduling.api.shapes import seconds
from scheduling.health import Health, health
from scheduling.models import Scope, Worker, WorkerState

router = Router(tags=["workers"])

SEE = ("scheduling.view_worker",)


class WorkerFilter(Schema):
    """Which workers to list."""

    state: list[WorkerState] = Field(
        default_factory=list, description="That say this of themselves; can be repeated.", examples=[["alive"]]
    )


class WorkerSchema(Schema):
    """One start of `runscheduler`."""

    id: UUID
    host: str = Field(examples=["worker-1.example.net"])
    pid: int = Field(examples=[4242])
    version: str
    state: Health = Field(
        description="As its row and the age of its heartbeat say: alive; stalled (its loop does not turn); silent (not "
        "heard of, though it has not said goodbye); stopping; stopped; dead."
    )
    queues: dict[str, int] = Field(description="So many runs of each queue it takes at once.")
    slots: int = Field(description="So many runs it takes at once.")
    running: int = Field(description="So many it had at its last heartbeat.")
    heartbeat_at: datetime
    heartbeat_age: float = Field(description="Seconds since then.")
    turned_at: datetime = Field(description="The last turn of its loop, as of its last heartbeat.")
    started_at: datetime
    stopped_at: datetime | None


class Workers(Schema):
    """A page of workers, the latest start first."""

    items: list[WorkerSchema]
    next: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


@router.get(
    "",
    response={200: Workers, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_workers",
    summary="List workers",
)
def listed(request: HttpRequest, wanted: Query[WorkerFilter], page: Query[Bookmark]) -> dict[str, Any]:
    """Every start of a scheduler that is kept, the latest first."""
    rows = Worker.objects.filter(state__in=wanted.state) if wanted.state else Worker.objects.all()
    found, now = cut_by(rows.defer("figures"), "started_at", page), timezone.now()
    return {**found, "items": [shown(worker, now) for worker in found["items"]]}


@router.get(
    "/{worker_id}",
    response={200: WorkerSchema, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_worker",
    summary="Show a worker",
)
def one(request: HttpRequest, worker_id: Annotated[UUID, Path()]) -> dict[str, Any]:
    """Whether it lives, and what it has to do."""
    worker = Worker.objects.filter(pk=worker_id).first()
    if worker is None:
        raise missing(f"There is no worker {worker_id}; it may have been pruned.")
    return shown(worker, timezone.now())


def shown(worker: Worker, now: datetime) -> dict[str, Any]:
    """`worker` as the API tells of it."""
    names = ("host", "pid", "version", "queues", "slots", "running", "heartbeat_at", "turned_at", "started_at")
    told = {name: getattr(worker, name) for name in names}
    age = max(seconds(now - worker.heartbeat_at) or 0.0, 0.0)
    return {
        **told,
        "id": worker.pk,
        "state": health(worker, now),
        "heartbeat_age": age,
        "stopped_at": worker.stopped_at,
    }
