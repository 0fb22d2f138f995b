"""The state of the pipeline on a page, with buttons that start and cancel it; a script keeps the state true."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from scheduling.admin import columns
from scheduling.health import turning
from scheduling.models import Execution, Why
from tasks.exceptions import NotConfigured
from tasks.models import TaskRecord
from tasks.tickets import on_demand
from tasks.tickets.limits import MOST_DAYS, MOST_TICKETS
from tasks.tickets.stages import STAGES
from tasks.tickets.status import PipelineStanding, PipelineStatus, StageStanding, pipeline_status

DEEDS = {"sync": ("sync",), "analyze": ("analyze",), "pipeline": STAGES}
COLOURS = {
    PipelineStanding.IDLE: "slate",
    PipelineStanding.RUNNING: "blue",
    PipelineStanding.COMPLETED: "green",
    PipelineStanding.FAILED: "red",
}
OF_STAGES = {
    StageStanding.WAITING: "grey",
    StageStanding.RUNNING: "blue",
    StageStanding.COMPLETED: "green",
    StageStanding.FAILED: "red",
    StageStanding.CANCELLED: "slate",
    StageStanding.INTERRUPTED: "violet",
    StageStanding.LEFT_OUT: "slate",
}
PAGE = "admin:tickets_cluster_trends"


class StartForm(forms.Form):
    """What to start, and how much of it."""

    deed = forms.ChoiceField(choices=[(name, name) for name in DEEDS])
    backfill_days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, required=False)
    batch_size = forms.IntegerField(min_value=1, max_value=MOST_TICKETS, required=False)


def context(request: HttpRequest) -> dict[str, Any]:
    """What the panel shows; nothing to those who may not see runs."""
    if not request.user.has_perm("scheduling.view_execution"):
        return {}
    now, found = timezone.now(), pipeline_status()
    return {
        "pipeline": found,
        "badge": columns.badge(found.status.capitalize(), COLOURS[found.status]),
        "run": columns.page(Execution(pk=found.execution)) if found.execution else "",
        "when": _when(found),
        "percent": None if found.progress is None else round(100 * found.progress),
        "stages": [_stage(request, each) for each in found.stages],
        "nobody": found.is_running and not turning(now),
        "may_run": request.user.has_perm("scheduling.run_job"),
        "may_cancel": request.user.has_perm("scheduling.cancel_execution"),
        "most_days": MOST_DAYS,
        "most_tickets": MOST_TICKETS,
    }


@require_GET
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The part of the panel that changes while a run goes."""
    if not request.user.has_perms(("tickets.view_cluster", "scheduling.view_execution")):
        raise PermissionDenied
    return TemplateResponse(request, "tasks/tickets/panel_state.html", context(request))


@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Start what the button says."""
    if not request.user.has_perms(("tickets.view_cluster", "scheduling.run_job")):
        raise PermissionDenied
    form = StartForm(request.POST)
    if not form.is_valid():
        told = "; ".join(f"{name.replace('_', ' ')}: {' '.join(map(str, each))}" for name, each in form.errors.items())
        messages.error(request, f"Nothing was started. {told}")
        return redirect(PAGE)
    given = form.cleaned_data
    stages = DEEDS[given.pop("deed")]
    name = request.user.get_username()
    try:
        queued = on_demand.start(stages, now=timezone.now(), by=name, why=Why.RUN_NOW, **given)
    except (on_demand.AlreadyRunning, NotConfigured) as error:
        messages.warning(request, str(error))
    else:
        number = columns.link(columns.page(queued), f"#{queued.pk}")
        messages.success(request, format_html("Run {} is queued: {}.", number, ", ".join(stages)))
    return redirect(PAGE)


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Cancel what is under way."""
    if not request.user.has_perms(("tickets.view_cluster", "scheduling.cancel_execution")):
        raise PermissionDenied
    try:
        run = on_demand.cancel(by=request.user.get_username(), now=timezone.now())
    except on_demand.NothingRunning as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"Run #{run.pk} {'is cancelled' if run.is_final else 'was told to stop'}.")
    return redirect(PAGE)


def _when(found: PipelineStatus) -> Any:
    moment = found.finished_at or found.started_at
    return columns.distance(moment, timezone.now()) if moment else ""


def _stage(request: HttpRequest, stage: Any) -> dict[str, Any]:
    seeing = stage.record and request.user.has_perm("tasks.view_taskrecord")
    return {
        "name": stage.name,
        "badge": columns.badge(stage.status.capitalize(), OF_STAGES[stage.status]),
        "is_running": stage.status is StageStanding.RUNNING,
        "percent": None if stage.progress is None else round(100 * stage.progress),
        "processed": stage.processed,
        "failed": stage.failed,
        "message": stage.message,
        "page": columns.page(TaskRecord(pk=stage.record)) if seeing else "",
    }
