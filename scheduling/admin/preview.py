"""The next runs while one types: what the engine would do with the schedule in the form, asked by GET."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from scheduling import calendars, registry, triggers
from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.exclusions import hint
from scheduling.admin.fields import MomentField, SpanField, about_task, calendar_choices
from scheduling.admin.job_form import JobForm
from scheduling.clocks import zone
from scheduling.confined import calendars_of
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Job
from scheduling.tenants import tenants_of
from scheduling.triggers import Kind, Schedule

SHOWN = 10  # moments
FIELDS = ("trigger", "cron", "interval", "run_at", "timezone", "start_at", "end_at")
ASKED = (*FIELDS, *(f"initial-{name}" for name in FIELDS), "calendars", "anchor")
INCLUDED = ", ".join(f"[name={name}]" for name in ASKED)
MOMENTS = {Kind.CRON: ("start_at", "end_at"), Kind.INTERVAL: ("start_at", "end_at"), Kind.DATE: ("run_at",)}
EXAMPLES = (  # words, trigger, cron, interval
    ("Every 5 minutes", "cron", "*/5 * * * *", ""),
    ("Daily at 02:00", "cron", "0 2 * * *", ""),
    ("Weekdays at 07:30", "cron", "30 7 * * 1-5", ""),
    ("First of the month", "cron", "0 6 1 * *", ""),
    ("Every 90 seconds", "interval", "", "90 s"),
)


@require_GET
def preview(request: HttpRequest, model_admin: ModelAdmin) -> HttpResponse:
    """A fragment with the schedule in words and its next moments, or with what is wrong with it."""
    check_permission(request, model_admin)
    now = timezone.now()
    try:
        schedule = read(request.GET)
        registry.check_schedule(request.GET.get("task", ""), schedule)
        viewer = timezone.get_current_timezone_name()
        context = {
            "words": triggers.describe(schedule),
            "runs": list(_runs(schedule, now, _chosen(request))),
            "manual": schedule.kind is Kind.MANUAL,
            "zone": schedule.timezone,
            "viewer": viewer,
            "differs": viewer != schedule.timezone,
        }
    except InvalidTrigger as error:
        empty = not request.GET.get(error.field, "").strip()
        context = {"error": str(error), "label": _label(error.field), "empty": empty}
    return render(request, "admin/scheduling/preview.html", context)


@require_GET
def task_help(request: HttpRequest, model_admin: ModelAdmin) -> HttpResponse:
    """A fragment that says what the task in the form takes."""
    check_permission(request, model_admin)
    task = request.GET.get("task", "")
    if tenants_of(request.user) is not None and not Job.objects.seen_by(request.user).filter(task=task).exists():
        task = ""  # of others
    return HttpResponse(about_task(task))


def read(given: Any) -> Schedule:
    """The schedule in the form's fields. Raises InvalidTrigger, as the form itself would refuse it."""
    try:
        kind = Kind(given.get("trigger", ""))
    except ValueError:
        raise InvalidTrigger("Choose what the schedule goes by.", field="trigger") from None
    name = given.get("timezone", "").strip() or "UTC"
    place = zone(name)
    moments: dict[str, datetime | None] = {
        field: _clean(MomentField(required=False), given, field) for field in MOMENTS.get(kind, ())
    }
    return Schedule(
        kind=kind,
        cron=given.get("cron", "").strip() if kind is Kind.CRON else "",
        interval=_clean(SpanField(required=False), given, "interval") if kind is Kind.INTERVAL else None,
        timezone=name,
        anchor=_anchor(given),
        **{field: value and value.replace(tzinfo=place) for field, value in moments.items()},
    )


def anchor(job: Job | None) -> SafeString | str:
    """Where the grid of the job's interval starts, for the preview."""
    if job is None:
        return ""
    return format_html('<input type="hidden" name="anchor" value="{}">', job.anchored_at.isoformat())


def live(model: str, name: str, asked: str, first: SafeString | str = "") -> SafeString:
    """Where a fragment goes: fetched when the page opens and whenever its form changes, with the fields `asked`."""
    return format_html(
        '<div class="rota-live" aria-live="polite" hx-get="{}" hx-include="{}" hx-sync="this:replace"'
        ' hx-trigger="load, input from:#{}_form delay:300ms, change from:#{}_form delay:300ms">{}</div>',
        reverse(f"admin:scheduling_{model}_{name}"),
        asked,
        model,
        model,
        first,
    )


def examples() -> SafeString:
    """Schedules to start from, for a click."""
    return format_html(
        '<span class="rota-examples">{}</span>',
        format_html_join(
            "",
            '<button type="button" class="rota-chip" data-trigger="{}" data-cron="{}" data-interval="{}">{}</button>',
            ((kind, cron, interval, words) for words, kind, cron, interval in EXAMPLES),
        ),
    )


def _chosen(request: HttpRequest) -> list[str]:
    """The ids in the form, as far as there are such calendars, which the person knows of."""
    ids, known = request.GET.getlist("calendars"), calendars_of(request.user)
    found = [each for each, _ in calendar_choices([]) if each in ids] if ids else []
    return [each for each in found if known is None or each in known]


def _runs(schedule: Schedule, now: datetime, kept: list[str]) -> Iterator[dict[str, Any]]:
    """The next moments on both clocks, each with the shift of the job's clock and what a calendar says against it."""
    before = triggers.shown_in(schedule, now)
    loaded = calendars.load(kept)
    for moment in triggers.preview(schedule, SHOWN, now):
        there = triggers.shown_in(schedule, moment)
        yield {
            "there": _told(there),
            "here": _told(columns.here(moment)),
            "distance": columns.distance(moment, now),
            "shift": _shift(before, there),
            "excluded": hint(loaded, kept, moment),
        }
        before = there


def _told(local: datetime) -> str:
    return f"{local:%a %Y-%m-%d %H:%M:%S %Z}"


def _shift(before: datetime, after: datetime) -> str:
    """ "clocks go forward 1 h" if they did between the two moments, which are on the same wall."""
    change = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    if not change:
        return ""
    return f"clocks go {'forward' if change > timedelta() else 'back'} {columns.span(abs(change))}"


def _anchor(given: Any) -> datetime:
    """A schedule that stays as it is keeps its grid; a changed one begins a new grid when it is saved."""
    same = all(given.get(name, "") == given.get(f"initial-{name}") for name in FIELDS)
    try:
        found = parse_datetime(given.get("anchor", "")) if same else None
    except ValueError:  # shaped like a moment, but of no day
        found = None
    return found if found and found.tzinfo else timezone.now()


def _clean(field: Any, given: Any, name: str) -> Any:
    try:
        return field.clean(given.get(name, "").strip())
    except ValidationError as error:
        raise InvalidTrigger(" ".join(error.messages), field=name) from None


def _label(name: str) -> str:
    """What the form calls the field."""
    return JobForm.Meta.labels.get(name, name.capitalize())


def check_permission(request: HttpRequest, model_admin: ModelAdmin) -> None:
    if not (model_admin.has_add_permission(request) or model_admin.has_change_permission(request)):
        raise PermissionDenied
