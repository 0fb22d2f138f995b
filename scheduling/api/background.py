"""/api/tasks/scheduler: the address at which one of the source systems tells of its scheduler."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.problems import refusals
from scheduling.api.scheduler import SEE, upcoming
from scheduling.health import turning
from scheduling.models import Scope

router = Router(tags=["source systems"])


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


@router.get(
    "/scheduler/status",
    response={200: ScheduledJobs, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_tasks_scheduler_status",
    summary="Show scheduled jobs",
)
def scheduler_status(request: HttpRequest) -> dict[str, Any]:
    """The jobs in the order of their next run; `next_run` is null while a job has none."""
    rows = [{**row, "next_run": row["next_run_time"]} for row in upcoming(request.user)["jobs"]]
    return {"running": bool(turning(timezone.now())), "jobs": rows}
