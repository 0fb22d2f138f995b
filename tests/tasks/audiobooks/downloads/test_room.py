"""What has no room is held until there is some; what is used is counted once for runs and pages."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks import fetching, gathering
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.fullness import fullness
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, DownloadState
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.downloads.looking import ITEM, NOON, fetched, files, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def test_what_exceeds_the_budget_is_held_until_there_is_room(
    queued: Download, configured: Callable[..., None], shelf: Path, upstream: Upstream
) -> None:
    configured(LIBRARY_BUDGET=10_000)
    row = fetched()
    assert (state(queued), row.items_failed, files(shelf)) == (DownloadState.HELD, 1, [])
    assert "room for 0.0 MB" in queued.error
    asked = len(upstream.requests)
    assert fetched().items_processed == 0
    assert len(upstream.requests) == asked
    configured(LIBRARY_BUDGET=queued.size)
    fetched()
    assert (state(queued), queued.error) == (DownloadState.DONE, "")


def test_files_that_are_there_count_against_the_budget(
    recording: Callable[[int], Any], configured: Callable[..., None]
) -> None:
    first, second = (queue(keep(recording(number), NOON), "x", now=NOON) for number in (0, 1))
    assert first
    assert second
    configured(LIBRARY_BUDGET=sum(part["size"] for part in parts_of(0)) + 1000)
    fetched()
    assert (state(first), state(second)) == (DownloadState.DONE, DownloadState.HELD)


def parts_of(number: int) -> list[Any]:
    item = books.ALL_WORKS[number].recordings[0].archive_id
    found = Archive()._item(item)["files"]
    return [{**file, "size": int(file["size"])} for file in found if file["format"] == "64Kbps MP3"]


def test_a_full_disk_holds_it(queued: Download, configured: Callable[..., None]) -> None:
    configured(LIBRARY_FREE=10**18)
    fetched()
    assert state(queued) == DownloadState.HELD


def test_a_disk_that_fills_up_while_it_comes_holds_it(queued: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gathering.Progress, "add", full)
    fetched()
    assert (state(queued), queued.error) == (DownloadState.HELD, "The disk is full.")


def test_a_file_of_unknown_size_is_held_before_it_comes_and_asked_for_when_there_is_room(
    queued: Download, archive: Archive, configured: Callable[..., None], upstream: Upstream, shelf: Path
) -> None:
    archive.content[ITEM, "x.mp3"] = b"ID3" * 100_000
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3"}]
    configured(LIBRARY_BUDGET=200_000)
    fetched()
    assert (state(queued), queued.size, queued.done) == (DownloadState.HELD, 300_000, 0)
    assert "0.3 MB are needed" in queued.error
    assert not any((shelf / name).stat().st_size for name in files(shelf))
    asked = len(upstream.requests)
    fetched()
    assert len(upstream.requests) == asked, "there is some room, but not enough"
    configured(LIBRARY_BUDGET=300_000)
    fetched()
    assert state(queued) == DownloadState.DONE


def test_a_file_of_unknown_size_has_an_end(
    queued: Download, archive: Archive, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_UNTOLD", 1000)
    archive.content[ITEM, "x.mp3"] = b"ID3" * 1000
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3"}]
    fetched()
    assert (state(queued), queued.attempts, queued.done) == (DownloadState.QUEUED, 1, 0)
    assert "more than is taken" in queued.error


def test_pages_tell_what_the_run_has_counted(queued: Download, configured: Callable[..., None], shelf: Path) -> None:
    configured(LIBRARY_BUDGET=10_000_000)
    shelf.mkdir(parents=True)
    (shelf / "by hand.mp3").write_bytes(b"x" * 1000)
    assert fullness().counted_at is None
    fetched()
    told = fullness()
    queued.refresh_from_db()
    assert told.used == 1000 + queued.done
    assert told.counted_at
    assert told.counted_at >= NOON
    (shelf / "by hand.mp3").unlink()
    fetched(NOON + timedelta(minutes=10))
    assert fullness().used == told.used, "with nothing to do it is counted once an hour"
    fetched(NOON + timedelta(hours=2))
    assert fullness().used == queued.done
