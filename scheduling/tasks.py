"""Rota's own tasks: the history is pruned by a job like any other."""

import logging
import time
from datetime import timedelta
from typing import Any

from django.tasks import task
from django.utils import timezone

from scheduling.conf import options
from scheduling.registry import scheduled
from scheduling.store import notices, retention

logger = logging.getLogger("prune_history")  # the lines of scheduling itself are not kept in the log of a run

PAUSE = 0.05  # seconds between two batches, at least: others get the lock of SQLite, and half of a busy server


@scheduled(
    "cron",
    hour=3,
    minute=40,
    id="prune_history",
    name="Prune history",
    description="Deletes runs, with their logs and records, that are older than their jobs or the settings say.",
    tags=["rota"],
    misfire_grace_time=timedelta(hours=12),  # a host that sleeps at night prunes in the morning
    timeout=timedelta(hours=6),  # of a first pruning, after years; what one night leaves, the next one takes
    priority=-50,
)
@task(takes_context=True, idempotent=True)
def prune_history(context: Any) -> dict[str, int]:
    """Batch after batch until nothing is left to delete, or until cancelled; what is deleted then stays so."""
    now = timezone.now()
    total = sum(rule.runs().count() for rule in retention.rules(now))
    runs, jobs = 0, set[str | None]()
    began = time.monotonic()
    for batch in retention.prune(now):
        took = time.monotonic() - began
        runs += len(batch)
        jobs.update(run.job_id for run in batch)
        context.progress(min(runs, total), total, f"{runs:,} of {total:,} runs deleted")
        time.sleep(max(took, PAUSE))
        began = time.monotonic()
    context.progress(1, text=f"{runs:,} runs deleted")
    workers = retention.prune_workers(now)
    keys, tokens = retention.prune_keys(now), retention.prune_tokens(now)
    logger.info("Deleted %d notices, incidents and pings.", notices.prune(now))
    logger.info(
        "Deleted %s runs of %d jobs, %d workers, %d tokens and %d keys of requests; "
        "KEEP_DAYS is %d, KEEP_UNWELL_DAYS is %d.",
        *(f"{runs:,}", len(jobs - {None}), workers, tokens, keys, options().keep_days, options().keep_unwell_days),
    )
    return {"runs": runs, "jobs": len(jobs - {None}), "workers": workers}
