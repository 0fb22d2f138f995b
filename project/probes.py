"""What machines ask: whether the web is up, whether a scheduler is at work, and the figures of Prometheus."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from scheduling.api.auth import guarded
from scheduling.api.problems import BUSY, Problem, answer, on_purpose
from scheduling.clock import Clock
from scheduling.health import Health, health
from scheduling.metrics import exposition
from scheduling.models import Worker, WorkerState

View = Callable[..., HttpResponseBase]

FIGURES = ("scheduling.view_job", "scheduling.view_execution", "scheduling.view_worker")
START = "Start one: python manage.py runscheduler."
CURES = {
    Health.ALIVE: "",
    Health.STALLED: "Its heart beats, but something holds up its loop: a listener that blocks, or a lock in the "
    "database. Look at its log, then restart it; what it was running is taken over or marked lost.",
    Health.SILENT: "Its host is down, or it does not reach the database. If it does not come back, start another.",
    Health.STOPPING: "It takes no new runs; another has to follow it.",
}


@never_cache
@require_safe
def liveness(request: HttpRequest) -> JsonResponse:
    """Answers while the web side is up; asks no database, so that a slow one does not restart the web."""
    return JsonResponse({"status": "ok"})


def _without_database(view: View) -> View:
    """A database that is away is an answer too: 503."""

    @wraps(view)
    def asked(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except DatabaseError:
            return answer(request, Problem(503, "The database is away.", BUSY, kind="busy"))

    return asked


@never_cache
@require_safe
@_without_database
@guarded("scheduling.view_worker")
def scheduler(request: HttpRequest) -> JsonResponse:
    """200 while the loop of a scheduler turns; else 503, with who it was, since when, and what to do."""
    now = _now()
    living = Worker.objects.filter(state__in=(WorkerState.ALIVE, WorkerState.STOPPING)).defer("figures")
    workers = [_told(worker, now) for worker in living]
    if any(worker["state"] == Health.ALIVE for worker in workers):
        return JsonResponse({"status": "ok", "workers": workers})
    response = JsonResponse({"status": "failing", "detail": _trouble(workers), "workers": workers}, status=503)
    on_purpose(request, response)
    return response


@never_cache
@require_safe
@_without_database
def metrics(request: HttpRequest) -> HttpResponseBase:
    """The figures, for a token or a login that may see them; for everybody if METRICS_OPEN."""
    return _figures(request) if settings.METRICS_OPEN else guarded(*FIGURES)(_figures)(request)


def _figures(request: HttpRequest) -> HttpResponse:
    body, content_type = exposition(request.headers.get("Accept", ""), _now())
    return HttpResponse(body, headers={"Content-Type": content_type})


def _told(worker: Worker, now: datetime) -> dict[str, Any]:
    how = health(worker, now)
    since = {Health.ALIVE: worker.started_at, Health.SILENT: worker.heartbeat_at}.get(how, worker.turned_at)
    return {
        "id": str(worker.pk),
        "worker": str(worker),
        "state": how.value,
        "since": since,
        "cure": CURES[how],
        "version": worker.version,
        "queues": worker.queues,
        "running": worker.running,
        "slots": worker.slots,
        "last_turn": worker.turned_at,
        "last_heartbeat": worker.heartbeat_at,
    }


def _trouble(workers: list[dict[str, Any]]) -> str:
    if workers:
        return " ".join(
            f"{each['worker']} is {each['state']} since {each['since']:%Y-%m-%d %H:%M:%S} UTC. {each['cure']}"
            for each in workers
        )
    last = Worker.objects.order_by("-stopped_at").defer("figures").first()
    if last is None or last.stopped_at is None:
        return f"No scheduler has ever been started on this database. {START}"
    ended = "was declared dead" if last.state == WorkerState.DEAD else "stopped"
    return f"No scheduler runs: the last one, {last}, {ended} at {last.stopped_at:%Y-%m-%d %H:%M:%S} UTC. {START}"


def _now() -> datetime:
    """By the clock that the workers go by too."""
    clock = Clock()
    clock.compare()
    return clock.now()
