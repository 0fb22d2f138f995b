"""Old readings thinned out to one a day, old syncs deleted with what went wrong in them."""

from datetime import UTC, datetime, timedelta

from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from scheduling.context import Context
from tasks.recording import Entry, record
from tasks.social.conf import options
from tasks.social.models import Reading, Sync

CHUNK = 1000  # rows in one transaction


def prune(context: Context) -> None:
    """As KEEP_READINGS_DAYS and KEEP_SYNCS_DAYS say."""
    with record(context) as entry:
        entry.result = prune_before(entry, timezone.now())


def prune_before(entry: Entry, now: datetime) -> dict[str, int]:
    """How many readings and syncs are gone; days are those of UTC."""
    kept = options()
    before = datetime.combine(now.astimezone(UTC) - timedelta(days=kept.keep_readings_days), datetime.min.time(), UTC)
    readings = _delete(entry, _earlier_in_their_day(before))
    syncs = _delete(entry, Sync.objects.filter(started_at__lt=now - timedelta(days=kept.keep_syncs_days)))
    entry.log(f"{readings} readings thinned out, {syncs} syncs deleted")
    return {"readings": readings, "syncs": syncs}


def _earlier_in_their_day(before: datetime) -> QuerySet[Reading]:
    """The readings that a later one of the same day follows."""
    of_day = TruncDate("taken_at", tzinfo=UTC)
    later = Reading.objects.annotate(day=of_day).filter(
        post=OuterRef("post"), day=OuterRef("day"), taken_at__gt=OuterRef("taken_at")
    )
    return Reading.objects.filter(taken_at__lt=before).annotate(day=of_day).filter(Exists(later))


def _delete[T: models.Model](entry: Entry, rows: QuerySet[T]) -> int:
    """In chunks, each of which is gone whatever becomes of the next."""
    gone, last = 0, 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        entry.check()
        rows.model._default_manager.filter(pk__in=chunk).delete()
        gone, last = gone + len(chunk), chunk[-1]
    return gone
