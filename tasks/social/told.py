"""What syncs came to, in the words of all doors: '45/50 posts synced, 5 failures in 120.45 s'."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from tasks.social.models import Business, Failure, Sync


def latest_of(businesses: Iterable[int]) -> dict[int, Sync]:
    """Business -> its last sync, of those that were ever synced."""
    last = Sync.objects.filter(business=OuterRef("pk")).values("pk")[:1]
    rows = Business.objects.filter(pk__in=list(businesses)).order_by().annotate(last_sync=Subquery(last))
    found = Sync.objects.in_bulk([pk for pk in rows.values_list("last_sync", flat=True) if pk])
    return {sync.business_id: sync for sync in found.values()}


def last_of(business: int) -> Sync | None:
    return Sync.objects.filter(business=business).first()


def share(sync: Sync) -> str:
    """ "45/50 posts\""""
    return f"{sync.posts_synced}/{sync.posts_total} posts"


def outcome(sync: Sync) -> str:
    """ "45/50 posts synced, 5 failures in 120.45 s\""""
    failures = f", {sync.failures} failure{'' if sync.failures == 1 else 's'}" if sync.failures else ""
    took = f" in {sync.duration.total_seconds():.2f} s" if sync.duration else " so far"
    return f"{share(sync)} synced{failures}{took}"


def failures_of(syncs: Iterable[Sync]) -> QuerySet[Failure]:
    """What went wrong in them, in its order."""
    rows = Failure.objects.filter(sync__in=[each.pk for each in syncs]).select_related("account").order_by("id")
    return rows.defer("account__access_token", "account__refresh_token")  # which nobody shall see


def seconds_of(sync: Sync, now: datetime) -> float:
    """How long it took, or has taken up to now."""
    return max(((sync.finished_at or now) - sync.started_at).total_seconds(), 0.0)
