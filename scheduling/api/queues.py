"""/queues: the configured lanes, how full they are; pause one, and let it go on."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from scheduling import store
from scheduling.api.auth import needs, who
from scheduling.api.pausing import Pause, Resume, Standstill
from scheduling.api.problems import missing, refusals
from scheduling.api.shapes import Name
from scheduling.conf import options
from scheduling.loads import Load, loads
from scheduling.models import Queue, Scope

router = Router(tags=["queues"])

SEE = ("scheduling.view_queue",)
STEER = (*SEE, "scheduling.pause_queue")


class QueueSchema(Schema):
    """A queue: what is configured, what people decided, what happens in it."""

    name: str = Field(examples=["default"])
    executor: str | None = Field(description="processes or threads; null of a queue that is not configured any more.")
    slots: int = Field(description="So many runs each worker takes at once.")
    workers: int = Field(description="So many schedulers that are alive serve it; with none nothing starts.")
    places: int = Field(description="The slots of all of them.")
    running: int
    waiting: int
    jobs: int = Field(description="So many jobs run in it.")
    pause: Standstill | None


class Queues(Schema):
    """All queues."""

    items: list[QueueSchema]


@router.get(
    "",
    response={200: Queues, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_queues",
    summary="List queues",
)
def listed(request: HttpRequest) -> dict[str, Any]:
    """The configured queues, and those that are paused though they are no longer."""
    found = loads(timezone.now())
    return {"items": [_shown(queue, found.get(queue.pk, Load())) for queue in Queue.objects.known()]}


@router.get(
    "/{name}",
    response={200: QueueSchema, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_queue",
    summary="Show a queue",
)
def one(request: HttpRequest, name: Name) -> dict[str, Any]:
    """How full it is, who serves it, and whether it is paused."""
    return _answer(_queue(name))


@router.post(
    "/{name}/pause",
    response={200: QueueSchema, **refusals(404, 409)},
    auth=needs(*STEER, scope=Scope.RUN),
    operation_id="pause_queue",
    summary="Pause a queue",
)
def pause(request: HttpRequest, name: Name, body: Pause | None = None) -> dict[str, Any]:
    """Nothing more of it starts: its jobs do not fire, and what waits goes on waiting. Runs under way go on.

    A queue that is paused already takes the new end and reason.
    """
    queue, given, now = _queue(name), body or Pause(), timezone.now()
    store.pause_queue(queue, by=who(request), now=now, reason=given.reason, until=given.end(now))
    return _answer(queue)


@router.post(
    "/{name}/resume",
    response={200: QueueSchema, **refusals(404, 409)},
    auth=needs(*STEER, scope=Scope.RUN),
    operation_id="resume_queue",
    summary="Let a queue go on",
)
def resume(request: HttpRequest, name: Name, body: Resume | None = None) -> dict[str, Any]:
    """What waits in it starts, and its jobs fire from their next moment on; a queue that is not paused stays so.

    `missed` says for each job which of the moments that passed meanwhile run after all.
    """
    queue, given = _queue(name), body or Resume()
    by, now = who(request), timezone.now()
    store.resume_queue(queue, by=by, now=now, reason=given.reason, missed=given.missed)
    return _answer(queue)


def _queue(name: str) -> Queue:
    queue = Queue.objects.known().filter(pk=name).first()
    if queue is None:
        there = ", ".join(Queue.objects.known().values_list("pk", flat=True))
        raise missing(
            f"There is no queue {name!r}; there are: {there or 'none before the first start of a scheduler'}."
        )
    return queue


def _answer(queue: Queue) -> dict[str, Any]:
    return _shown(queue, loads(timezone.now()).get(queue.pk, Load()))


def _shown(queue: Queue, load: Load) -> dict[str, Any]:
    lane = options().lane(queue.pk)
    paused = {
        "since": queue.paused_at,
        "until": queue.paused_until,
        "by": queue.paused_by,
        "reason": queue.paused_reason,
    }
    return {
        "name": queue.pk,
        "executor": lane.executor if lane else None,
        "slots": lane.slots if lane else 0,
        "workers": load.workers,
        "places": load.places,
        "running": load.running,
        "waiting": load.waiting,
        "jobs": load.jobs,
        "pause": paused if queue.paused_at else None,
    }
