"""What staff decide of gaps and downloads: each a change of the row as it was seen, which says whether it won."""

from datetime import datetime

from django.db import transaction

from tasks.audiobooks import downloads, gaps
from tasks.audiobooks.conf import options
from tasks.audiobooks.library import is_gone
from tasks.audiobooks.models import Download, DownloadState, Edition, Gap, GapState

OPEN = (GapState.MISSING, GapState.FOUND)  # what may be declined: of the others something is here, or on its way
OVER = (DownloadState.FAILED, DownloadState.OFF, DownloadState.HELD)
ENDED = (DownloadState.FAILED, DownloadState.OFF)
COMING = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.HELD)


@transaction.atomic
def decline(gap: Gap) -> bool:
    """The work is not wanted: no look at the series or the author queues it."""
    won = Gap.objects.filter(pk=gap.pk, state__in=OPEN).update(state=GapState.IGNORED)
    if won:
        _recount(gap)
    return bool(won)


@transaction.atomic
def want(gap: Gap) -> bool:
    """The work is wanted again; the next look at the series or the author queues it."""
    state = GapState.FOUND if gap.edition_id else GapState.MISSING
    won = Gap.objects.filter(pk=gap.pk, state=GapState.IGNORED).update(state=state)
    if won:
        _recount(gap)
        if gap.edition:
            gaps.follow(gap.edition)
    return bool(won)


@transaction.atomic
def queue_found(gap: Gap, *, now: datetime) -> bool:
    """Queue what the catalogue has of a work that is missing; False if it is on its way already, or has no files."""
    if gap.edition is None or gap.state != GapState.FOUND:
        return False
    return _queue(gap.edition, f"Gap in {gap.series or gap.author}", now) is not None


def ask_for(edition: Edition, *, by: str, now: datetime) -> Download | None:
    """Queue a recording that somebody wants; None if it is queued or here already, or has no files."""
    return _queue(edition, f"Asked for by {by}", now)


@transaction.atomic
def queue_again(download: Download, *, now: datetime) -> bool:
    """Begin anew with its attempts; False if it is on its way, or in the library and its files are there."""
    again = {"state": DownloadState.QUEUED, "attempts": 0, "delays": 0, "error": "", "retry_at": None}
    if is_lost(download):
        rows = Download.objects.filter(pk=download.pk, state=DownloadState.DONE, folder=download.folder)
        won = rows.update(**again, queued_at=now, finished_at=None, folder="", done=0)
        download.parts.update(is_whole=False)
    else:
        rows = Download.objects.filter(pk=download.pk, state__in=OVER)
        won = rows.update(**again, queued_at=now, finished_at=None)
    if won:
        gaps.follow(download.edition)
    return bool(won)


def is_lost(download: Download) -> bool:
    """Whether it came into the library, and somebody has removed its files since."""
    return download.state == DownloadState.DONE and is_gone(options().library_dir, download.folder)


@transaction.atomic
def take_off(download: Download, *, by: str, now: datetime) -> bool:
    """Nothing more of it is fetched until somebody queues it again; a run that is at it writes nothing more.

    What was gathered of it the next run removes from the disk.
    """
    told = {"state": DownloadState.OFF, "error": f"Taken off the list by {by}."[:500], "retry_at": None, "done": 0}
    won = Download.objects.filter(pk=download.pk, state__in=COMING).update(**told, finished_at=now)
    if won:
        download.parts.update(is_whole=False)
        gaps.follow(download.edition)
    return bool(won)


def _queue(edition: Edition, why: str, now: datetime) -> Download | None:
    """Queue it; also one that has failed, or was taken off, since somebody wants it."""
    queued = downloads.queue(edition, why[:100], now=now)
    if queued is not None:
        return queued
    before = Download.objects.filter(edition=edition, state__in=ENDED).first()
    if before is None or not queue_again(before, now=now):
        return None
    before.refresh_from_db()
    return before


def _recount(gap: Gap) -> None:
    owner = gap.series or gap.author
    if owner is not None:
        gaps.count(owner)
