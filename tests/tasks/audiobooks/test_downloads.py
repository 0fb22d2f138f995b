"""What is queued comes into the library whole, or not at all; whatever happens on the way, it goes on from there."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduling.exceptions import RetryLater, Stopped
from tasks.audiobooks import downloads, library
from tasks.audiobooks.conf import options
from tasks.audiobooks.downloads import FIRST_PAUSE, MOST_ATTEMPTS, claim, download_queued, queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, DownloadState, Edition, Part, Series
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.upstream import Request, Upstream
from tasks.models import TaskRecord
from tasks.recording import record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
WORK = books.ALL_WORKS[0]
ITEM, PARTS = WORK.recordings[0].archive_id, WORK.recordings[0].parts


@pytest.fixture
def edition(recording: Callable[[int], Any]) -> Edition:
    return keep(recording(0), NOON)


@pytest.fixture
def queued(edition: Edition) -> Download:
    download = queue(edition, "Asked for by ada", now=NOON)
    assert download
    return download


@pytest.fixture
def shelf() -> Path:
    return options().library_dir


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


@pytest.mark.parametrize("bytes_before", [0, 1, 5000])
def test_a_file_that_was_cut_short_goes_on_where_it_ended(
    queued: Download, upstream: Upstream, shelf: Path, bytes_before: int
) -> None:
    upstream.truncate("/archive/node/", bytes_before)
    fetched()
    assert state(queued) == DownloadState.DONE
    ranges = [request.headers["range"] for request in upstream.requests if "range" in request.headers]
    assert set(ranges) == ({f"bytes={bytes_before}-"} if bytes_before else set())


def test_a_source_without_ranges_is_asked_from_the_beginning(
    queued: Download, upstream: Upstream, archive: Archive
) -> None:
    archive.with_ranges = False
    upstream.truncate("/archive/node/", 5000)
    fetched()
    assert state(queued) == DownloadState.DONE


def test_a_connection_that_breaks_again_and_again_gets_there_as_long_as_something_comes(
    queued: Download, upstream: Upstream
) -> None:
    upstream.truncate("/archive/node/", 700, times=20)
    fetched()
    assert state(queued) == DownloadState.DONE


@pytest.mark.parametrize("step", ["a piece", "a part", "before the move", "after the move"])
def test_a_run_that_is_killed_is_gone_on_with(
    queued: Download, upstream: Upstream, shelf: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patch:
        kill_at(step, patch)
        with pytest.raises(SystemExit):
            fetched()
    Download.objects.filter(pk=queued.pk).update(state=DownloadState.RUNNING)  # a killed one hands nothing back
    asked = upstream.asked("/node/")
    row = fetched(NOON + timedelta(hours=1))
    assert state(queued) == DownloadState.DONE
    assert len(files(shelf)) == PARTS
    assert row.items_succeeded == 1
    again = upstream.asked("/node/") - asked
    assert again == {"a piece": PARTS, "a part": PARTS - 1, "before the move": 0, "after the move": 0}[step]
    assert upstream.asked("/metadata/") == 1, "the list of files is kept"


def kill_at(step: str, patch: pytest.MonkeyPatch) -> None:
    """The process ends there, as far as a test can have it end."""
    targets: dict[str, tuple[Any, str]] = {
        "a piece": (downloads._Progress, "add"),
        "a part": (Part.objects, "filter"),
        "before the move": (library.Library, "move"),
        "after the move": (downloads._Run, "_end"),
    }
    owner, name = targets[step]

    def end(*_: Any, **__: Any) -> None:
        raise SystemExit

    patch.setattr(owner, name, end)


def test_a_stop_hands_it_back(queued: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise Stopped

    monkeypatch.setattr(downloads._Progress, "add", stop)
    with pytest.raises(Stopped):
        fetched()
    assert (state(queued), queued.attempts) == (DownloadState.QUEUED, 0)


def test_a_run_that_lost_its_download_writes_nothing_more(queued: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    other = NOON + timedelta(minutes=5)
    whole = downloads._Run._file

    def taken_over(run: Any, download: Download, row: Any) -> None:
        assert claim(download.pk, other)
        whole(run, download, row)

    monkeypatch.setattr(downloads._Run, "_file", taken_over)
    row = fetched()
    assert "TakenOver" in row.log_output
    assert (state(queued), queued.started_at, queued.attempts) == (DownloadState.RUNNING, other, 0)


def test_a_download_is_claimed_by_one(queued: Download) -> None:
    assert claim(queued.pk, NOON)
    Download.objects.filter(pk=queued.pk).update(state=DownloadState.DONE)
    assert claim(queued.pk, NOON) is None
    assert claim(queued.pk + 1, NOON) is None


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


@pytest.mark.parametrize("told", ["bytes 0-99/100", "bytes 7-99/100", "items 1-2/3", ""])
def test_another_part_than_was_asked_for_is_not_put_together(queued: Download, upstream: Upstream, told: str) -> None:
    upstream.truncate("/node/", 5000)
    headers = {"Content-Range": told} if told else {}
    upstream.fail("/node/", 206, headers=headers, body=b"z" * 100)
    fetched()
    assert state(queued) == DownloadState.DONE


def test_a_range_that_is_refused_begins_anew(queued: Download, upstream: Upstream) -> None:
    upstream.truncate("/node/", 5000)
    upstream.fail("/node/", 416)
    fetched()
    assert state(queued) == DownloadState.DONE


@pytest.mark.parametrize("with_md5", [True, False])
def test_files_of_which_nothing_is_told_come_as_they_are(
    queued: Download, archive: Archive, shelf: Path, with_md5: bool
) -> None:
    content = b"abc" * 1000
    archive.content[ITEM, "x.mp3"] = content
    told = {"md5": hashlib.md5(content).hexdigest()} if with_md5 else {}  # noqa: S324
    archive.files[ITEM] = [{"name": "x.mp3", "format": "64Kbps MP3", **told}]
    fetched()
    assert (state(queued), queued.size) == (DownloadState.DONE, 3000)
    assert (shelf / files(shelf)[0]).read_bytes() == content


def test_files_of_unknown_size_that_were_cut_short_go_on(
    queued: Download, archive: Archive, upstream: Upstream
) -> None:
    archive.content[ITEM, "x.mp3"] = b"abc" * 100_000
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


def test_one_that_fails_stops_no_other(recording: Callable[[int], Any], archive: Archive) -> None:
    rows = [queue(keep(recording(number), NOON), "x", now=NOON) for number in (0, 1, 2)]
    archive.dark.add(books.ALL_WORKS[1].recordings[0].archive_id)
    row = fetched()
    assert [state(each) for each in rows if each] == ["done", "failed", "done"]
    assert (row.items_succeeded, row.items_failed) == (2, 1)


def test_a_long_pause_is_for_all_downloads(recording: Callable[[int], Any], upstream: Upstream) -> None:
    rows = [queue(keep(recording(number), NOON), "x", now=NOON) for number in (0, 1)]
    upstream.fail("/metadata/", 429, headers={"Retry-After": "3600"})
    with pytest.raises(RetryLater):
        fetched()
    assert upstream.asked("/metadata/") == 1
    for row in filter(None, rows):
        assert (state(row), row.attempts) == (DownloadState.QUEUED, 0)
        assert row.retry_at
        assert row.retry_at >= NOON + timedelta(hours=1)


def test_a_short_pause_is_waited_for(queued: Download, upstream: Upstream) -> None:
    upstream.fail("/download/", 503, headers={"Retry-After": "2"})
    fetched()
    assert state(queued) == DownloadState.DONE


def test_the_end_of_the_time_fails_nothing(queued: Download, configured: Callable[..., None]) -> None:
    configured(DOWNLOAD_TIMEOUT=0)
    row = fetched()
    assert "used up" in row.log_output
    assert (state(queued), queued.attempts, row.status) == (DownloadState.QUEUED, 0, "succeeded")


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

    monkeypatch.setattr(downloads._Progress, "add", full)
    fetched()
    assert (state(queued), queued.error) == (DownloadState.HELD, "The disk is full.")


def test_what_nobody_goes_on_with_is_swept_away(queued: Download, shelf: Path) -> None:
    for key in (queued.pk, queued.pk + 1):
        (shelf / ".incoming" / str(key)).mkdir(parents=True)
    (shelf / ".incoming" / "not ours").mkdir()
    Download.objects.update(retry_at=NOON + timedelta(days=1))
    fetched()
    assert {path.name for path in (shelf / ".incoming").iterdir()} == {str(queued.pk), "not ours"}


def test_a_hostile_title_stays_within_the_library(queued: Download, shelf: Path, archive: Archive) -> None:
    Edition.objects.update(title="../../../etc/\x1bCON: \u202e", archive_id=ITEM)
    archive.content[ITEM, "a.mp3"] = b"abc"
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
    monkeypatch.setattr(downloads, "WRITE_EVERY", 0.0)
    seen: list[int] = []
    whole = downloads._Row.write

    def write(row: Any, **fields: Any) -> None:
        whole(row, **fields)
        seen.append(Download.objects.get().done)

    monkeypatch.setattr(downloads._Row, "write", write)
    fetched()
    grown = seen[:-1]
    assert grown == sorted(grown)
    assert len(set(grown)) > PARTS
