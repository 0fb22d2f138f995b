"""prune: listings that were not seen for long go, and with them their changes, matches and deliveries."""

from collections import Counter
from datetime import datetime, timedelta

from tasks.classifieds.conf import options
from tasks.classifieds.models import Change, Delivery, Listing, Match, StrangePage
from tasks.recording import Entry

CHUNK = 500  # listings in one transaction
GOING = (Listing, Change, Match, Delivery, StrangePage)


def prune(entry: Entry, now: datetime) -> None:
    """Delete what is older than KEEP_LISTINGS_DAYS.

    Matches go with their listing only: without them a rule would tell of a listing that is still there once more.
    """
    days = options().keep_listings_days
    gone: Counter[str] = Counter()
    if days:
        gone += _prune_listings(entry, now - timedelta(days=days))
        gone += _counted(StrangePage.objects.filter(seen_at__lt=now - timedelta(days=days)).delete())
    entry.result = {str(model._meta.verbose_name_plural): gone[model._meta.label] for model in GOING}


def _prune_listings(entry: Entry, before: datetime) -> Counter[str]:
    """In chunks, each of which is gone whatever becomes of the next; what is seen meanwhile stays."""
    gone: Counter[str] = Counter()
    old = Listing.objects.filter(last_seen_at__lt=before)
    last = 0
    while chunk := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        entry.check()
        gone += _counted(old.filter(pk__in=chunk).delete())
        last = chunk[-1]
    return gone


def _counted(deleted: tuple[int, dict[str, int]]) -> Counter[str]:
    """How many rows of which model."""
    return Counter(deleted[1])
