"""What was missed of late, job by job, with the way to make up for it: after an outage nothing comes as a surprise."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.models import Backfill, Cause, Execution, Job, State
from scheduling.tenants import Person
from scheduling.triggers import Kind, moments_between

LATELY = timedelta(hours=24)
SAMPLE = 2000  # skipped rows, the latest, that are looked through
SHOWN = 10  # jobs


@dataclass(frozen=True, slots=True)
class Gap:
    """The moments that one job has missed."""

    job: Job
    count: int
    first: datetime
    last: datetime
    noticed: datetime


def gaps(now: datetime, to: Person | None = None) -> list[Gap]:
    """The jobs that have missed moments in the last 24 hours, of those that `to` may see.

    Without the moments that a backfill has been asked to run.
    """
    runs = Execution.objects.seen_by(to)
    skipped = runs.filter(state=State.SKIPPED, finished_at__gte=now - LATELY, finished_at__lte=now)
    latest = skipped.order_by("-finished_at")
    rows = latest.values_list("job_id", "cause", "scheduled_for", "missed_count", "finished_at")
    by_job = defaultdict(list)
    for job, cause, moment, more, noticed in rows[:SAMPLE]:
        if cause == Cause.MISSED and job and moment:
            last = noticed if more else moment  # of a range the row has only the first
            by_job[job].append((moment, last, more + 1, noticed))
    jobs = Job.objects.seen_by(to).in_bulk(list(by_job))
    found = [_gap(jobs[name], missed) for name, missed in by_job.items() if name in jobs]
    asked = _asked_for([gap.job.pk for gap in found], now)
    left = [gap for gap in found if gap.noticed > asked.get(gap.job.pk, gap.first)]
    return sorted(left, key=lambda gap: gap.count, reverse=True)[:SHOWN]


def shown(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    """The gaps as the dashboard shows them; the way to a backfill is for who may begin one."""
    may = may_backfill(request)
    return [
        {
            "job": gap.job,
            "page": columns.page(gap.job),
            "count": f"{gap.count:,} {'moment' if gap.count == 1 else 'moments'}",
            "last": columns.moment(gap.last, now),
            "why": f"{columns.page(gap.job, 'why')}?{urlencode({'at': gap.last.isoformat()})}",
            "backfill": _backfill(gap.job, gap.first, gap.last) if may else "",
        }
        for gap in gaps(now, request.user)
    ]


def of_the_past(request: HttpRequest, job: Job, touched: Collection[str], now: datetime) -> SafeString | str:
    """What is said of a schedule that was given a beginning in the past: nothing of it runs unless asked for."""
    begin = job.run_at if job.trigger == Kind.DATE else job.start_at
    if begin is None or begin > now or not {"run_at", "start_at"} & set(touched):
        return ""
    moments, count = moments_between(job.schedule, begin, now, 1)
    if not count:
        return ""
    said = f"{count:,} {'moment of this schedule lies' if count == 1 else 'moments of this schedule lie'} in the past."
    if not may_backfill(request):
        return f"{said} None of them runs."
    way = columns.link(_backfill(job, begin, moments[-1]), "Make up for them…")
    return format_html("{} None of them runs unless you say so: {}", said, way)


def may_backfill(request: HttpRequest) -> bool:
    return request.user.has_perms(["scheduling.add_backfill", "scheduling.run_job"])


def _gap(job: Job, missed: list[tuple[datetime, Any, int, Any]]) -> Gap:
    firsts, lasts, counts, noticed = zip(*missed, strict=True)
    return Gap(job, sum(counts), min(firsts), max(lasts), max(noticed))


def _asked_for(jobs: list[str], now: datetime) -> dict[str, datetime]:
    """When a backfill was last begun for each of `jobs`."""
    begun = Backfill.objects.filter(job__in=jobs, created_at__gte=now - LATELY).order_by("created_at")
    return dict(begun.values_list("job_id", "created_at"))


def _backfill(job: Job, first: datetime, last: datetime) -> str:
    span = {"first": first.isoformat(), "last": last.isoformat()}
    return f"{columns.page(job, 'backfill')}?{urlencode(span)}"
