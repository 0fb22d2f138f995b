"""Jobs whose schedules are edited in the admin; and for programs, APScheduler's calls on them.

The names of `__all__` are loaded when they are first asked for, since models cannot be before Django's apps are ready.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.core.exceptions import AppRegistryNotReady

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.date import DateTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    from scheduling.door import (
        get_job_status,
        get_scheduled_jobs,
        get_scheduler,
        initialize_scheduler,
        is_scheduler_running,
        pause_job,
        remove_job,
        resume_job,
        scheduler,
        setup_scheduler,
        shutdown_scheduler,
        start_scheduler,
    )
    from scheduling.webstart import start_in_web

__all__ = [
    "CronTrigger",
    "DateTrigger",
    "IntervalTrigger",
    "get_job_status",
    "get_scheduled_jobs",
    "get_scheduler",
    "initialize_scheduler",
    "is_scheduler_running",
    "pause_job",
    "remove_job",
    "resume_job",
    "scheduler",
    "setup_scheduler",
    "shutdown_scheduler",
    "start_in_web",
    "start_scheduler",
]
ELSEWHERE = {  # the modules of those that are not in scheduling.door
    "CronTrigger": "apscheduler.triggers.cron",
    "DateTrigger": "apscheduler.triggers.date",
    "IntervalTrigger": "apscheduler.triggers.interval",
    "start_in_web": "scheduling.webstart",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(ELSEWHERE.get(name, "scheduling.door")), name)
    except AppRegistryNotReady as error:
        error.add_note(f"A program of its own calls django.setup() before it imports {name} from scheduling.")
        raise
