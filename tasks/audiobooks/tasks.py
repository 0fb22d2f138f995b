"""The doors through which scheduling comes in: the seven jobs of the source system, and one that downloads."""

from datetime import timedelta
from typing import Any

from django.tasks import task
from django.utils import timezone

from scheduling.registry import scheduled
from tasks.audiobooks import completion, discovery, downloads, metadata, records
from tasks.audiobooks.conf import options
from tasks.recording import record

MISSED = timedelta(minutes=15)  # how late a run may still start, as in the source system
COMMON: dict[str, Any] = {
    "tags": ["audiobooks"],
    "coalesce": True,
    "max_instances": 1,
    "misfire_grace_time": MISSED,
    "idempotent": True,
}
ASKING: dict[str, Any] = {  # of those that ask outside services
    **COMMON,
    "timeout": timedelta(hours=6),
    "max_attempts": 4,
    "backoff": timedelta(minutes=5),
    "needs": lambda: options().missing(),
}
ENDURING: dict[str, Any] = {  # of those that come so seldom that they wait for the end of an outage
    **ASKING,
    "max_attempts": 8,  # with these waits, in about two days
    "backoff": timedelta(hours=1),
    "backoff_max": timedelta(hours=12),
}


@scheduled(
    "cron",
    hour=2,
    minute=0,
    id="mam_scraping",
    name="Daily MAM Scraping",
    description="Finds audiobooks that are new in the catalogue.",
    **ASKING,
)
@task(takes_context=True)
def mam_scraping_task(context: Any) -> None:
    """What was finished since two days before the last success."""
    with record(context) as entry:
        discovery.find_new(entry, run=context.idempotency_key, now=timezone.now())


@scheduled(
    "cron",
    day_of_week="sun",
    hour=3,
    minute=0,
    id="top10_discovery",
    name="Weekly Top-10 Discovery",
    description="Ranks the most wanted audiobooks of each enabled genre, and queues those that are not here.",
    **ENDURING,
)
@task(takes_context=True)
def top10_discovery_task(context: Any) -> None:
    """One search for each enabled genre."""
    with record(context) as entry:
        discovery.find_top(entry, now=timezone.now())


@scheduled(
    "cron",
    day=1,
    hour=4,
    minute=0,
    id="metadata_full",
    name="Monthly Full Metadata Refresh",
    description="Asks the sources of metadata about all books.",
    **ENDURING,
)
@task(takes_context=True)
def metadata_full_refresh_task(context: Any) -> None:
    """All books, from where an attempt was cut short."""
    with record(context) as entry:
        metadata.refresh_all(entry, run=context.idempotency_key, now=timezone.now())


@scheduled(
    "cron",
    day_of_week="sun",
    hour=4,
    minute=30,
    id="metadata_new",
    name="Weekly New Books Metadata Refresh",
    description="Asks the sources of metadata about the books of the last days.",
    **ENDURING,
)
@task(takes_context=True)
def metadata_new_books_task(context: Any) -> None:
    """Books that were added in the last NEW_BOOKS_DAYS."""
    with record(context) as entry:
        metadata.refresh_new(entry, run=context.idempotency_key, now=timezone.now())


@scheduled(
    "cron",
    day=2,
    hour=3,
    minute=0,
    id="series_completion",
    name="Monthly Series Completion",
    description="Finds the books that are missing in series, and queues those that the catalogue has.",
    **ENDURING,
)
@task(takes_context=True)
def series_completion_task(context: Any) -> None:
    """Each series of which a book is here."""
    with record(context) as entry:
        completion.complete_series(entry, run=context.idempotency_key, now=timezone.now())


@scheduled(
    "cron",
    day=3,
    hour=3,
    minute=0,
    id="author_completion",
    name="Monthly Author Completion",
    description="Finds the audiobooks that are missing of authors, and queues those that the catalogue has.",
    **ENDURING,
)
@task(takes_context=True)
def author_completion_task(context: Any) -> None:
    """Each author of whom a book is here."""
    with record(context) as entry:
        completion.complete_authors(entry, run=context.idempotency_key, now=timezone.now())


@scheduled(
    "cron",
    hour=1,
    minute=0,
    id="cleanup_tasks",
    name="Daily Task Cleanup",
    description="Deletes the records of these jobs that are older than KEEP_RECORDS_DAYS.",
    timeout=timedelta(hours=1),
    **COMMON,
)
@task(takes_context=True)
def cleanup_old_tasks(context: Any) -> None:
    """Records of audiobook jobs; of work that goes on none."""
    with record(context) as entry:
        records.clean_up(entry, now=timezone.now())


@scheduled(
    "interval",
    minutes=10,
    id="download_audiobooks",
    name="Download audiobooks",
    description="Fetches what is queued into the library.",
    **{**ASKING, "timeout": timedelta(seconds=options().download_timeout)},
)
@task(takes_context=True)
def download_audiobooks_task(context: Any) -> None:
    """All that is queued, one after the other, from where each was cut short."""
    with record(context) as entry:
        downloads.download_queued(entry, now=timezone.now())
