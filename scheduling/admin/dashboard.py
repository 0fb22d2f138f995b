"""The first page: is a scheduler alive, what runs, what comes, what went wrong, and how late runs are.

Each part is one query along an index, or over the small table of jobs; none counts the runs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import chart, columns, missed
from scheduling.health import Health, health
from scheduling.models import OPEN, UNWELL, Cause, Execution, Incident, Job, State, Worker, WorkerState
from scheduling.standing import because
from scheduling.tenants import Person

DAY = timedelta(hours=24)
SAMPLE = 2000  # runs, the latest, that the lateness is told of
SHOWN = 10  # rows of a list
SETTLED = [state for state in State if state not in (*OPEN, State.SKIPPED, State.CANCELLED)]


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """`context` with the parts whose models the person may see."""
    now = timezone.now()
    parts: dict[str, Any] = {"now": now, "zone": timezone.get_current_timezone_name()}
    if request.user.has_perm("scheduling.view_worker"):
        parts["scheduler"] = scheduler(now)
    if request.user.has_perm("scheduling.view_incident"):
        parts["incidents"] = _incidents(now)
    if request.user.has_perm("scheduling.view_execution"):
        parts |= _of_runs(now, request.user)
    if request.user.has_perm("scheduling.view_job"):
        parts |= _of_jobs(request, now, runs="running" in parts)
    return {**context, "title": "Dashboard", "dashboard": parts}


def scheduler(now: datetime) -> dict[str, Any]:
    """Whether a scheduler is alive, and what to do if none is."""
    latest = list(Worker.objects.order_by("-turned_at")[:SHOWN])
    found = latest + list(Worker.objects.filter(state=WorkerState.ALIVE).exclude(pk__in=[each.pk for each in latest]))
    alive = [worker for worker in found if health(worker, now) in (Health.ALIVE, Health.STOPPING)]
    last = latest[0].turned_at if latest else None
    return {
        "alive": bool(alive),
        "count": len(alive),
        "turned": columns.distance(max(worker.turned_at for worker in alive), now) if alive else "",
        "last": columns.moment(last, now) if last else "",
        "running": sum(worker.running for worker in alive),
        "slots": sum(worker.slots for worker in alive),
        "list": columns.listing(Worker),
    }


def _incidents(now: datetime) -> dict[str, Any]:
    """What rules of notices have found to be wrong, the latest first."""
    standing = list(Incident.objects.open().order_by("-opened_at")[: SHOWN + 1])
    return {
        "rows": [(each, columns.page(each), columns.distance(each.opened_at, now)) for each in standing[:SHOWN]],
        "more": len(standing) > SHOWN,
        "list": columns.listing(Incident, standing="open"),
    }


def _of_runs(now: datetime, to: Person) -> dict[str, Any]:
    running = list(Execution.objects.seen_by(to).running().light().order_by("-id")[: SHOWN + 1])
    hours = chart.hours(now, to)
    return {
        "running": [(run, _progress(run), columns.span(now - (run.started_at or now))) for run in running[:SHOWN]],
        "more_running": len(running) > SHOWN,
        "running_list": columns.listing(Execution, state__exact=State.RUNNING.value),
        "waiting": _waiting(now, to),
        "chart": chart.draw(hours),
        "totals": chart.totals(hours),
        "lateness": lateness(now, to),
    }


def _of_jobs(request: HttpRequest, now: datetime, *, runs: bool) -> dict[str, Any]:
    jobs = Job.objects.seen_by(request.user)
    upcoming = jobs.armed().order_by("next_run_time")[:SHOWN]
    parked = jobs.exclude(parked_reason="").order_by("id")[:SHOWN]
    return {
        "upcoming": [(job, columns.page(job), columns.moment(job.next_run_time, now)) for job in upcoming],
        "parked": [(job, columns.page(job), because(job)) for job in parked],
        "failing": [_failed(run, now) for run in failing(request.user)] if runs else [],
        "missed": missed.shown(request, now) if runs else [],
        "jobs_list": columns.listing(Job),
    }


def failing(to: Person | None = None) -> list[Execution]:
    """The last runs of the jobs whose last run went wrong, of what `to` may see.

    Skipped and cancelled runs say nothing of that; neither does one that a deploy interrupted, and that is run again.
    """
    again = Q(cause=Cause.INTERRUPTED, idempotent=True)
    seen = Execution.objects.seen_by(to)
    runs = seen.filter(~again, job=OuterRef("pk"), state__in=SETTLED).order_by("-id")
    last = Job.objects.seen_by(to).order_by().annotate(last=Subquery(runs.values("id")[:1])).values("last")
    return list(seen.filter(pk__in=last, state__in=UNWELL).order_by("-id")[:SHOWN])


def lateness(now: datetime, to: Person | None = None) -> dict[str, str]:
    """How late the latest runs of the last 24 hours were: the middle one, one of twenty, the latest."""
    seen = Execution.objects.seen_by(to)
    recent = seen.filter(finished_at__gte=now - DAY, finished_at__lte=now, started_at__isnull=False)
    rows = recent.only("started_at", "scheduled_for", "run_after").order_by("-finished_at")[:SAMPLE]
    late = sorted(run.lateness for run in rows if run.lateness is not None)
    if not late:
        return {}
    told = {"p50": _share(late, 0.5), "p95": _share(late, 0.95), "max": late[-1]}
    return {"runs": str(len(late)), **{name: columns.span(value) for name, value in told.items()}}


def _share(ordered: Sequence[timedelta], share: float) -> timedelta:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _waiting(now: datetime, to: Person) -> list[Any]:
    """Per queue: how many runs wait for a place, and how many for their time."""
    found = Execution.objects.seen_by(to).queued().order_by("queue").values("queue")
    ready, later = Q(run_after__lte=now), Q(run_after__gt=now)
    return list(found.annotate(ready=Count("id", filter=ready), later=Count("id", filter=later)))


def _progress(run: Execution) -> SafeString:
    if run.progress is None:
        return format_html("<span>{}</span>", run.progress_text)
    percent = round(100 * run.progress)
    return format_html(
        '<progress class="rota-progress" max="100" value="{}"></progress> {} % {}',
        percent,
        percent,
        run.progress_text,
    )


def _failed(run: Execution, now: datetime) -> tuple[Execution, str, SafeString, SafeString, str]:
    when = columns.distance(run.finished_at, now) if run.finished_at else SafeString()
    said = run.error_message or run.reason
    return (
        run,
        columns.page(run),
        columns.state(run),
        when,
        f"{run.error_class.rpartition('.')[2]} {said}".strip()[:200],
    )
