"""The doors through which scheduling comes in."""

from datetime import timedelta
from typing import Any

from django.tasks import task

from scheduling.registry import paced, scheduled
from tasks.social import prune, sync
from tasks.social.conf import options

ALL = "sync_all_businesses"  # the id of the job
ONE_BUSINESS = timedelta(minutes=30)
LEAST, MOST = timedelta(minutes=15), timedelta(hours=8760)  # from one sync of a business to the next
ATTEMPTS = 3


@scheduled(
    "cron",
    minute=0,
    timezone="UTC",
    id=ALL,
    name="Sync Analytics for All Businesses",
    description="Reads the figures of the latest posts of all businesses.",
    tags=["social"],
    coalesce=True,
    max_instances=1,
    timeout=timedelta(seconds=options().social_sync_timeout),
    max_attempts=ATTEMPTS,
    backoff=timedelta(minutes=2),
    idempotent=True,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def sync_all_businesses_job(context: Any = None) -> dict[str, Any]:
    """Each business in turn; none stops the others."""
    return sync.sync_all(context)


@paced(LEAST, MOST)
@task(takes_context=True, timeout=ONE_BUSINESS, max_attempts=ATTEMPTS, idempotent=True)
def sync_business_job(context: Any, business_id: int) -> dict[str, Any]:
    """All accounts of one business."""
    return sync.sync_one(context, business_id)


@scheduled(
    "cron",
    hour=3,
    minute=40,
    id="prune_social",
    name="Thin out social analytics",
    description="Keeps one reading a day of older posts, and deletes old syncs.",
    tags=["social"],
    coalesce=True,
    max_instances=1,
    timeout=timedelta(hours=1),
    idempotent=True,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def prune_social(context: Any) -> None:
    """As KEEP_READINGS_DAYS and KEEP_SYNCS_DAYS say."""
    prune.prune(context)
