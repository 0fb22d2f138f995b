"""/calendars: which days and hours they exclude, and which jobs keep them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Router, Schema, Status

from scheduling import store
from scheduling.api.auth import needs, who
from scheduling.api.conditions import IfMatch, IfNoneMatch, is_known, seen, tag
from scheduling.api.problems import Problem, missing, refusals
from scheduling.api.schemas.calendars import CalendarAhead, CalendarColumns, CalendarSchema, NewCalendar
from scheduling.api.shapes import Name
from scheduling.calendars import usage
from scheduling.models import Calendar, Scope

router = Router(tags=["calendars"])

SEE = ("scheduling.view_calendar",)


class Calendars(Schema):
    """All calendars."""

    items: list[CalendarSchema]


@router.get(
    "",
    response={200: Calendars, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_calendars",
    summary="List calendars",
)
def listed(request: HttpRequest) -> dict[str, Any]:
    """All calendars with their windows, by name."""
    jobs = usage() if _sees_jobs(request) else None
    rows = Calendar.objects.order_by("name", "id").prefetch_related("windows")
    return {"items": [CalendarSchema.of(each, None if jobs is None else jobs.get(each.pk, [])) for each in rows]}


@router.get(
    "/{calendar_id}",
    response={200: CalendarSchema, 304: None, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_calendar",
    url_name="calendar",
    summary="Show a calendar",
)
def one(request: HttpRequest, calendar_id: Name, response: HttpResponse, if_none_match: IfNoneMatch = None) -> Any:
    """Its country, its windows, and the jobs that keep it; with an ETag, to send as `If-Match` with a change."""
    told = _answer(request, _calendar(calendar_id), response)
    return Status(304, None) if is_known(request, response) else told


@router.get(
    "/{calendar_id}/ahead",
    response={200: CalendarAhead, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_calendar_ahead",
    summary="Show what it excludes next",
)
def ahead(request: HttpRequest, calendar_id: Name) -> CalendarAhead:
    """The next holidays, and the next times at which one of its windows is open."""
    return CalendarAhead.of(_calendar(calendar_id), timezone.now())


@router.post(
    "",
    response={201: CalendarSchema, **refusals(409)},
    auth=needs(*SEE, "scheduling.add_calendar", scope=Scope.WRITE),
    operation_id="create_calendar",
    summary="Make a calendar",
)
def create(request: HttpRequest, body: NewCalendar, response: HttpResponse) -> Status[CalendarSchema]:
    """Make a calendar, which jobs can then name by its id."""
    try:
        made = store.create_calendar(body.calendar(body.id), body.rows(), by=who(request), now=timezone.now())
    except ValidationError as error:
        raise _invalid(error) from None
    except IntegrityError:
        detail = f"There is a calendar {body.id!r} already; choose another id, or change that one."
        raise Problem(409, "The id is taken.", detail, kind="taken", errors=[("id", detail)]) from None
    response["Location"] = reverse("api:calendar", args=[made.pk])
    return Status(201, _answer(request, made, response))


@router.put(
    "/{calendar_id}",
    response={200: CalendarSchema, **refusals(404, 412)},
    auth=needs(*SEE, "scheduling.change_calendar", scope=Scope.WRITE),
    operation_id="replace_calendar",
    summary="Change a calendar",
)
def replace(
    request: HttpRequest, calendar_id: Name, body: CalendarColumns, response: HttpResponse, if_match: IfMatch = None
) -> CalendarSchema:
    """Give it these columns and windows instead of its own; what is left out gets its default."""
    wanted = body.calendar(_calendar(calendar_id).pk)
    try:
        store.change_calendar(wanted, body.rows(), by=who(request), now=timezone.now(), seen=seen(if_match))
    except ValidationError as error:
        raise _invalid(error) from None
    except Calendar.DoesNotExist:
        raise _gone(calendar_id) from None
    return _answer(request, _calendar(calendar_id), response)


@router.delete(
    "/{calendar_id}",
    response={204: None, **refusals(404, 409, 412)},
    auth=needs(*SEE, "scheduling.delete_calendar", scope=Scope.WRITE),
    operation_id="delete_calendar",
    summary="Delete a calendar",
)
def delete(request: HttpRequest, calendar_id: Name, if_match: IfMatch = None) -> Status[None]:
    """409 while jobs keep it: they would run on its days without a word."""
    try:
        store.delete_calendar(_calendar(calendar_id), by=who(request), now=timezone.now(), seen=seen(if_match))
    except Calendar.DoesNotExist:
        raise _gone(calendar_id) from None
    return Status(204, None)


def _answer(request: HttpRequest, calendar: Calendar, response: HttpResponse) -> CalendarSchema:
    """All that is told of `calendar`, whose ETag goes into `response`."""
    told = CalendarSchema.of(calendar, usage().get(calendar.pk, []) if _sees_jobs(request) else None)
    response["ETag"] = tag(store.calendar_version(calendar), told.dict())
    return told


def _calendar(calendar_id: str) -> Calendar:
    calendar = Calendar.objects.filter(pk=calendar_id).first()
    if calendar is None:
        raise _gone(calendar_id)
    return calendar


def _gone(calendar_id: str) -> Problem:
    return missing(f"There is no calendar {calendar_id!r}; /api/v1/calendars lists those that there are.")


def _invalid(error: ValidationError) -> Problem:
    errors = [(name, " ".join(told)) for name, told in error.message_dict.items()]
    errors = [(name.removesuffix(".__all__"), told) for name, told in errors]
    detail = "; ".join(f"{name}: {told}" for name, told in errors)
    return Problem(422, "The calendar cannot be kept.", detail, kind="invalid-request", errors=errors)


def _sees_jobs(request: HttpRequest) -> bool:
    return request.user.has_perm("scheduling.view_job")
