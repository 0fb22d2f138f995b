"""/api/tasks: the addresses at which one of the source systems tells of its scheduler and its background worker."""

import enum
from datetime import datetime
from typing import Any

from django.db.models import Max, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.paging import REACH
from scheduling.api.problems import refusals
from scheduling.api.scheduler import SEE, upcoming
from scheduling.health import turning
from scheduling.models import OPEN, UNWELL, Execution, Scope, State, Why
from scheduling.redact import plain

router = Router(tags=["source systems"])

ON_DEMAND = (Why.RUN_NOW, Why.API, Why.ENQUEUE)


class OnDemandState(enum.StrEnum):
    """How on-demand work stands, in the words of that system."""

    IDLE = "idle"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class ScheduledJob(Schema):
    """A job and its next run."""

    id: str
    name: str = Field(examples=["Daily Sync"])
    next_run: datetime | None
    trigger: str = Field(examples=["At 02:00"])


class ScheduledJobs(Schema):
    """The scheduled jobs."""

    running: bool = Field(description="Whether the loop of a scheduler turns.")
    jobs: list[ScheduledJob]


class OnDemandStatus(Schema):
    """The latest run that was asked for on demand: by hand, through the API, or by code."""

    status: OnDemandState = Field(description="idle: there was none of late, or it was cancelled before it began.")
    progress: float | None = Field(description="From 0 to 1, as the task tells it.", examples=[0.42])
    message: str = Field(description="What the task says of its progress; or the error that ended it.")
    execution: int | None = Field(description="The run, with all attempts; `/api/v1/executions/{id}` has the rest.")
    job: str | None
    task: str | None
    started_at: datetime | None
    finished_at: datetime | None


@router.get(
    "/scheduler/status",
    response={200: ScheduledJobs, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_tasks_scheduler_status",
    summary="Show scheduled jobs",
)
def scheduler_status(request: HttpRequest) -> dict[str, Any]:
    """The jobs in the order of their next run; `next_run` is null while a job has none."""
    rows = [{**row, "next_run": row["next_run_time"]} for row in upcoming()["jobs"]]
    return {"running": bool(turning(timezone.now())), "jobs": rows}


@router.get(
    "/worker/status",
    response={200: OnDemandStatus, **refusals()},
    auth=needs("scheduling.view_execution", scope=Scope.READ),
    operation_id="get_tasks_worker_status",
    summary="Show on-demand work",
)
def worker_status(request: HttpRequest) -> dict[str, Any]:
    """Whether on-demand work goes on, how far it is, and how it ended."""
    run = latest_on_demand()
    if run is None:
        return dict.fromkeys(OnDemandStatus.model_fields) | {"status": OnDemandState.IDLE, "message": ""}
    said = run.progress_text if run.state in (*OPEN, State.SUCCEEDED) else run.error_message or run.reason
    told = {name: getattr(run, name) for name in ("progress", "task", "started_at", "finished_at")}
    return {**told, "status": stand(run), "message": plain(said), "execution": run.pk, "job": run.job_id}


def latest_on_demand() -> Execution | None:
    """The last attempt of the latest such run, among the latest REACH rows, which is what one looks through."""
    newest = Execution.objects.aggregate(newest=Max("id"))["newest"] or 0
    recent = Execution.objects.filter(why__in=ON_DEMAND, id__gt=newest - REACH).order_by("-id")
    first = recent.values_list("pk", flat=True).first()
    return Execution.objects.filter(Q(pk=first) | Q(root=first)).order_by("-attempt", "-id").first() if first else None


def stand(run: Execution) -> OnDemandState:
    if run.state in OPEN:
        return OnDemandState.RUNNING
    if run.state in UNWELL or (run.state == State.CANCELLED and run.started_at):
        return OnDemandState.FAILED
    return OnDemandState.COMPLETED if run.state == State.SUCCEEDED else OnDemandState.IDLE
