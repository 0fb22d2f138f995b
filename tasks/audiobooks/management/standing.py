"""audiobooks status: what is in the library, what is on its way, how full it is, and how its jobs fare."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone
from rich.text import Text

from scheduling.management.composed import add_deed
from scheduling.management.telling import NOTHING, away, facts, heading, plural, put, put_json, state, table
from scheduling.models import Execution, Job, State
from scheduling.recent import last_runs
from tasks.audiobooks.fullness import Fullness, fullness, size_words
from tasks.audiobooks.models import Book, Download, DownloadState
from tasks.audiobooks.tasks import download_audiobooks_task

NOT_WELL = 1
ALL_WELL = {State.SUCCEEDED, State.CANCELLED, State.SKIPPED}
OF_LIBRARY = download_audiobooks_task.module_path.rpartition(".")[0]  # where the tasks of all its jobs are


def add_parsers(deeds: Any) -> None:
    codes = (
        "Exit code 0: all is well. 1: the last run of a job failed, a job cannot run, downloads failed, "
        "or there is no room for more."
    )
    add_deed(deeds, "status", status, "show what is in the library, what is on its way, and how its jobs fare", codes)


def jobs() -> list[Job]:
    """All jobs of this workload, those that staff have made too."""
    return list(Job.objects.filter(task__startswith=f"{OF_LIBRARY}.").order_by("id"))


def status(given: dict[str, Any], out: Any) -> None:
    now, found, full = timezone.now(), jobs(), fullness()
    runs = last_runs([job.pk for job in found])
    counts = _counts()
    if given["json"]:
        put_json(out, _as_json(found, runs, counts, full))
    else:
        put(out, *_told(found, runs, counts, full, now))
    if not _is_well(found, runs, counts, full):
        raise SystemExit(NOT_WELL)


def _counts() -> dict[str, int]:
    rows = Download.objects.order_by().values_list("state").annotate(count=Count("pk"))
    return {str(each): 0 for each in DownloadState} | dict(rows)


def _is_well(found: list[Job], runs: dict[str, Execution], counts: dict[str, int], full: Fullness) -> bool:
    ran = all(run.state in ALL_WELL for run in runs.values())
    has_room = not (counts[DownloadState.HELD] or full.is_full or full.is_disk_low)
    return ran and has_room and not counts[DownloadState.FAILED] and not any(job.parked_reason for job in found)


def _as_json(found: list[Job], runs: dict[str, Execution], counts: dict[str, int], full: Fullness) -> dict[str, Any]:
    return {
        "books": Book.objects.count(),
        "downloads": counts,
        "library": {"used": full.used, "budget": full.budget, "is_full": full.is_full, "counted_at": full.counted_at},
        "disk": {"size": full.disk, "free": full.free, "keep_free": full.keep_free, "is_low": full.is_disk_low},
        "jobs": [_job_as_json(job, runs.get(job.pk)) for job in found],
    }


def _job_as_json(job: Job, last: Execution | None) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.name,
        "next_run_time": job.next_run_time,
        "cannot_run": job.parked_reason,
        "last_run": last and {"id": last.pk, "state": last.state, "finished_at": last.finished_at},
    }


def _told(
    found: list[Job], runs: dict[str, Execution], counts: dict[str, int], full: Fullness, now: datetime
) -> list[Any]:
    limit = f"of {size_words(full.budget)}" if full.budget else "without a limit"
    waiting = ", ".join(
        f"{counts[each]:,} {each.label.lower()}" for each in DownloadState if each is not DownloadState.DONE
    )
    head = facts(
        [
            ("Catalogue", plural(Book.objects.count(), "book")),
            ("Library", f"{plural(counts[DownloadState.DONE], 'recording')}, {size_words(full.used)} {limit}"),
            ("Disk", f"{size_words(full.free)} free, of which {size_words(full.keep_free)} stay free"),
            ("Downloads", waiting),
        ]
    )
    rows = table("JOB", "LAST RUN", "NEXT RUN", "NAME", wraps=["NAME"])
    for job in found:
        rows.add_row(*_row(job, runs.get(job.pk), now))
    return [head, heading("Jobs"), rows if found else Text("None yet: run manage.py syncjobs.", "dim")]


def _row(job: Job, last: Execution | None, now: datetime) -> tuple[Any, ...]:
    ran = Text(NOTHING, "dim") if last is None else state(last) + Text(f" {away(last.finished_at, now)}")
    coming = Text(f"cannot run: {job.parked_reason}", "red") if job.parked_reason else away(job.next_run_time, now)
    return job.pk, ran, coming, job.name
