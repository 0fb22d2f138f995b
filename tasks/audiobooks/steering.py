"""What staff decide of gaps and downloads: each a change of the row as it was seen, which says whether it won."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from tasks.audiobooks import downloads
from tasks.audiobooks.models import Download, DownloadState, Edition, Gap, GapState, Stand

OPEN = (GapState.MISSING, GapState.FOUND)  # what may be declined: of the others something is here, or on its way
OVER = (DownloadState.FAILED, DownloadState.HELD)
WAITING = (DownloadState.QUEUED, DownloadState.HELD)  # a running one belongs to the run that fetches it


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
    return bool(won)


@transaction.atomic
def queue_found(gap: Gap, *, now: datetime) -> bool:
    """Queue what the catalogue has of a work that is missing; False if it is on its way already, or has no files."""
    if gap.edition is None or gap.state != GapState.FOUND:
        return False
    queued = downloads.queue(gap.edition, f"Gap in {gap.series or gap.author}"[:100], now=now)
    if queued is None:
        return False
    return bool(Gap.objects.filter(pk=gap.pk, state=GapState.FOUND).update(state=GapState.QUEUED))


def ask_for(edition: Edition, *, by: str, now: datetime) -> Download | None:
    """Queue a recording that somebody wants; None if it is queued or here already, or has no files."""
    return downloads.queue(edition, f"Asked for by {by}"[:100], now=now)


def queue_again(download: Download, *, now: datetime) -> bool:
    """Begin anew with its attempts; the parts that are whole stay."""
    again = {"state": DownloadState.QUEUED, "attempts": 0, "error": "", "retry_at": None, "queued_at": now}
    return bool(Download.objects.filter(pk=download.pk, state__in=OVER).update(**again, finished_at=None))


def take_off(download: Download, *, by: str, now: datetime) -> bool:
    """Nothing more of it is fetched until somebody queues it again."""
    told = {"state": DownloadState.FAILED, "error": f"Taken off the list by {by}."[:500], "retry_at": None}
    return bool(Download.objects.filter(pk=download.pk, state__in=WAITING).update(**told, finished_at=now))


def _recount(gap: Gap) -> None:
    """Make the chart of the series or the author true again."""
    owner = {"series": gap.series_id, "author": gap.author_id}
    counts = Gap.objects.filter(**owner).aggregate(
        wanted=Count("pk", filter=~Q(state=GapState.IGNORED)),
        owned=Count("pk", filter=Q(state=GapState.OWNED)),
    )
    Stand.objects.filter(**owner).update(**counts)
