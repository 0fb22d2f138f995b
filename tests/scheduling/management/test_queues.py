"""manage.py queues: what each queue holds, to people and to programs, and how it is paused and resumed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from scheduling import store
from scheduling.clock import Clock
from scheduling.management.caller import by
from scheduling.models import Queue, State
from tests.factories import NOON, make_execution, make_worker
from tests.scheduling.management.terminal import said, told

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On the host and in the database."""
    monkeypatch.setattr(Clock, "compare", lambda _: timedelta())
    monkeypatch.setattr(Clock, "now", lambda _: NOON)
    with time_machine.travel(NOON, tick=False):
        yield


def row(queue: str) -> str:
    return next(line for line in said("queues", "list").splitlines() if line.startswith(queue))


def test_a_queue_tells_what_runs_what_waits_and_since_when() -> None:
    worker = make_worker(queues={"default": 4}, heartbeat_at=NOON, turned_at=NOON)
    make_execution(state=State.RUNNING, worker_id=worker.pk, started_at=NOON)
    make_execution(run_after=NOON - 3 * MINUTE)
    make_execution(run_after=NOON + MINUTE)
    assert row("default").split("  ")[0] == "default"
    for words in ("processes (", "1 of 4", "3 min ago"):
        assert words in row("default")
    assert "no scheduler serves it" in row("light")
    assert "No scheduler is at work" not in said("queues", "list")


def test_the_list_is_that_of_the_status() -> None:
    make_worker(queues={"default": 4}, heartbeat_at=NOON, turned_at=NOON)
    make_execution(queue="of old")
    store.ensure_queues()
    store.pause_queue(Queue.objects.get(pk="light"), by="ada", now=NOON, reason="full")
    assert told("queues", "list") == told("scheduler", "status")["queues"]
    shown = [line.split() for line in said("scheduler", "status").splitlines()]
    assert all(line.split() in shown for line in said("queues", "list").splitlines())


def test_that_no_scheduler_is_at_work_is_said() -> None:
    assert "No scheduler is at work" in said("queues", "list")


def test_a_program_is_told_what_changed() -> None:
    until = (NOON + MINUTE).isoformat()
    assert told("queues", "pause", "light", "--for", "1 min") == {
        "queue": "light",
        "changed": True,
        "paused_until": until,
    }
    assert Queue.objects.get(pk="light").paused_by == by()
    answer = told("queues", "resume", "light")
    assert answer == {"queue": "light", "changed": True, "paused_until": None, "missed": 0, "waited": 0}
    assert told("queues", "resume", "light")["changed"] is False
