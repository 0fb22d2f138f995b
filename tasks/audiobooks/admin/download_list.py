"""What the page of downloads shows, and its part that stays true while something runs."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from scheduling.admin import columns
from scheduling.health import turning
from scheduling.models import OPEN, Execution, Job
from tasks.audiobooks.admin.pages import download_badge, may, page_if, percent, sheet
from tasks.audiobooks.fullness import fullness, size_words
from tasks.audiobooks.models import Download, DownloadState
from tasks.audiobooks.steering import COMING, OVER, is_lost

JOB = "download_audiobooks"
ROWS = 40  # on a page
MOST_COUNTED = 1000  # of a state; more are told as such
MOST_RUNNING = 20  # told before the list
MOST_PARTS = 1000  # on the page of one
LONGEST_SEARCH = 100
OF_PARTS = {"whole": Count("parts", filter=Q(parts__is_whole=True)), "parts_count": Count("parts")}


def listed(request: HttpRequest) -> dict[str, Any]:
    """The list: filtered by a state and a text; the latest first, but what runs before all."""
    now = timezone.now()
    state, text = request.GET.get("state", ""), request.GET.get("q", "").replace("\x00", "")[:LONGEST_SEARCH].strip()
    state = state if state in DownloadState.values else ""
    rows = Download.objects.filter(state=state) if state else Download.objects.exclude(state=DownloadState.RUNNING)
    rows = rows.filter(Q(edition__title__icontains=text) | Q(edition__book__title__icontains=text)) if text else rows
    page = sheet(rows.select_related("edition__book"), request.GET.get("page"), ROWS)
    going = [] if state else list(_running())
    counts = {each: _counted(each) for each in DownloadState}
    _bring_parts([*going, *page.rows])
    return {
        "title": "Downloads",
        "page": page,
        "going": [row(request, each, now) for each in going],
        "rows": [row(request, each, now) for each in page.rows],
        "tabs": [(each.value, each.label, told, each.value == state) for each, (_, told) in counts.items()],
        "state": state,
        "q": text,
        "fullness": gauges(now),
        "is_busy": counts[DownloadState.RUNNING][0] > 0,
        "waits": counts[DownloadState.QUEUED][0] > 0,
        **_work(request, now),
    }


def one(request: HttpRequest, download: Download) -> dict[str, Any]:
    """The page of one, with its parts."""
    _bring_parts([download])
    parts = list(download.parts.order_by("number")[: MOST_PARTS + 1])
    told = row(request, download, timezone.now())
    told["may_go_again"] |= may(request, "change_download") and is_lost(download)
    return {
        "title": str(download.edition)[:200],
        "download": download,
        "row": told,
        "parts": [(part, size_words(part.size)) for part in parts[:MOST_PARTS]],
        "is_cut": len(parts) > MOST_PARTS,
        "is_busy": download.state == DownloadState.RUNNING,
        "queued": columns.moment(download.queued_at, timezone.now()),
        "started": columns.moment(download.started_at, timezone.now()),
        "finished": columns.moment(download.finished_at, timezone.now()),
    }


def row(request: HttpRequest, download: Any, now: datetime) -> dict[str, Any]:
    """A download with all that is said of it."""
    changing = may(request, "change_download")
    return {
        "download": download,
        "page": columns.page(download),
        "book": download.edition.book,
        "book_page": page_if(request, download.edition.book, "view_book"),
        "badge": download_badge(download),
        "percent": percent(download),
        "bytes": f"{size_words(download.done)} of {size_words(download.size)}" if download.size else "",
        "parts": f"{download.whole} of {download.parts_count} parts" if download.parts_count else "",
        "next": columns.distance(download.retry_at, now) if download.retry_at else "",
        "when": columns.distance(download.finished_at or download.started_at or download.queued_at, now),
        "may_go_again": changing and download.state in OVER,
        "may_be_taken_off": changing and download.state in COMING,
    }


def gauges(now: datetime) -> list[dict[str, Any]]:
    """How full the budget and the disk are, as bars."""
    found = fullness()
    of = f"of {size_words(found.budget)}" if found.budget else "and no limit"
    counted = columns.distance(found.counted_at, now) if found.counted_at else "not yet"
    told = [_gauge("Library", f"{size_words(found.used)} {of}", found.share, found.is_full, counted)]
    if found.disk:
        words = f"{size_words(found.free)} free, of which {size_words(found.keep_free)} stay free"
        told.append(_gauge("Disk", words, found.disk_share, found.is_disk_low))
    return told


def _gauge(name: str, words: str, share: float | None, is_full: bool, counted: str = "") -> dict[str, Any]:
    percent = None if share is None else round(100 * share)
    return {"name": name, "words": words, "percent": percent, "full": is_full, "counted": counted}


def _work(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Whether somebody downloads, and when; for those who may see jobs and runs."""
    if not may(request, "scheduling.view_job", "scheduling.view_execution"):
        return {}
    job = Job.objects.filter(pk=JOB).first()
    run = Execution.objects.filter(job=JOB, state__in=OPEN).order_by("-pk").first() if job else None
    return {
        "run": run,
        "run_page": columns.page(run) if run else "",
        "run_badge": columns.state(run) if run else "",
        "next_run": columns.distance(job.next_run_time, now) if job and job.next_run_time else "",
        "nobody": not turning(now),
        "parked": job.parked_reason if job else "The job is not there yet: run manage.py syncjobs.",
        "may_run": job is not None and run is None and may(request, "scheduling.run_job"),
    }


def _running() -> QuerySet[Download]:
    return Download.objects.filter(state=DownloadState.RUNNING).select_related("edition__book")[:MOST_RUNNING]


def _bring_parts(rows: list[Any]) -> None:
    """How many parts each has, and how many of them are whole, in one query."""
    counted: QuerySet[Any] = Download.objects.filter(pk__in=[each.pk for each in rows]).order_by()
    found = {key: numbers for key, *numbers in counted.annotate(**OF_PARTS).values_list("pk", *OF_PARTS)}
    for each in rows:
        each.whole, each.parts_count = found.get(each.pk, (0, 0))


def _counted(state: DownloadState) -> tuple[int, str]:
    """How many there are, as far as it is told."""
    count = Download.objects.filter(state=state).order_by()[: MOST_COUNTED + 1].count()
    return count, f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"
