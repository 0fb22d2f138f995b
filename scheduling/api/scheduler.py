"""/scheduler: whether anything runs, which workers, and what comes next, as a shell can read it."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from scheduling.api.auth import needs
from scheduling.conf import options
from scheduling.health import Health, health
from scheduling.models import Job, Scope, Worker, WorkerState

router = Router(tags=["scheduler"])

MOST = 1000  # jobs in one answer; /jobs has pages


class Upcoming(Schema):
    """A job and its next run."""

    id: str
    name: str
    next_run_time: datetime | None
    trigger: str


class Status(Schema):
    """What turns, and what comes next."""

    running: bool
    version: str
    workers: int
    jobs: list[Upcoming]


class StatusAnswer(Schema):
    """The status, under the name that scripts look for: `jq .status.running`."""

    status: Status


@router.get(
    "/status", response=StatusAnswer, auth=needs("scheduling.view_job", "scheduling.view_worker", scope=Scope.READ)
)
def status(request: HttpRequest) -> dict[str, Any]:
    """Whether a scheduler runs, and the jobs in the order of their next run."""
    now = timezone.now()
    alive = [row for row in Worker.objects.filter(state=WorkerState.ALIVE) if health(row, now) == Health.ALIVE]
    jobs = Job.objects.order_by(F("next_run_time").asc(nulls_last=True), "id")[:MOST]
    return {
        "status": {
            "running": bool(alive),
            "version": options().version,
            "workers": len(alive),
            "jobs": [
                {"id": job.pk, "name": job.name, "next_run_time": job.next_run_time, "trigger": job.words}
                for job in jobs
            ],
        }
    }
