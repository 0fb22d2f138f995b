"""What the loop tells the world of each run: one log line, and APScheduler's events for its listeners."""

import logging
from collections.abc import Iterable
from typing import Any

from apscheduler import events as ap
from apscheduler.schedulers.base import BaseScheduler

from scheduling import observing
from scheduling.models import Cause, Execution, Job, Queue, State
from scheduling.planning import spoken
from scheduling.snapshots import Outcome, Snapshot
from scheduling.store import Finished, Fired

logger = logging.getLogger("scheduling.runs")


def fired(scheduler: BaseScheduler, what: Fired) -> None:
    """Jobs that had to be parked, and due moments that will not run."""
    for job_id, reason in what.parked.items():
        logger.error("Parked: %s Mend the job in the admin.", reason, extra={"job": job_id})
    skipped(scheduler, [row for row in what.rows if row.state == State.SKIPPED])


def skipped(scheduler: BaseScheduler, rows: Iterable[Execution]) -> None:
    """Due moments that will not run, each with its reason."""
    for row in rows:
        logger.warning("Skipped: %s", row.reason, extra=_who(row.job_id, row.pk))
        if row.cause == Cause.OVERLAP:
            code, event = ap.EVENT_JOB_MAX_INSTANCES, ap.JobSubmissionEvent
            _tell(scheduler, event(code, row.job_id, "default", [row.scheduled_for]))
        elif row.cause == Cause.MISSED:
            _tell(scheduler, ap.JobExecutionEvent(ap.EVENT_JOB_MISSED, row.job_id, "default", row.scheduled_for))


def resumed(scheduler: BaseScheduler, jobs: Iterable[Job], queues: Iterable[Queue]) -> None:
    """Pauses that have ended as planned."""
    for job in jobs:
        logger.info("Resumed: its pause has ended.", extra=_who(job.pk, None))
        modified(scheduler, job.pk)
    for queue in queues:
        logger.info("The queue %s is resumed: its pause has ended.", queue)


def reanchored(jobs: Iterable[Job]) -> None:
    """Jobs that would have slept until a moment that a wrong clock had named."""
    for job in jobs:
        logger.error(
            "The clock had been ahead, and its next run with it; it is computed anew: %s.",
            job.next_run_time,
            extra=_who(job.pk, None),
        )


def submitted(scheduler: BaseScheduler, snapshots: Iterable[Snapshot]) -> None:
    """Runs that have been handed to an executor."""
    for snapshot in snapshots:
        late = snapshot.started_at - snapshot.scheduled_for if snapshot.started_at and snapshot.scheduled_for else None
        attempt = f", attempt {snapshot.attempt}" if snapshot.attempt > 1 else ""
        logger.info(
            "Started %s%s%s",
            snapshot.task,
            attempt,
            f", {spoken(late)} after its moment" if late else "",
            extra=_who(snapshot.job, snapshot.id, snapshot.worker),
        )
        _tell(
            scheduler,
            ap.JobSubmissionEvent(ap.EVENT_JOB_SUBMITTED, snapshot.job, "default", [snapshot.scheduled_for]),
        )


def finished(scheduler: BaseScheduler, what: Finished) -> None:
    """Runs that have ended, and ends that came too late to count."""
    for outcome in what.written:
        _tell_end(scheduler, outcome, what.rows[outcome.id], what.retries.get(outcome.id))
    for outcome in what.refused:
        logger.warning(
            "Refused a late result (%s): the run has a new owner, or has ended. Look at its page.",
            outcome.state,
            extra=_who(None, outcome.id),
        )


def _tell_end(scheduler: BaseScheduler, outcome: Outcome, row: Execution, retry: Execution | None) -> None:
    took = spoken(outcome.finished_at - row.started_at) if row.started_at else "?"
    why = ": ".join(part for part in (outcome.error_class.rpartition(".")[2], outcome.error_message) if part)
    told = " ".join(part for part in (outcome.reason, why) if part)
    again = f" Attempt {retry.attempt} follows." if retry else ""
    level = logging.WARNING if outcome.is_unwell else logging.INFO
    message = f"{State(outcome.state).label} after {took}"
    logger.log(
        level,
        "%s%s%s",
        message,
        f". {told[:300]}" if told else "",
        again,
        extra=_who(row.job_id, row.pk, row.worker_id),
    )
    observing.ended(row, outcome)
    well = outcome.state == State.SUCCEEDED
    code = ap.EVENT_JOB_EXECUTED if well else ap.EVENT_JOB_ERROR
    error = None if well else RuntimeError(told)
    _tell(
        scheduler,
        ap.JobExecutionEvent(
            code, row.job_id, "default", row.scheduled_for, outcome.result, error, outcome.traceback or None
        ),
    )


def added(scheduler: BaseScheduler, job_id: str) -> None:
    """A job has come in through `add_job`."""
    _tell(scheduler, ap.JobEvent(ap.EVENT_JOB_ADDED, job_id, "default"))


def modified(scheduler: BaseScheduler, job_id: str) -> None:
    """A job has been changed, paused or resumed through APScheduler's API."""
    _tell(scheduler, ap.JobEvent(ap.EVENT_JOB_MODIFIED, job_id, "default"))


def removed(scheduler: BaseScheduler, job_id: str) -> None:
    """A job has been removed through APScheduler's API."""
    _tell(scheduler, ap.JobEvent(ap.EVENT_JOB_REMOVED, job_id, "default"))


def all_removed(scheduler: BaseScheduler) -> None:
    """All jobs have been removed through APScheduler's API."""
    _tell(scheduler, ap.SchedulerEvent(ap.EVENT_ALL_JOBS_REMOVED))


def paused(scheduler: BaseScheduler, *, resumed: bool = False) -> None:
    """All queues have been paused, or resumed, through APScheduler's API."""
    _tell(scheduler, ap.SchedulerEvent(ap.EVENT_SCHEDULER_RESUMED if resumed else ap.EVENT_SCHEDULER_PAUSED))


def _tell(scheduler: BaseScheduler, event: Any) -> None:
    scheduler._dispatch_event(event)


def _who(job: str | None, execution: int | None, worker: object = None) -> dict[str, Any]:
    return {"job": job, "execution": execution, "worker": worker and str(worker)}
