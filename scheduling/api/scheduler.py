"""/scheduler: whether anything runs, which workers, and what comes next, as a shell can read it."""

from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from scheduling.api import workers
from scheduling.api.auth import needs
from scheduling.api.problems import refusals
from scheduling.api.workers import WorkerSchema
from scheduling.conf import options
from scheduling.exceptions import InvalidTrigger
from scheduling.health import turning
from scheduling.models import Job, Scope, Worker
from scheduling.store.workers import LIVING
from scheduling.tenants import Person

router = Router(tags=["scheduler"])

MOST = 1000  # jobs in one answer; /jobs has pages
SEE = ("scheduling.view_job", "scheduling.view_worker")


class UpcomingJob(Schema):
    """A job and its next run."""

    id: str = Field(examples=["nightly-import"])
    name: str = Field(examples=["Nightly import"])
    next_run_time: datetime | None = Field(description="Null of a job that is paused, parked, spent or only by hand.")
    trigger: str = Field(description="Its schedule in words.", examples=["At 02:00"])
    paused: bool


class UpcomingJobs(Schema):
    """Jobs in the order of their next run; those that have none come last."""

    jobs: list[UpcomingJob]
    total: int = Field(description=f"Of all jobs; the answer has {MOST:,} at most.")


class SchedulerStatus(UpcomingJobs):
    """What turns, and what comes next."""

    running: bool = Field(description="Whether the loop of a scheduler turns; not only whether a process lives.")
    version: str = Field(description="Of the web side.")
    workers: list[WorkerSchema] = Field(description="Those that have not stopped.")


class SchedulerStatusAnswer(Schema):
    """The status, under the name that scripts look for: `jq .status.running`."""

    status: SchedulerStatus


@router.get(
    "/status",
    response={200: SchedulerStatusAnswer, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_scheduler_status",
    summary="Show whether it runs",
)
def status(request: HttpRequest) -> dict[str, Any]:
    """Whether a scheduler runs, which ones, and the jobs in the order of their next run."""
    now = timezone.now()
    alive = Worker.objects.filter(state__in=LIVING).order_by("started_at").defer("figures")
    return {
        "status": {
            "running": bool(turning(now)),
            "version": options().version,
            "workers": [workers.shown(worker, now) for worker in alive],
            **upcoming(request.user),
        }
    }


@router.get(
    "/jobs",
    response={200: UpcomingJobs, **refusals()},
    auth=needs("scheduling.view_job", scope=Scope.READ),
    operation_id="list_scheduled_jobs",
    summary="List what comes next",
)
def jobs(request: HttpRequest) -> dict[str, Any]:
    """All jobs in the order of their next run, in short; `/api/v1/jobs` has them whole, and in pages."""
    return upcoming(request.user)


def upcoming(user: Person) -> dict[str, Any]:
    """What comes next of the jobs that `user` may see."""
    rows = Job.objects.seen_by(user).order_by(F("next_run_time").asc(nulls_last=True), "id")
    light = rows.defer("arguments", "code_definition", "description")
    return {"jobs": [_shown(job) for job in light[:MOST]], "total": rows.count()}


def _shown(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.name,
        "next_run_time": job.next_run_time,
        "trigger": _words(job),
        "paused": job.paused_at is not None,
    }


def _words(job: Job) -> str:
    """One schedule that cannot be read any more hides no other."""
    try:
        return job.words
    except InvalidTrigger as error:
        return f"Cannot be read: {error}"
