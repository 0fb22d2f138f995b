"""What `from scheduling import …` gives to programs: one scheduler for each process, and calls on the jobs of all.

The calls on jobs edit the table at once, wherever the jobs run; only `start_scheduler()` makes this process run jobs.
"""

import atexit
import logging
import os
import sys
import threading
from typing import Any

from apscheduler.schedulers import SchedulerAlreadyRunningError
from django.utils import timezone

from scheduling.background import BackgroundScheduler
from scheduling.conf import options
from scheduling.coroutines import anywhere
from scheduling.health import turning
from scheduling.jobstore import TableJob
from scheduling.loop import FENCED

logger = logging.getLogger(__name__)

AT_EXIT = 20.0  # seconds that runs are given at most when the interpreter ends; gunicorn kills it after 30

scheduler = BackgroundScheduler()
_initialized = threading.Event()


def initialize_scheduler() -> BackgroundScheduler:
    """The scheduler of this process, for get_scheduler() to find. Asks nothing of the database; may be called again."""
    _initialized.set()
    return scheduler


def get_scheduler() -> BackgroundScheduler:
    """The one scheduler of this process. Raises RuntimeError before initialize_scheduler()."""
    if not _initialized.is_set():
        raise RuntimeError("The scheduler is not initialized: call initialize_scheduler() or start_scheduler() first.")
    return scheduler


def start_scheduler(paused: bool = False) -> BackgroundScheduler:
    """Run jobs in the background of this process, if it does not yet; see BackgroundScheduler.start()."""
    initialize_scheduler()
    try:
        scheduler.start(paused)
    except SchedulerAlreadyRunningError:
        logger.info("The scheduler of this process runs already.")
    return scheduler


setup_scheduler = start_scheduler  # as one of the guides calls it


def shutdown_scheduler(wait: bool = True) -> None:
    """End what start_scheduler() has begun, if anything; see BackgroundScheduler.shutdown()."""
    if scheduler.running:
        scheduler.shutdown(wait)


@anywhere
def is_scheduler_running() -> bool:
    """Whether jobs are run: by this process, or by another scheduler of this installation that is at work.

    `get_scheduler().running` tells of this process alone.
    """
    return scheduler.running or bool(turning(timezone.now()))


def get_scheduled_jobs() -> list[TableJob]:
    """All jobs, in the order of their next run."""
    return scheduler.get_jobs()


def get_job_status() -> list[dict[str, Any]]:
    """All jobs for a page or a script: id, name, next_run (ISO 8601, or None), trigger in words, and state."""
    return [
        {
            "id": job.id,
            "name": job.name,
            "next_run": job.next_run_time.isoformat() if job.next_run_time else None,
            "trigger": str(job.trigger),
            "state": job.state,
        }
        for job in scheduler.get_jobs()
    ]


def pause_job(job_id: str) -> TableJob:
    """Stop the job from firing. Raises JobLookupError."""
    return scheduler.pause_job(job_id)


def resume_job(job_id: str, missed: str = "none") -> TableJob:
    """Let the job fire again; `missed` (none, latest, all) of the moments that passed run. Raises JobLookupError."""
    return scheduler.resume_job(job_id, missed=missed)


def remove_job(job_id: str) -> None:
    """Delete the job; its history stays. Raises JobLookupError."""
    scheduler.remove_job(job_id)


def end_with_the_interpreter() -> None:
    """Runs get their grace, the rest is handed back; a thread that does not listen ends with the process."""
    if not scheduler.running:
        return
    scheduler.end(min(options().stop_grace, AT_EXIT))
    if scheduler.abandons:
        logger.critical("Runs in threads did not listen when they were told to stop: the process ends with them.")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(FENCED)


# Before the interpreter waits for the threads of pools, as atexit would not be: those would be waited for without end.
getattr(threading, "_register_atexit", atexit.register)(end_with_the_interpreter)
