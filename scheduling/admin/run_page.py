"""The page of one run: how its time was spent, what it said, what came of it; and its log while it runs."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from scheduling.admin import columns, related, why
from scheduling.admin.base import ModelAdmin
from scheduling.models import Backfill, Execution, Job, LogChunk, State, Worker
from scheduling.tenants import tenants_of

AT_ONCE = 200  # chunks of log in one answer
ATTEMPTS = 100  # shown at most; no more are allowed to a run
CONTROLS = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08\x0b\x0c\x0e-\x1f]"
)


def context(admin: ModelAdmin, request: HttpRequest, run: Execution) -> dict[str, Any]:
    """What the page shows, apart from what every page of the admin does."""
    now = timezone.now()
    chunks = list(LogChunk.objects.filter(execution=run.pk).values_list("id", "text"))
    return {
        "run": run,
        "label": columns.state(run),
        "facts": list(_facts(request, run, now)),
        "timeline": list(timeline(run, now)),
        "attempts": [(each, columns.state(each)) for each in _attempts(request, run)],
        "arguments": columns.json_block(run.arguments),
        "result": columns.json_block(run.result) if run.result is not None else "",
        "tables": list(related.tables(admin.admin_site, request, run)),
        "log": "".join(plain(text) for _, text in chunks),
        "last_chunk": chunks[-1][0] if chunks else 0,
        "live": "" if run.is_final else reverse("admin:scheduling_execution_live", args=[run.pk]),
        "percent": _percent(run),
        "log_zone": settings.TIME_ZONE,
    }


@require_GET
@never_cache
def live(request: HttpRequest, object_id: int, model_admin: ModelAdmin) -> HttpResponse:
    """What is new since the chunk of log called `after`; `more` says to ask again at once."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    run = Execution.objects.seen_by(request.user).light().filter(pk=object_id).first()
    if run is None:
        raise Http404
    now = timezone.now()
    after = request.GET.get("after", "")
    new = LogChunk.objects.filter(execution=object_id, id__gt=int(after) if after.isdecimal() else 0)
    chunks = list(new.values_list("id", "text")[:AT_ONCE])
    return JsonResponse(
        {
            "state": run.state,
            "label": columns.state(run),
            "final": run.is_final,
            "percent": _percent(run),
            "progress": run.progress_text,
            "took": _took(run, now),
            "timeline": list(timeline(run, now)),
            "text": "".join(plain(text) for _, text in chunks),
            "last": chunks[-1][0] if chunks else after,
            "more": len(chunks) == AT_ONCE,
        }
    )


def plain(text: str) -> str:
    """Log text without the codes that colour a terminal."""
    return CONTROLS.sub("", text)


def timeline(run: Execution, now: datetime) -> Iterator[tuple[str, float, str]]:
    """The stretches of the run's time: what it was, its share of the whole in percent, and in words."""
    due = run.scheduled_for or run.run_after
    end = run.finished_at or now
    begun = run.started_at or end
    marks = [
        ("waiting", run.created_at, min(due, begun)),
        ("late" if run.started_at else "not started", due, begun),
        ("running", begun, end),
    ]
    whole = sum((until - since).total_seconds() for _, since, until in marks if until > since)
    for name, since, until in marks:
        if until > since:
            took = until - since
            yield name, round(100 * took.total_seconds() / whole, 2), columns.span(took)


def _facts(request: HttpRequest, run: Execution, now: datetime) -> Iterator[tuple[str, Any]]:
    """Names and values for the table at the top."""
    job = _job(request, run)
    yield "Job", columns.link(columns.page(job), job) if job else run.job_id or "None: enqueued by code"
    yield "Task", run.task
    yield "Why", f"{run.get_why_display()}{f', by {run.requested_by}' if run.requested_by else ''}"
    yield from _times(run, job, now)
    yield "Attempt", f"{run.attempt} of {max(run.max_attempts, run.attempt)}"
    yield "Queue", f"{run.queue}{f', priority {run.priority}' if run.priority else ''}"
    if run.tenant:
        yield "Tenant", run.tenant
    yield "Time-out", columns.span(run.timeout) if run.timeout else "None"
    if run.worker_id and tenants_of(request.user) is None:
        yield "Worker", _worker(request, run)
    if run.backfill_id:
        yield "Backfill", _backfill(request, run)
    if run.missed_count:
        yield "Stands for", f"{run.missed_count} further missed moments"
    if run.cancel_requested_at:
        yield "Cancelled by", run.cancel_requested_by or "the system"


def _times(run: Execution, job: Job | None, now: datetime) -> Iterator[tuple[str, Any]]:
    """When it was due, and when it ran."""
    if run.scheduled_for:
        yield "Scheduled for", columns.moment(run.scheduled_for, now)
    else:
        if run.stands_for:
            yield "Makes up for", columns.moment(run.stands_for, now)
        yield "Not before", columns.moment(run.run_after, now)
    if job and (moment := run.scheduled_for or run.stands_for):
        yield "Its moment", columns.link(why.about(job, at=moment), "Why?")
    yield (
        "Started",
        columns.moment(run.started_at, now, empty="Not yet" if run.state == State.QUEUED else "Never"),
    )
    if run.finished_at:
        yield "Ended", columns.moment(run.finished_at, now)
    yield "Late", columns.span(run.lateness)
    yield "Took", format_html('<span id="run-took">{}</span>', _took(run, now))


def _job(request: HttpRequest, run: Execution) -> Job | None:
    """If there is one still, which the person may see."""
    if run.job_id is None or not request.user.has_perm("scheduling.view_job"):
        return None
    return Job.objects.seen_by(request.user).filter(pk=run.job_id).first()


def _backfill(request: HttpRequest, run: Execution) -> Any:
    seeing = request.user.has_perm("scheduling.view_backfill")
    row = Backfill.objects.light().filter(runs=run.pk).first() if seeing else None
    return columns.link(columns.page(row), f"#{row.pk}") if row else f"#{run.backfill_id}"


def _worker(request: HttpRequest, run: Execution) -> Any:
    worker = Worker.objects.filter(pk=str(run.worker_id)).first()
    if worker is None or not request.user.has_perm("scheduling.view_worker"):
        return worker or "gone"
    return columns.link(columns.page(worker), worker)


def _took(run: Execution, now: datetime) -> str:
    """So far, while it runs."""
    if run.is_final or run.started_at is None:
        return columns.span(run.duration)
    return columns.span(max(now - run.started_at, timedelta()))


def _attempts(request: HttpRequest, run: Execution) -> list[Execution]:
    """All attempts of what this run is an attempt of; empty while it is the only one."""
    root = run.root_id or run.pk
    runs = Execution.objects.seen_by(request.user).light().filter(Q(pk=root) | Q(root=root))
    found = list(runs.order_by("attempt", "id")[:ATTEMPTS])
    return found if len(found) > 1 else []


def _percent(run: Execution) -> int | None:
    return None if run.progress is None else round(100 * run.progress)
