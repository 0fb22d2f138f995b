"""enqueue: a QUEUED Execution for whoever asks: run now, the API, `task.enqueue()`, a start-up."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from scheduling import registry
from scheduling.exceptions import SchedulingError
from scheduling.models import LONGEST_REASON, Execution, Job, Why
from scheduling.store.batch import announce

logger = logging.getLogger(__name__)


def enqueue(
    job: Job,
    *,
    now: datetime,
    by: str = "",
    why: Why = Why.RUN_NOW,
    arguments: dict[str, Any] | None = None,
    run_after: datetime | None = None,
    reason: str = "",
) -> Execution:
    """Queue a run of `job` now, or not before `run_after`; a paused job runs too when asked by hand.

    `arguments` replace the job's own. Raises UnknownTask and InvalidArguments.
    """
    snapshot = job.snapshot()
    if arguments is not None:
        snapshot["arguments"] = arguments
    registry.check_arguments(job.task, snapshot["arguments"])
    asked = {"why": why, "requested_by": by, "reason": reason[:LONGEST_REASON], "run_after": run_after or now}
    execution = Execution(**snapshot, **asked, created_at=now)
    execution.save(force_insert=True)
    announce()
    return execution


def enqueue_task(rows: Iterable[Execution]) -> list[Execution]:
    """Queue runs that no job asked for; `task.enqueue()` comes here. Returns them with their ids."""
    queued = list(rows)
    if len(queued) == 1:
        queued[0].save(force_insert=True)
    else:
        queued = Execution.objects.bulk_create(queued, batch_size=500)
    announce()
    return queued


def enqueue_at_startup(now: datetime) -> list[Execution]:
    """A run of each job that asks for one whenever the scheduler starts; a job that cannot run stops no start."""
    queued = []
    for job in Job.objects.filter(run_at_startup=True, paused_at=None, parked_reason=""):
        try:
            queued.append(enqueue(job, now=now, why=Why.STARTUP))
        except SchedulingError as error:
            logger.error("Not run at start-up: %s", error, extra={"job": job.pk})
    return queued
