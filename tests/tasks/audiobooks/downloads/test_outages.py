"""A service or a disk that fails puts downloads off, fails the run, and gives nothing up."""

import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.audiobooks import fetching, library
from tasks.audiobooks.downloads import FIRST_PAUSE, MOST_ATTEMPTS, Outage
from tasks.audiobooks.models import Download, DownloadState
from tasks.demo.archive import Archive
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.downloads.looking import ITEM, NOON, fetched, files, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def test_a_long_pause_is_for_all_downloads_and_shortens_no_other(several: list[Download], upstream: Upstream) -> None:
    later = NOON + timedelta(days=2)
    Download.objects.filter(pk=several[4].pk).update(retry_at=later)
    upstream.fail("/metadata/", 429, headers={"Retry-After": "3600"})
    with pytest.raises(RetryLater):
        fetched()
    assert upstream.asked("/metadata/") == 1
    for row in several[:4]:
        assert (state(row), row.attempts) == (DownloadState.QUEUED, 0)
        assert row.retry_at
        assert NOON + timedelta(hours=1) <= row.retry_at < later
    assert (state(several[4]), several[4].retry_at) == (DownloadState.QUEUED, later)


def test_a_short_pause_is_waited_for(queued: Download, upstream: Upstream) -> None:
    upstream.fail("/download/", 503, headers={"Retry-After": "2"})
    fetched()
    assert state(queued) == DownloadState.DONE


@pytest.mark.parametrize(("path", "status"), [("/metadata/", 503), ("/node/", 502), ("/download/", 403)])
def test_an_outage_fails_the_run_and_gives_nothing_up(
    several: list[Download], upstream: Upstream, path: str, status: int
) -> None:
    upstream.fail(path, status, times=math.inf)
    for days in range(MOST_ATTEMPTS + 1):
        with pytest.raises(Outage, match=f"{status}.*the next run goes on"):
            fetched(NOON + timedelta(days=days))
    assert {state(row) for row in several} == {DownloadState.QUEUED}
    assert {row.attempts for row in several} == {0}


def test_of_an_outage_three_downloads_are_put_off_and_the_rest_is_left(
    several: list[Download], upstream: Upstream
) -> None:
    upstream.fail("/metadata/", 503, times=math.inf)
    with pytest.raises(Outage):
        fetched()
    for row in several:
        row.refresh_from_db()
    assert [row.delays for row in several] == [1, 1, 1, 0, 0]
    assert all(row.retry_at and row.retry_at >= NOON + FIRST_PAUSE for row in several[:3])
    assert [row.retry_at for row in several[3:]] == [None, None]
    assert list(Download.objects.to_do(NOON + timedelta(hours=2)))[:2] == several[3:]


def test_failures_that_are_not_in_a_row_are_no_outage(several: list[Download], archive: Archive) -> None:
    for download in (*several[:2], *several[3:]):
        archive.dark.add(download.edition.archive_id)
    row = fetched()
    assert [state(each) for each in several] == ["failed", "failed", "done", "failed", "failed"]
    assert (row.status, row.items_failed) == ("succeeded", 4)


def test_a_disk_that_fails_ends_the_run_in_words(
    several: list[Download], shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(library.Library, "incoming", refuse)
    with pytest.raises(Outage, match=rf"LIBRARY_DIR {shelf.resolve()} cannot be written: .*Permission denied"):
        fetched()
    assert [(state(row), row.attempts) for row in several] == [(DownloadState.QUEUED, 0)] * 5


def test_a_library_that_cannot_be_made_ends_the_run_in_words(
    queued: Download, configured: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    configured(LIBRARY_DIR=tmp_path / "file")
    with pytest.raises(Outage, match=r"LIBRARY_DIR .* cannot be written"):
        fetched()
    assert (state(queued), queued.attempts) == (DownloadState.QUEUED, 0)


def test_one_disk_error_puts_one_download_off(several: list[Download], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = library.Library.incoming

    def refuse_the_first(books: library.Library, key: int) -> Path:
        if key == several[0].pk:
            raise OSError(5, "Input/output error")
        return whole(books, key)

    monkeypatch.setattr(library.Library, "incoming", refuse_the_first)
    assert fetched().items_succeeded == 4
    assert (state(several[0]), several[0].attempts, several[0].delays) == (DownloadState.QUEUED, 0, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html; charset=utf-8"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/xhtml+xml"},
        {"Content-Type": "audio/mpeg", "Content-Encoding": "gzip"},
    ],
)
def test_a_page_in_place_of_a_file_is_an_outage_and_no_wrong_file(
    queued: Download, upstream: Upstream, shelf: Path, headers: dict[str, str]
) -> None:
    upstream.fail("/node/", 200, times=4, headers=headers, body=b"<h1>We are down for maintenance</h1>" * 100)
    fetched()
    assert (state(queued), queued.attempts, queued.delays) == (DownloadState.QUEUED, 0, 1)
    assert not any((shelf / name).stat().st_size for name in files(shelf))
    fetched(NOON + timedelta(hours=1))
    assert state(queued) == DownloadState.DONE


def test_a_trickle_is_put_off_and_what_has_come_is_kept(
    queued: Download, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fetching, "OVER", 0.0)
        patch.setattr(fetching, "SLOWEST", 10**12)
        fetched()
    assert upstream.asked("/node/") == 1
    assert (state(queued), queued.attempts, queued.delays) == (DownloadState.QUEUED, 0, 1)
    assert "too slowly" in queued.error
    fetched(NOON + timedelta(hours=1))
    assert state(queued) == DownloadState.DONE
    assert f"{ITEM}/part_01" not in upstream.requests[-1].target


@pytest.mark.parametrize(
    ("came", "is_slow"),
    [
        ([(100, 59.9)], False),
        ([(100, 60.0)], True),
        ([(119_000, 60.0)], True),
        ([(121_000, 60.0)], False),
        ([(10_000_000, 30.0), (0, 60.0), (100, 119.0), (100, 121.0)], True),
        ([(1, 20.0), (1, 40.0), (1, 60.0)], True),
    ],
)
def test_a_trickle_is_less_than_two_thousand_bytes_a_second_over_a_minute(
    came: list[tuple[int, float]], is_slow: bool
) -> None:
    pace = fetching.Pace(1000.0)
    *before, last = [pace.is_too_slow(size, 1000.0 + seconds) for size, seconds in came]
    assert (any(before), last) == (False, is_slow)
