"""Files that are not as described: thrown away, tried again, given up; the good ones are kept."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.downloads import FIRST_PAUSE, MOST_ATTEMPTS
from tasks.audiobooks.fetching import is_sound
from tasks.audiobooks.models import Download, DownloadState, Edition, Gap, GapState, Stand
from tasks.audiobooks.steering import queue_again
from tasks.demo.archive import Archive
from tasks.demo.upstream import Request, Upstream
from tests.tasks.audiobooks.downloads.looking import ITEM, NOON, PARTS, fetched, files, state

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
    assert (state(queued), queued.done, queued.attempts) == (DownloadState.QUEUED, 0, 0)
    assert not list(shelf.rglob("*.mp3"))
    assert "not followed" in queued.error


def test_after_a_wrong_file_the_good_ones_are_kept(
    queued: Download, archive: Archive, upstream: Upstream, shelf: Path
) -> None:
    told = [file for file in archive._item(ITEM)["files"] if file["format"] == "64Kbps MP3"]
    first, last = min(told, key=by_name), max(told, key=by_name)
    archive.content[ITEM, last["name"]] = b"y" * int(last["size"])
    fetched()
    assert (state(queued), queued.is_stale) == (DownloadState.QUEUED, True)
    assert len(files(shelf)) == PARTS - 1
    upstream.requests.clear()
    mended = b"ID3" + b"z" * 100
    archive.content[ITEM, last["name"]] = mended
    anew = {**last, "name": last["name"], "size": "103", "md5": hashlib.md5(mended).hexdigest()}  # noqa: S324
    new = {**first, "name": "part_00_64kb.mp3"}
    archive.content[ITEM, new["name"]] = archive.reply(_request(f"/archive/node/9/items/{ITEM}/{first['name']}")).body
    archive.files[ITEM] = [new, *(file for file in told if file is not last), anew]
    fetched(NOON + timedelta(hours=2))
    assert (state(queued), queued.is_stale, len(files(shelf))) == (DownloadState.DONE, False, PARTS + 1)
    asked = {request.path.rpartition("/")[2] for request in upstream.requests if "/node/" in request.path}
    assert asked == {new["name"], last["name"]}, "the others have moved on by one place, and were not fetched again"


def by_name(file: Any) -> str:
    return str(file["name"])


def test_what_was_given_up_is_not_what_was_taken_off(queued: Download, archive: Archive) -> None:
    archive.dark.add(ITEM)
    gap = Gap.objects.create(
        author=queued.edition.book.authors.get(),
        work_key="OL1W",
        title="x",
        book=queued.edition.book,
        state=GapState.QUEUED,
        checked_at=NOON,
    )
    fetched()
    gap.refresh_from_db()
    assert (state(queued), gap.state) == (DownloadState.FAILED, GapState.FOUND)
    assert queue_again(queued, now=NOON)
    archive.dark.clear()
    fetched()
    gap.refresh_from_db()
    assert (state(queued), gap.state, gap.edition) == (DownloadState.DONE, GapState.OWNED, queued.edition)
    assert str(Stand.objects.get()) == "1 of 1"


def test_names_that_differ_in_their_letters_alone_are_two_files(queued: Download, archive: Archive) -> None:
    for name in ("part.mp3", "Part.mp3", "p\u00e4rt.mp3"):
        archive.content[ITEM, name] = b"ID3" + name.encode()
    archive.files[ITEM] = [{"name": name, "format": "64Kbps MP3"} for item, name in archive.content if item == ITEM]
    fetched()
    assert (state(queued), queued.parts.count()) == (DownloadState.DONE, 3)


@pytest.mark.parametrize(
    ("start", "sound"),
    [
        (b"ID3\x04\0\0\0\0", True),
        (b"\xff\xfb\x90\x44", True),
        (b"\xff\xf3\x40\xc0", True),
        (b"\0\0\0\x20ftypM4A ", True),
        (b"OggS\0\x02", True),
        (b"fLaC\0\0\0\x22", True),
        (b"<!DOCTYPE html>", False),
        (b"\xff\x1b\x90\x44", False),
        (b"\xff", False),
        (b"", False),
        (b"{}", False),
    ],
)
def test_a_sound_file_is_known_by_how_it_begins(start: bytes, sound: bool) -> None:
    assert is_sound(start) is sound


def test_without_a_checksum_what_is_no_sound_file_is_not_taken(queued: Download, archive: Archive) -> None:
    archive.content[ITEM, "x.mp3"] = b"<html>" * 100
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3"}]
    fetched()
    assert (state(queued), queued.attempts) == (DownloadState.QUEUED, 1)
    assert "no sound file" in queued.error
