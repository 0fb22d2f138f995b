"""A process that is killed while it downloads leaves what has come, and the next one goes on behind it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tasks.audiobooks.conf import options
from tasks.audiobooks.downloads import download_queued, queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download
from tasks.demo.archive import Archive
from tasks.demo.upstream import HOST, Upstream
from tasks.recording import record

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]
SIZE = 500_000  # bytes
PATIENCE = 60  # seconds for a process to start on a busy machine
WORK = """
import django; django.setup()
from django.utils import timezone
from tasks.audiobooks.downloads import download_queued
from tasks.recording import record
with record(None, "killed", task_name="tests") as entry:
    download_queued(entry, now=timezone.now())
"""


def test_a_killed_process_loses_no_byte(
    recording: Callable[[int], Any], archive: Archive, upstream: Upstream, database_url: str, tmp_path: Path
) -> None:
    found = recording(0)
    content = b"ID3" + os.urandom(SIZE - 3)
    archive.content[found.archive_id, "x.mp3"] = content
    archive.files[found.archive_id] = [{"name": "x.mp3", "format": "64Kbps MP3", "size": str(SIZE)}]
    archive.bytes_per_second = 200_000
    queue(keep(found, timezone.now()), "x", now=timezone.now())
    library = options().library_dir
    kill_when(library, environment(upstream, library, database_url))

    download = Download.objects.get()
    assert download.state == "running"
    [part] = library.rglob("*.part")
    came = part.stat().st_size
    assert 0 < came < SIZE

    archive.bytes_per_second = 0
    with record(None, "next", task_name="tests") as entry:
        download_queued(entry, now=timezone.now() + timedelta(minutes=10))
    download.refresh_from_db()
    assert download.state == "done"
    assert upstream.requests[-1].headers["range"] == f"bytes={came}-"
    [whole] = library.rglob("*.mp3")
    assert whole.read_bytes() == content


def environment(upstream: Upstream, library: Path, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url,
        "CONTACT": "tests@localhost",
        "LIBRIVOX_URL": f"{upstream.url}/librivox",
        "ARCHIVE_URL": f"{upstream.url}/archive",
        "ARCHIVE_HOSTS": HOST,
        "LIBRARY_DIR": str(library),
        "LIBRARY_FREE": "0",
    }


def kill_when(library: Path, environment: dict[str, str]) -> None:
    """Start a process that downloads, and end it as soon as something has come."""
    process = subprocess.Popen([sys.executable, "-c", WORK], env=environment)
    try:
        ends = time.monotonic() + PATIENCE
        while not any(part.stat().st_size for part in library.rglob("*.part")):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < ends
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
