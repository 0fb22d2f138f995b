"""/triggers/preview: any schedule tried out, before a job has it."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field

from scheduling import calendars, triggers
from scheduling.api.auth import needs
from scheduling.api.jobs_asked import MOST
from scheduling.api.problems import refusals
from scheduling.api.schemas.jobs import CalendarIds
from scheduling.api.schemas.schedules import NewSchedule, Preview, naming_the_field, refused, told
from scheduling.api.shapes import Body, Moment
from scheduling.coming import coming
from scheduling.confined import calendars_of
from scheduling.exceptions import InvalidJob
from scheduling.models import Scope
from scheduling.triggers import Schedule

router = Router(tags=["triggers"])


class TriedSchedule(Body):
    """A schedule as a job has it, and how much of it to show."""

    schedule: NewSchedule
    calendars: Annotated[CalendarIds, Field(description="Ids of the calendars to keep.")] = Field(default_factory=list)
    count: Annotated[int, Field(ge=1, le=MOST, description="How many moments.")] = 10
    after: Annotated[Moment | None, Field(description="Begin after it; null: now.")] = None


@router.post(
    "/preview",
    response={200: Preview, **refusals()},
    auth=needs("scheduling.view_job", scope=Scope.READ),
    operation_id="preview_schedule",
    summary="Preview a schedule",
)
def preview(request: HttpRequest, body: TriedSchedule) -> dict[str, Any]:
    """The moments that the engine would fire, with notes where clocks change and where a calendar says no."""
    begin = body.after or timezone.now()
    known = calendars_of(request.user)
    unknown = [] if known is None else sorted(set(body.calendars) - known)
    if unknown:
        raise refused("calendars", f"None of your jobs keeps a calendar {unknown[0]!r}.")
    try:
        calendars.check(body.calendars)
    except InvalidJob as error:
        raise refused("calendars", str(error)) from None
    with naming_the_field():
        columns = body.schedule.new_columns()
        columns.pop("trigger")
        schedule = Schedule(body.schedule.trigger, **columns, anchor=begin)
        triggers.check(schedule)
        moments = list(coming(schedule, body.calendars, body.count, begin))
        return told(triggers.describe(schedule), schedule.timezone, moments)
