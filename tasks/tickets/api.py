"""/api/tasks: start the pipeline of support tickets, stop it, and see how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from scheduling.api.auth import needs, who
from scheduling.api.problems import Problem, refusals
from scheduling.api.shapes import Body, WithReason
from scheduling.models import Scope, State
from tasks.exceptions import NotConfigured
from tasks.tickets.limits import MOST_DAYS, MOST_TICKETS
from tasks.tickets.on_demand import AlreadyRunning, NothingRunning, cancel, start
from tasks.tickets.stages import STAGES
from tasks.tickets.status import PipelineStanding, StageStanding, pipeline_status

router = Router(tags=["source systems"])

SEE = needs("scheduling.view_execution", scope=Scope.READ, tenants=False)
RUN = needs("scheduling.view_job", "scheduling.run_job", scope=Scope.RUN, tenants=False)
CANCEL = needs("scheduling.view_execution", "scheduling.cancel_execution", scope=Scope.RUN, tenants=False)

Days = Annotated[
    int | None,
    Field(ge=1, le=MOST_DAYS, description="Fetch again what changed in so many days; null: what is new.", examples=[7]),
]
Tickets = Annotated[
    int | None,
    Field(
        ge=1, le=MOST_TICKETS, description="Analyse so many tickets at most; null: as the settings say.", examples=[500]
    ),
]


class SyncRequest(Body):
    """What to fetch."""

    backfill_days: Days = None


class AnalyzeRequest(Body):
    """How much to analyse."""

    batch_size: Tickets = None


class PipelineRequest(SyncRequest, AnalyzeRequest):
    """What to fetch, and how much to analyse."""


class Started(Schema):
    """A run that was queued."""

    status: str = Field(examples=["started"])
    message: str = Field(examples=["Run #12 is queued: sync, analyze, cluster, trends."])
    execution: int = Field(description="The run; `/api/v1/executions/{id}` has the rest.")
    stages: list[str]


class Cancelled(Schema):
    """What became of the run that went."""

    status: str = Field(description="cancelled, or stopping: it is told to stop, which takes two seconds at most.")
    message: str
    execution: int


class StageSchema(Schema):
    """How a stage of the run stands."""

    name: str = Field(examples=["analyze"])
    status: StageStanding
    progress: float | None = Field(description="From 0 to 1; null while it is not known how much there is.")
    processed: int = Field(description="Items, those that failed included.")
    failed: int
    message: str = Field(description="The error that ended it.")
    record: int | None = Field(description="`/api/v1/records/{id}` has its log and its result.")


class StatusSchema(Schema):
    """The run of the pipeline that goes on, or was the last; whoever asked for it."""

    status: PipelineStanding = Field(description="idle: none has run, or the last was cancelled before it began.")
    progress: float | None = Field(description="Of the whole, from 0 to 1.", examples=[0.42])
    message: str = Field(description="How far it is, or the error that ended it.", examples=["analyze 120/500"])
    stage: str | None = Field(description="The stage that goes on.", examples=["analyze"])
    stages: list[StageSchema]
    execution: int | None = Field(description="Its last attempt; `/api/v1/executions/{id}` has the rest.")
    job: str | None
    task: str | None
    started_at: datetime | None
    finished_at: datetime | None
    result: Any = Field(description="What each stage told, once all have ended.")
    error: str


@router.post(
    "/sync",
    response={200: Started, **refusals()},
    auth=RUN,
    operation_id="start_sync",
    summary="Fetch tickets",
)
def sync(request: HttpRequest, body: SyncRequest | None = None) -> dict[str, Any]:
    """Queue a run of the stage `sync`. 400 while a run of the pipeline is under way."""
    return _started(request, ("sync",), body)


@router.post(
    "/analyze",
    response={200: Started, **refusals()},
    auth=RUN,
    operation_id="start_analysis",
    summary="Analyse tickets",
)
def analyze(request: HttpRequest, body: AnalyzeRequest | None = None) -> dict[str, Any]:
    """Queue a run of the stage `analyze`. 400 while a run of the pipeline is under way."""
    return _started(request, ("analyze",), body)


@router.post(
    "/pipeline",
    response={200: Started, **refusals()},
    auth=RUN,
    operation_id="start_pipeline",
    summary="Run the whole pipeline",
)
def pipeline(request: HttpRequest, body: PipelineRequest | None = None) -> dict[str, Any]:
    """Queue a run of all stages. 400 while a run of the pipeline is under way."""
    return _started(request, STAGES, body)


@router.post(
    "/cancel",
    response={200: Cancelled, **refusals(409)},
    auth=CANCEL,
    operation_id="cancel_pipeline",
    summary="Cancel the pipeline",
)
def stop(request: HttpRequest, body: WithReason | None = None) -> dict[str, Any]:
    """Stop the run that goes on, or withdraw the one that waits. 409 if there is none."""
    given = body or WithReason()
    try:
        run = cancel(by=who(request), now=timezone.now(), reason=given.reason)
    except NothingRunning as error:
        raise Problem(409, "Nothing to cancel.", str(error), kind="nothing-running") from None
    is_over = run.state == State.CANCELLED
    told = f"Run #{run.pk} {'is cancelled' if is_over else 'was told to stop'}."
    return {"status": "cancelled" if is_over else "stopping", "message": told, "execution": run.pk}


@router.get(
    "/worker/status",
    response={200: StatusSchema, **refusals()},
    auth=SEE,
    operation_id="get_tasks_worker_status",
    summary="Show how the pipeline stands",
)
def worker_status(request: HttpRequest) -> dict[str, Any]:
    """Whether a run of the pipeline goes on, how far each stage is, and how the last one ended."""
    return pipeline_status().as_dict()


def _started(request: HttpRequest, stages: Sequence[str], body: Body | None) -> dict[str, Any]:
    """Raises Problem."""
    given = body.model_dump() if body else {}
    try:
        run = start(stages, now=timezone.now(), by=who(request), **given)
    except AlreadyRunning as error:
        raise Problem(400, "Already running.", str(error), kind="already-running") from None
    except NotConfigured as error:
        raise Problem(400, "Not configured.", str(error), kind="not-configured") from None
    told = f"Run #{run.pk} is queued: {', '.join(stages)}."
    return {"status": "started", "message": told, "execution": run.pk, "stages": list(stages)}
