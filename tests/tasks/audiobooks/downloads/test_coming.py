"""What is queued comes into the library whole, and once."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks import claims, gathering
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, DownloadState, Edition, Part, Series
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.upstream import Upstream
from tasks.models import TaskRecord
from tests.tasks.audiobooks.downloads.looking import ITEM, NOON, PARTS, WORK, fetched, files, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def test_a_recording_is_queued_once(edition: Edition) -> None:
    first = queue(edition, "x" * 300, now=NOON)
    assert first
    assert (first.state, len(first.why), first.queued_at) == (DownloadState.QUEUED, 100, NOON)
    assert queue(edition, "again", now=NOON) is None
    Edition.objects.update(archive_id="")
    edition.refresh_from_db()
    Download.objects.all().delete()
    assert queue(edition, "without files", now=NOON) is None


def test_a_recording_comes_whole_into_its_place(queued: Download, shelf: Path, archive: Archive) -> None:
    row = fetched()
    assert state(queued) == DownloadState.DONE
    assert queued.folder == f"{WORK.author.name}/{WORK.title} ({ITEM})"
    assert len(files(shelf)) == PARTS
    assert files(shelf)[0] == f"{queued.folder}/001 - {WORK.title}- Chapter 1.mp3"
    for part in queued.parts.all():
        content = (shelf / files(shelf)[part.number - 1]).read_bytes()
        assert (part.is_whole, part.size, part.md5) == (True, len(content), hashlib.md5(content).hexdigest())  # noqa: S324
    assert queued.size == queued.done == sum((shelf / name).stat().st_size for name in files(shelf))
    assert queued.error == ""
    assert queued.started_at
    assert queued.finished_at
    assert NOON <= queued.started_at <= queued.finished_at
    assert row.result == {"downloaded": 1, "files": PARTS, "bytes": queued.size}
    assert row.items_succeeded == 1


def test_a_book_of_a_series_lies_in_its_folder(queued: Download, shelf: Path) -> None:
    book = queued.edition.book
    book.series, book.position = Series.objects.create(key="OL1L", name="Salt Coast"), "2"
    book.save()
    fetched()
    assert files(shelf)[0].startswith(f"{WORK.author.name}/Salt Coast/02 - {WORK.title} ({ITEM})/001 - ")


def test_nothing_is_asked_when_nothing_is_queued(upstream: Upstream) -> None:
    assert fetched().items_processed == 0
    assert not upstream.requests


def test_what_is_in_the_library_is_not_fetched_again(queued: Download, upstream: Upstream) -> None:
    fetched()
    asked = len(upstream.requests)
    fetched()
    assert len(upstream.requests) == asked


def test_a_hostile_title_stays_within_the_library(queued: Download, shelf: Path, archive: Archive) -> None:
    Edition.objects.update(title="../../../etc/\x1bCON: \u202e", archive_id=ITEM)
    archive.content[ITEM, "a.mp3"] = b"ID3"
    archive.files[ITEM] = [{"name": "a.mp3", "format": "64Kbps MP3", "size": "3", "title": "../../x/.."}]
    fetched()
    assert state(queued) == DownloadState.DONE
    assert [path.resolve().is_relative_to(shelf.resolve()) for path in shelf.rglob("*.mp3")] == [True]


def test_no_address_of_a_node_is_kept(queued: Download) -> None:
    fetched()
    assert "/node/" not in "".join(
        map(str, [*Part.objects.values(), *Download.objects.values(), *TaskRecord.objects.values()])
    )


def test_progress_is_written_while_it_comes(queued: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WRITE_EVERY", 0.0)
    seen: list[int] = []
    whole = claims.Row.write

    def write(row: Any, **fields: Any) -> None:
        whole(row, **fields)
        seen.append(Download.objects.get().done)

    monkeypatch.setattr(claims.Row, "write", write)
    fetched()
    grown = seen[:-1]
    assert grown == sorted(grown)
    assert len(set(grown)) > PARTS


def test_one_that_fails_stops_no_other(recording: Callable[[int], Any], archive: Archive) -> None:
    rows = [queue(keep(recording(number), NOON), "x", now=NOON) for number in (0, 1, 2)]
    archive.dark.add(books.ALL_WORKS[1].recordings[0].archive_id)
    row = fetched()
    assert [state(each) for each in rows if each] == ["done", "failed", "done"]
    assert (row.items_succeeded, row.items_failed) == (2, 1)
