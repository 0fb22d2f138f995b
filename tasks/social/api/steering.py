"""/scheduler: sync now, and the schedules of single businesses."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Query, Router, Schema, Status
from pydantic import Field

from scheduling.api.auth import needs, who
from scheduling.api.keys import REPLAYED, Key, queued
from scheduling.api.problems import Problem, missing, refusals
from scheduling.api.schemas.schedules import Zone
from scheduling.api.shapes import BIGGEST, RowId, Text, seconds
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Execution, Job, Scope
from scheduling.tenants import tenants_of
from scheduling.triggers import Kind
from tasks.exceptions import NotConfigured
from tasks.social import schedule
from tasks.social.api.finding import found
from tasks.social.models import Business
from tasks.social.on_demand import Asked, NotActive, sync_all, sync_one

router = Router(tags=["source systems"])

SYNC = needs("social.view_business", "social.sync_business", scope=Scope.RUN)
SEE = needs("social.view_business", scope=Scope.READ)
SCHEDULE = needs("social.view_business", "social.schedule_business", scope=Scope.WRITE)
ALL = "scheduling.run_job"  # what it takes besides to sync all businesses
PARAMETERS = {"interval": "interval_hours"}  # what this API calls the fields of a schedule
NOT_ALL = "It takes the permission scheduling.run_job, and to belong to no single business; name one by business_id."

BusinessId = Annotated[
    int | None, Query(ge=1, le=BIGGEST, description="Of this business alone; without it, of all.", examples=[1])
]
Hours = Annotated[
    int | None,
    Query(
        ge=1,
        le=schedule.MOST_HOURS,
        description=f"Hours from one sync to the next; {schedule.DEFAULT_HOURS} if nothing else is said.",
        examples=[schedule.DEFAULT_HOURS],
    ),
]
CronText = Annotated[
    Text | None, Query(max_length=200, description="In place of hours: a crontab's text.", examples=["0 */6 * * *"])
]
CronZone = Annotated[Zone | None, Query(description="Whose clock `cron` goes by; UTC if nothing is said.")]


class Triggered(Schema):
    """The run that does what was asked for."""

    status: Literal["started", "already_running"] = Field(description="Whether the run is new.")
    message: str = Field(examples=["Run #12 is queued."])
    business_id: int | None = Field(description="Null: all businesses.")
    execution: int = Field(description="The run; `/api/v1/executions/{id}` has the rest.")


class BusinessSchedule(Schema):
    """When a business is synced, besides the hourly sync of all."""

    business_id: int
    business: str
    job_id: str = Field(description="`/api/v1/jobs/{id}` has the rest.", examples=["sync_business_1"])
    message: str = Field(description="The schedule in words.", examples=["Every 24 hours"])
    trigger: Kind
    interval_hours: float | None
    cron: str
    timezone: str
    next_run_time: datetime | None = Field(description="Null while it is paused or parked.")
    paused: bool
    in_hourly_sync: bool = Field(description="Whether the hourly sync of all takes it along as well.")


@router.post(
    "/trigger-sync",
    response={200: Triggered, **refusals(404, 409, 410)},
    auth=SYNC,
    operation_id="trigger_sync",
    summary="Sync now",
)
def trigger_sync(
    request: HttpRequest, response: HttpResponse, business_id: BusinessId = None, key: Key = None
) -> dict[str, Any]:
    """Queue a sync of one business, or of all. While one is under way none is queued: that one is told.

    All of them need the permission scheduling.run_job besides. 409 if the business is not active, 400 if no platform
    is configured.
    """
    moment = now()
    found_out: list[Asked] = []

    def deed() -> Execution:
        found_out.append(_trigger(request, business_id, moment))
        return found_out[-1].run

    try:
        answer = queued(request, key, f"trigger-sync {business_id}", deed, response, moment)
    except NotConfigured as error:
        raise Problem(400, "Not configured.", str(error), kind="not-configured") from None
    except NotActive as error:
        raise Problem(409, "Not active.", str(error), kind="not-active") from None
    response.setdefault(REPLAYED, "false")
    asked = found_out[-1] if found_out else Asked(answer.value, is_new=True)  # as the first request was told
    return {
        "status": "started" if asked.is_new else "already_running",
        "message": asked.words,
        "business_id": business_id,
        "execution": asked.run.pk,
    }


@router.get(
    "/business/{business_id}/schedule",
    response={200: BusinessSchedule, **refusals(404)},
    auth=SEE,
    operation_id="get_schedule_of_business",
    summary="Show the schedule of a business",
)
def shown(request: HttpRequest, business_id: RowId) -> dict[str, Any]:
    """Its own schedule. 404 if it has none, and is synced with all others only."""
    business = found(request, business_id)
    job = schedule.job_of(business)
    if job is None:
        raise _no_schedule(business)
    return _told(business, job)


@router.post(
    "/business/{business_id}/schedule",
    response={200: BusinessSchedule, 201: BusinessSchedule, **refusals(404, 409)},
    auth=SCHEDULE,
    operation_id="schedule_business",
    summary="Give a business a schedule",
)
def scheduled(
    request: HttpRequest,
    business_id: RowId,
    interval_hours: Hours = None,
    cron: CronText = None,
    timezone: CronZone = None,
) -> Status[dict[str, Any]]:
    """Every so many hours, or by a cron expression: 201 if the schedule is new, 200 if it was changed.

    Of a job that is there only the trigger changes; one that is paused stays paused. 409 if the id of the job is used
    otherwise.
    """
    business = found(request, business_id)
    try:
        wanted = schedule.plan(interval_hours, cron, timezone)
        with schedule.discreet(request.user):
            job, is_new = schedule.give(business, wanted, by=who(request), now=now())
    except InvalidTrigger as error:
        raise InvalidTrigger(str(error), field=PARAMETERS.get(error.field, error.field)) from None
    return Status(201 if is_new else 200, _told(business, job))


@router.delete(
    "/business/{business_id}/schedule",
    response={204: None, **refusals(404, 409)},
    auth=SCHEDULE,
    operation_id="unschedule_business",
    summary="Remove the schedule of a business",
)
def unscheduled(request: HttpRequest, business_id: RowId) -> Status[None]:
    """Its history stays; what it has queued is cancelled. 404 if there is none."""
    business = found(request, business_id)
    with schedule.discreet(request.user):
        taken = schedule.take(business, by=who(request), now=now())
    if not taken:
        raise _no_schedule(business)
    return Status(204, None)


def _trigger(request: HttpRequest, business_id: int | None, moment: datetime) -> Asked:
    """Raises Problem, NotConfigured and NotActive."""
    by = who(request)
    if business_id is not None:
        return sync_one(found(request, business_id), by=by, now=moment)
    if tenants_of(request.user) is not None or not request.user.has_perm(ALL):
        raise Problem(403, "Not allowed for all businesses.", NOT_ALL, kind="forbidden")
    return sync_all(by=by, now=moment)


def _told(business: Business, job: Job) -> dict[str, Any]:
    interval = seconds(job.interval)
    return {
        "business_id": business.pk,
        "business": business.name,
        "job_id": job.pk,
        "message": job.words,
        "trigger": job.trigger,
        "interval_hours": None if interval is None else interval / 3600,
        "cron": job.cron,
        "timezone": job.timezone,
        "next_run_time": job.next_run_time,
        "paused": job.paused_at is not None,
        "in_hourly_sync": business.in_hourly_sync,
    }


def _no_schedule(business: Business) -> Problem:
    return missing(f"{business} has no schedule of its own.")
