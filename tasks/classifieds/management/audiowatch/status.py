"""audiowatch status: when the next scan is, how the last ones went, and what there is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone
from rich.console import RenderableType
from rich.text import Text

from scheduling.management.composed import add_deed
from scheduling.management.telling import NOTHING, away, facts, heading, on, put, put_json, table
from scheduling.models import Job
from tasks.classifieds import positions
from tasks.classifieds.management.audiowatch.scanning import NAME, words
from tasks.classifieds.models import Category, Delivery, DeliveryState, Listing, Match, Pause, StrangePage
from tasks.classifieds.tasks import scan
from tasks.models import Status, TaskRecord

JOB = "scrape_headfi"
COLOURS = {Status.SUCCEEDED: "green", Status.FAILED: "red", Status.RUNNING: "blue"}


@dataclass(frozen=True, slots=True)
class Standing:
    now: datetime
    job: Job | None
    pause: Pause | None
    categories: list[Category]  # with the number of their listings
    records: dict[str, TaskRecord]  # the last one of each, by the name of the category
    counts: dict[str, int]


def add_parsers(deeds: Any) -> None:
    add_deed(deeds, "status", act, "tell when the next scan is, how the last ones went, and what there is")


def act(given: dict[str, Any], out: Any) -> None:
    standing = look(timezone.now())
    if given["json"]:
        put_json(out, as_json(standing))
    else:
        put(out, *shown(standing))


def look(now: datetime) -> Standing:
    records = TaskRecord.objects.filter(task_name__in=[scan.module_path, NAME])
    latest = records.order_by().values("label").annotate(last=Max("id")).values("last")
    rows = TaskRecord.objects.filter(pk__in=list(latest.values_list("last", flat=True))).defer("log_output")
    return Standing(
        now=now,
        job=Job.objects.filter(pk=JOB).first(),
        pause=positions.pause(now),
        categories=list(Category.objects.annotate(count=Count("listings"))),
        records={row.label: row for row in rows},
        counts={
            "listings": Listing.objects.count(),
            "matches": Match.objects.count(),
            "waiting_notices": Delivery.objects.filter(state=DeliveryState.PENDING).count(),
            "failed_notices": Delivery.objects.filter(state=DeliveryState.FAILED).count(),
            "strange_pages": StrangePage.objects.count(),
        },
    )


def as_json(standing: Standing) -> dict[str, Any]:
    job, pause = standing.job, standing.pause
    return {
        "next_run": job.next_run_time if job else None,
        "paused": bool(job and job.paused_at),
        "left_alone_until": pause.until if pause else None,
        **standing.counts,
        "categories": [
            {
                "slug": category.slug,
                "name": category.name,
                "watched": category.is_watched,
                "scanned_at": category.scanned_at,
                "listings": getattr(category, "count", 0),
                "last_scan": _record(standing.records.get(category.name)),
            }
            for category in standing.categories
        ],
    }


def shown(standing: Standing) -> list[RenderableType]:
    counts = [(name.replace("_", " ").capitalize(), f"{count:,}") for name, count in standing.counts.items()]
    columns = ("CATEGORY", "LISTINGS", "LAST SCAN", "STATE", "RESULT")
    rows = table(*columns, wraps=["CATEGORY", "RESULT"], right=["LISTINGS"])
    for category in standing.categories:
        record = standing.records.get(category.name)
        state = Text(record.status, COLOURS.get(Status(record.status), "")) if record else Text(NOTHING)
        rows.add_row(
            Text(category.name, "" if category.is_watched else "dim"),
            f"{getattr(category, 'count', 0):,}",
            away(category.scanned_at, standing.now) if category.is_watched else "not watched",
            state,
            (record.error or words(record.result)) if record else "",
        )
    return [facts([("Next scan", _next(standing)), *counts]), heading("Categories"), rows]


def _next(standing: Standing) -> Text:
    job, now = standing.job, standing.now
    if standing.pause:
        return Text(str(standing.pause), "yellow")
    if job is None:
        return Text("not scheduled yet: start the scheduler, or run manage.py syncjobs", "yellow")
    if job.next_run_time is None:
        return Text(f"none: see manage.py jobs show {JOB}", "yellow")
    return Text(f"{on(timezone.get_current_timezone(), job.next_run_time, now)}, {away(job.next_run_time, now)}")


def _record(record: TaskRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    told = {name: getattr(record, name) for name in ("status", "started_at", "finished_at", "result", "error")}
    return {**told, "items": record.items_processed, "failed": record.items_failed}
