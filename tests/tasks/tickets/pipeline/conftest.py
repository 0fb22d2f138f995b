"""Rows of the ticket mine, made without any service; a record to work with; the job that all runs are of."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from scheduling.models import Job
from tasks.recording import Entry, record
from tasks.tickets.models import Cluster, Issue, Ticket
from tests.factories import make_job

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVIL = '<script>alert("x")</script>'

_numbers = count(1)


def make_ticket(**columns: Any) -> Ticket:
    """A saved ticket, opened half an hour ago by default."""
    plain: dict[str, Any] = {
        "ticket_id": next(_numbers),
        "subject": "Export is empty",
        "opened_at": NOW - HOUR / 2,
        "changed_at": NOW,
        "generated_at": 1,
        "content_hash": "x",
        "synced_at": NOW,
    }
    return Ticket.objects.create(**{**plain, **columns})


def make_issue(title: str = "Export is empty", summary: str = "", **columns: Any) -> Issue:
    """A saved issue, of a ticket of its own unless one is named."""
    ticket = columns.pop("ticket", None) or make_ticket(opened_at=columns.get("opened_at", NOW - HOUR / 2))
    plain: dict[str, Any] = {
        "ticket": ticket,
        "title": title,
        "summary": summary,
        "category": "export",
        "severity": "medium",
        "quote": "The file has no rows.",
        "method": "local",
        "opened_at": ticket.opened_at,
        "found_at": NOW,
    }
    return Issue.objects.create(**{**plain, **columns})


def make_cluster(name: str = "Export is empty", **columns: Any) -> Cluster:
    return Cluster.objects.create(**{"name": name, "created_at": NOW, **columns})


@pytest.fixture
def entry(db: None) -> Iterator[Entry]:
    with record(None, "test", task_name="tests") as entry:
        yield entry


@pytest.fixture
def job(db: None) -> Job:
    """The job of the pipeline, as `syncjobs` makes it."""
    return make_job(
        id="daily_sync", name="Daily Sync", task="tasks.tickets.tasks.pipeline", cron="0 2 * * *", max_attempts=3
    )
