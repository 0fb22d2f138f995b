"""A job of 02:00 in Berlin, and rows of its past, for what is said of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from scheduling.explain import Answer
from scheduling.models import Cause, Execution, Job, State, Why, Worker
from tests.factories import NOON, make_execution, make_job, make_worker

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
TWO = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # 02:00 in Berlin, ten hours before NOON
TOMORROW = TWO + timedelta(days=1)


def nightly(**columns: Any) -> Job:
    """A job that runs at 02:00 in Berlin, and has fired all up to noon."""
    plain = {"trigger": "cron", "cron": "0 2 * * *", "timezone": BERLIN, "next_run_time": TOMORROW, "fired_until": TWO}
    job = make_job(**{**plain, **columns})
    Job.objects.filter(pk=job.pk).update(created_at=columns.get("created_at", NOON - timedelta(days=100)))
    job.refresh_from_db()
    return job


def alive(now: datetime = NOON, **columns: Any) -> Worker:
    return make_worker(**{"queues": {"default": 4}, "heartbeat_at": now, "turned_at": now, **columns})


def row(job: Job, at: datetime = TWO, **columns: Any) -> Execution:
    plain = {"why": Why.SCHEDULE, "scheduled_for": at, "run_after": at, "created_at": at}
    return make_execution(job, **{**plain, **columns})


def ran(job: Job, at: datetime = TWO, late: timedelta = SECOND, **columns: Any) -> Execution:
    plain = {"state": State.SUCCEEDED, "started_at": at + late, "finished_at": at + late + 3 * MINUTE}
    return row(job, at, **{**plain, **columns})


def skipped(job: Job, cause: Cause, reason: str, at: datetime = TWO, **columns: Any) -> Execution:
    plain = {"state": State.SKIPPED, "cause": cause, "reason": reason, "finished_at": at, "created_at": at}
    return row(job, at, **{**plain, **columns})


def succeed(run: Execution) -> None:
    """By the only way that leads from queued to succeeded."""
    this = Execution.objects.filter(pk=run.pk)
    this.update(state=State.RUNNING, worker=alive(), started_at=NOON)
    this.update(state=State.SUCCEEDED, finished_at=NOON)


def said(answer: Answer) -> str:
    return " ".join(answer.sentences)
