"""The doors through which scheduling comes in."""

from datetime import timedelta
from typing import Any

from django.tasks import task

from scheduling.registry import scheduled
from tasks.tickets.conf import options
from tasks.tickets.pipeline import run_pipeline
from tasks.tickets.stages import DAILY, HOURLY, STAGES

ATTEMPTS = 12  # also after pauses that a service has asked for


@scheduled(
    "cron",
    hour=2,
    minute=0,
    id=DAILY,
    name="Daily Sync",
    description="Fetches support tickets, finds the issues in them, gathers those that are alike, scores the trends.",
    tags=["tickets"],
    max_instances=1,
    idempotent=True,
    timeout=timedelta(seconds=options().pipeline_timeout),
    max_attempts=ATTEMPTS,
    backoff=timedelta(minutes=5),
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def pipeline(
    context: Any,
    stages: list[str] | None = None,
    backfill_days: int | None = None,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """The stages sync, analyze, cluster and trends, or those that are named.

    `backfill_days`: fetch again what changed in so many days; `batch_size`: analyse so many tickets at most.
    """
    return run_pipeline(context, STAGES if stages is None else stages, backfill_days, batch_size)


@scheduled(
    "interval",
    hours=1,
    id=HOURLY,
    name="Hourly Trends",
    description="Lets new issues join their clusters, and scores which clusters rise.",
    tags=["tickets"],
    max_instances=1,
    idempotent=True,
    timeout=timedelta(minutes=30),
    max_attempts=2,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def trends(context: Any) -> dict[str, Any]:
    """The stages cluster and trends, without grouping all issues anew, after the results of message batches."""
    return run_pipeline(context, ("cluster", "trends"), regroup=False, collects=True)
