"""Many recordings, and large files: all of them come through, and memory does not grow with them."""

import gc
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.discovery import find_new
from tasks.audiobooks.downloads import download_queued, queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, Edition
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.librivox import LibriVox
from tasks.demo.upstream import Clock
from tasks.models import TaskRecord
from tasks.recording import record

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
COPIES = 6
RECORDINGS = COPIES * sum(each.in_feed for work in books.ALL_WORKS for each in work.recordings)
LARGE = 40_000_000  # bytes of a file
MOST_MEMORY = 30_000  # kB beyond those at the start, the pages of the loopback services included
PEAK, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def librivox(clock: Clock) -> LibriVox:
    return LibriVox(clock, copies=COPIES)


def peak() -> int:
    """The most memory that this process has had since the last look, in kB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", PEAK.read_text())
    assert found
    gc.collect()
    RESET.write_text("5")
    return int(found[1])


@pytest.mark.skipif(not RESET.exists(), reason="only Linux tells the peak of a part")
def test_many_recordings_are_found_in_little_memory(clock: Clock, configured: Callable[..., None]) -> None:
    peak()
    before = peak()
    with record(None, "new", task_name="tests") as entry:
        find_new(entry, run="x", now=clock.now())
    used = peak() - before
    assert Edition.objects.count() == RECORDINGS
    assert TaskRecord.objects.get().items_succeeded == RECORDINGS
    assert used < MOST_MEMORY, used


@pytest.mark.skipif(not RESET.exists(), reason="only Linux tells the peak of a part")
def test_a_large_file_is_fetched_in_little_memory(
    recording: Callable[[int], Any], archive: Archive, configured: Callable[..., None]
) -> None:
    found = recording(0)
    archive.content[found.archive_id, "x.mp3"] = b"ID3" + bytes(LARGE - 3)
    archive.files[found.archive_id] = [{"name": "x.mp3", "format": "64Kbps MP3", "size": str(LARGE)}]
    queue(keep(found, NOON), "x", now=NOON)
    peak()
    before = peak()
    with record(None, "downloads", task_name="tests") as entry:
        download_queued(entry, now=NOON)
    used = peak() - before
    assert Download.objects.get().done == LARGE
    assert used < MOST_MEMORY, used
