"""Rows for tests: what a test does not name takes a plain default."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from scheduling.models import Execution, Job, Why, Worker

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
ECHO = "tests.workload.tasks.echo"

_numbers = count(1)


def make_job(**columns: Any) -> Job:
    """A saved Job, every minute by default, whose next run is at noon; `id` and `name` are made up."""
    number = next(_numbers)
    plain: dict[str, Any] = {
        "id": f"job-{number}",
        "name": f"Job {number}",
        "task": ECHO,
        "trigger": "cron",
        "cron": "* * * * *",
        "next_run_time": NOON,
        "fired_until": NOON - timedelta(seconds=1),
        "anchored_at": NOON - timedelta(days=1),
    }
    return Job.objects.create(**{**plain, **columns})


def make_execution(job: Job | None = None, **columns: Any) -> Execution:
    """A saved Execution, queued at noon by default."""
    policy = job.snapshot() if job else {"task": ECHO, "max_instances": None}
    plain: dict[str, Any] = {**policy, "why": Why.RUN_NOW, "run_after": NOON, "created_at": NOON}
    return Execution.objects.create(**{**plain, **columns})


def make_worker(**columns: Any) -> Worker:
    """A saved Worker that is alive, on a host of its own."""
    plain: dict[str, Any] = {
        "host": "elsewhere",
        "pid": 1,
        "pid_started": 0.0,
        "boot_id": "another kernel",
        "version": "0",
        "slots": 4,
        "heartbeat_at": NOON,
        "turned_at": NOON,
        "started_at": NOON,
    }
    return Worker.objects.create(**{**plain, **columns})
