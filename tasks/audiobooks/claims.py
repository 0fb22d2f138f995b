"""Whose a download is: a row that is RUNNING belongs to the run that has set its `started_at`.

Whoever takes it over sets another one, and the former then writes nothing more.
"""

from datetime import datetime
from typing import Any

from tasks.audiobooks.models import Download, DownloadState
from tasks.exceptions import TaskError


class TakenOver(TaskError):
    """Another run has taken this download over, or somebody has taken it off the list."""


def claim(key: int, now: datetime) -> Download | None:
    """Take a download for the run that has begun at `now`; None if somebody was first."""
    download = Download.objects.select_related("edition__book__series").filter(pk=key).first()
    if download is None or download.state not in {DownloadState.QUEUED, DownloadState.RUNNING}:
        return None
    as_seen = Download.objects.filter(pk=key, state=download.state, started_at=download.started_at)
    if not as_seen.update(state=DownloadState.RUNNING, started_at=now, error="", retry_at=None):
        return None
    download.started_at = now
    return download


class Row:
    """The row of a download as long as it is this run's."""

    def __init__(self, download: Download) -> None:
        self._mine = Download.objects.filter(
            pk=download.pk, state=DownloadState.RUNNING, started_at=download.started_at
        )

    def write(self, **fields: Any) -> None:
        """Raises TakenOver."""
        if not self._mine.update(**fields):
            raise TakenOver

    def hand_back(self) -> None:
        """If nothing else was said of it, it waits for the next run."""
        self._mine.update(state=DownloadState.QUEUED)
