"""Files that are not as described: thrown away, tried again, given up; the good ones are kept."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.downloads import FIRST_PAUSE, MOST_ATTEMPTS
from tasks.audiobooks.models import Download, DownloadState, Edition
from tasks.demo.archive import Archive
from tasks.demo.upstream import Request, Upstream
from tests.tasks.audiobooks.downloads.looking import ITEM, NOON, fetched, files, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def bad_bytes(archive: Archive, upstream: Upstream, kind: str) -> None:
    """Let the first file be another than its item tells."""
    name = "part_01_64kb.mp3"
    whole = archive.reply(_request(f"/archive/node/9/items/{ITEM}/{name}")).body
    changed = {"longer": whole + b"x" * 5000, "shorter": whole[:-500], "other": b"y" * len(whole), "empty": b""}
    archive.content[ITEM, name] = changed[kind]


def _request(path: str) -> Any:
    return Request("GET", path, path, {}, {"host": "x"}, b"")


@pytest.mark.parametrize("kind", ["longer", "shorter", "other", "empty"])
def test_a_file_that_is_another_than_told_is_thrown_away_and_tried_again_later(
    queued: Download, archive: Archive, upstream: Upstream, shelf: Path, kind: str
) -> None:
    bad_bytes(archive, upstream, kind)
    row = fetched()
    assert (state(queued), queued.attempts, row.items_failed) == (DownloadState.QUEUED, 1, 1)
    assert "part_01_64kb.mp3" in queued.error
    assert queued.retry_at
    assert queued.retry_at >= NOON + FIRST_PAUSE
    assert files(shelf) == []
    assert upstream.asked("/node/") <= 12
    archive.content.clear()
    fetched(NOON + timedelta(minutes=5))
    assert state(queued) == DownloadState.QUEUED, "its time has not come"
    fetched(NOON + timedelta(hours=2))
    assert state(queued) == DownloadState.DONE


def test_a_file_that_is_never_right_is_given_up(
    queued: Download, archive: Archive, upstream: Upstream, shelf: Path
) -> None:
    bad_bytes(archive, upstream, "other")
    now = NOON
    pauses = []
    for _ in range(MOST_ATTEMPTS):
        fetched(now)
        queued.refresh_from_db()
        pauses.append(queued.retry_at - now if queued.retry_at else None)
        now += timedelta(days=2)
    assert (queued.state, queued.attempts, pauses[-1]) == (DownloadState.FAILED, MOST_ATTEMPTS, None)
    assert "checksum" in queued.error
    grown = [pause for pause in pauses if pause]
    assert grown == sorted(grown)
    assert len(grown) == MOST_ATTEMPTS - 1
    fetched(now)
    assert state(queued) == DownloadState.FAILED


@pytest.mark.parametrize("with_md5", [True, False])
def test_files_of_which_nothing_is_told_come_as_they_are(
    queued: Download, archive: Archive, shelf: Path, with_md5: bool
) -> None:
    content = b"ID3" * 1000
    archive.content[ITEM, "x.mp3"] = content
    told = {"md5": hashlib.md5(content).hexdigest()} if with_md5 else {}  # noqa: S324
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3", **told}]
    fetched()
    assert (state(queued), queued.size) == (DownloadState.DONE, 3000)
    assert (shelf / files(shelf)[0]).read_bytes() == content


def test_files_of_unknown_size_that_were_cut_short_go_on(
    queued: Download, archive: Archive, upstream: Upstream
) -> None:
    archive.content[ITEM, "x.mp3"] = b"ID3" * 100_000
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3"}]
    upstream.truncate("/node/", 70_000)
    fetched()
    assert (state(queued), queued.size) == (DownloadState.DONE, 300_000)


@pytest.mark.parametrize("kind", ["dark", "no audio", "unknown"])
def test_what_is_not_there_is_given_up_at_once(queued: Download, archive: Archive, kind: str) -> None:
    if kind == "dark":
        archive.dark.add(ITEM)
    elif kind == "no audio":
        archive.files[ITEM] = [{"name": "x.jpg", "format": "JPEG"}]
    else:
        Edition.objects.update(archive_id="nobody_knows")
    fetched()
    assert state(queued) == DownloadState.FAILED
    assert "Internet Archive" in queued.error


def test_a_redirect_to_elsewhere_is_not_followed(
    queued: Download, configured: Callable[..., None], shelf: Path
) -> None:
    configured(ARCHIVE_HOSTS=["archive.example"])
    fetched()
    assert (state(queued), queued.done) == (DownloadState.QUEUED, 0)
    assert not list(shelf.rglob("*.mp3"))
    assert "not followed" in queued.error
