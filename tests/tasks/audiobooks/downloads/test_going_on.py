"""What was cut short goes on where it ended, whatever has cut it short."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduling.exceptions import Stopped
from tasks.audiobooks import downloads, gathering, library
from tasks.audiobooks.claims import claim
from tasks.audiobooks.models import Download, DownloadState, Part
from tasks.demo.archive import Archive
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.downloads.looking import NOON, PARTS, fetched, files, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


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
        "a piece": (gathering.Progress, "add"),
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

    monkeypatch.setattr(gathering.Progress, "add", stop)
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


def test_the_end_of_the_time_fails_nothing(queued: Download, configured: Callable[..., None]) -> None:
    configured(DOWNLOAD_TIMEOUT=0)
    row = fetched()
    assert "used up" in row.log_output
    assert (state(queued), queued.attempts, row.status) == (DownloadState.QUEUED, 0, "succeeded")


def test_what_has_used_up_a_run_stands_behind_the_others(
    several: list[Download], configured: Callable[..., None]
) -> None:
    configured(DOWNLOAD_TIMEOUT=0)
    for expected in (several, several[1:] + several[:1], several[2:] + several[:2]):
        assert list(Download.objects.to_do(NOON)) == expected
        fetched()


def test_what_a_killed_run_left_comes_first(several: list[Download]) -> None:
    Download.objects.filter(pk=several[3].pk).update(state=DownloadState.RUNNING)
    assert next(iter(Download.objects.to_do(NOON))) == several[3]


def test_what_nobody_goes_on_with_is_swept_away(queued: Download, shelf: Path) -> None:
    for key in (queued.pk, queued.pk + 1):
        (shelf / ".incoming" / str(key)).mkdir(parents=True)
    (shelf / ".incoming" / "not ours").mkdir()
    Download.objects.update(retry_at=NOON + timedelta(days=1))
    fetched()
    assert {path.name for path in (shelf / ".incoming").iterdir()} == {str(queued.pk), "not ours"}
