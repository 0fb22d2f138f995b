"""A run that downloads, and what it has left: on the disk, and in the rows."""

from datetime import UTC, datetime
from pathlib import Path

from tasks.audiobooks.downloads import download_queued
from tasks.audiobooks.models import Download
from tasks.demo import books
from tasks.models import TaskRecord
from tasks.recording import record

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
WORK = books.ALL_WORKS[0]
ITEM, PARTS = WORK.recordings[0].archive_id, WORK.recordings[0].parts
RECORDED = [number for number, work in enumerate(books.ALL_WORKS) if work.recordings][:5]


def fetched(now: datetime = NOON) -> TaskRecord:
    try:
        with record(None, "downloads", task_name="tests") as entry:
            download_queued(entry, now=now)
    finally:
        row = TaskRecord.objects.latest("pk")
    return row


def files(shelf: Path) -> list[str]:
    return sorted(str(path.relative_to(shelf)) for path in shelf.rglob("*") if path.is_file())


def state(download: Download) -> str:
    download.refresh_from_db()
    return download.state
