"""A service or a disk that fails puts downloads off, fails the run, and gives nothing up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, DownloadState
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.downloads.looking import NOON, fetched, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


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
