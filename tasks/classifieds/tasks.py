"""The doors through which scheduling comes in."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.tasks import task
from django.utils import timezone

from scheduling.registry import scheduled
from tasks.classifieds import scan as scans
from tasks.classifieds.conf import options
from tasks.classifieds.notify import tell_again
from tasks.classifieds.prune import prune
from tasks.recording import record

TO_TELL = timedelta(minutes=5)  # for rules and notices, beyond the time for the pages


@scheduled(
    "interval",
    minutes=options().poll_interval_minutes,
    id="scrape_headfi",
    name="Watch the classifieds",
    description="Reads Head-Fi's classifieds, finds what the watch rules look for, and tells of it.",
    tags=["classifieds"],
    coalesce=True,
    max_instances=1,
    misfire_grace_time=timedelta(minutes=5),
    timeout=timedelta(seconds=options().scan_timeout) + TO_TELL,
    max_attempts=3,
    backoff=timedelta(minutes=1),
    idempotent=True,
    run_at_startup=True,
    needs=lambda: options().missing(),
    between=(timedelta(minutes=1), timedelta(hours=1)),
)
@task(takes_context=True)
def scan(context: Any, max_pages: int | None = None, category: str = "") -> None:
    """All watched categories, or only `category`; at most `max_pages` of each instead of what the settings say."""
    wanted = scans.Wanted(max_pages=max_pages, category=category, run=context.idempotency_key)
    scans.scan(partial(record, context), wanted)


@scheduled(
    "interval",
    minutes=5,
    id="tell_of_matches",
    name="Tell of matches again",
    description="Sends the notices of the classifieds that could not be sent right after a scan.",
    tags=["classifieds"],
    coalesce=True,
    max_instances=1,
    timeout=TO_TELL,
    idempotent=True,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def tell_of_matches(context: Any) -> None:
    """What still waits, and whose time has come."""
    tell_again(context)


@scheduled(
    "cron",
    hour=3,
    minute=50,
    id="prune_classifieds",
    name="Prune the classifieds",
    description="Deletes listings that were not seen for long, with their matches and notices.",
    tags=["classifieds"],
    coalesce=True,
    max_instances=1,
    timeout=timedelta(hours=1),
    idempotent=True,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def prune_classifieds(context: Any) -> None:
    """As KEEP_LISTINGS_DAYS says."""
    with record(context) as entry:
        prune(entry, timezone.now())
