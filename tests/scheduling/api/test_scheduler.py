"""Whether a scheduler runs, and what comes next, at our own addresses and at those of the source systems."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling.api import scheduler
from scheduling.models import WorkerState
from tests.factories import NOON, make_job, make_worker
from tests.scheduling.api.caller import Caller, queries

pytestmark = pytest.mark.django_db
MAY = ("view_job", "view_worker", "view_execution")
LONG = timedelta(hours=1)


@pytest.fixture
def caller() -> Caller:
    return Caller(*MAY)


def at_work(**columns: Any) -> Any:
    now = timezone.now()
    return make_worker(**{"heartbeat_at": now, "turned_at": now, **columns})


def test_it_runs_while_a_loop_turns(caller: Caller) -> None:
    worker = at_work(queues={"default": 4}, running=1)
    status = caller.get("scheduler/status").json()["status"]
    assert status["running"] is True
    (told,) = status["workers"]
    assert (told["id"], told["state"], told["queues"], told["running"]) == (str(worker.pk), "alive", {"default": 4}, 1)


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({"heartbeat_at": NOON}, "silent"),
        ({"turned_at": NOON}, "stalled"),
        ({"state": WorkerState.STOPPING}, "stopping"),
    ],
)
def test_it_does_not_run_while_a_worker_only_lives(caller: Caller, columns: dict[str, Any], state: str) -> None:
    """A beating heart is not enough: nothing starts unless a loop turns."""
    at_work(**columns)
    status = caller.get("scheduler/status").json()["status"]
    assert status["running"] is False
    assert [each["state"] for each in status["workers"]] == [state]
    assert caller.get("/api/tasks/scheduler/status").json()["running"] is False


def test_those_that_have_stopped_are_not_told(caller: Caller) -> None:
    make_worker(state=WorkerState.STOPPED, stopped_at=NOON)
    make_worker(state=WorkerState.DEAD, stopped_at=NOON)
    assert caller.get("scheduler/status").json()["status"]["workers"] == []


def test_jobs_come_in_the_order_of_their_next_run(caller: Caller) -> None:
    make_job(id="idle", next_run_time=None, paused_at=NOON)
    make_job(id="later", next_run_time=NOON + LONG)
    make_job(id="first", name="First of all", next_run_time=NOON)
    told = caller.get("scheduler/jobs").json()
    assert told["jobs"][0] == {
        "id": "first",
        "name": "First of all",
        "next_run_time": "2026-03-02T12:00:00Z",
        "trigger": "Every minute",
        "paused": False,
    }
    assert [(job["id"], job["paused"]) for job in told["jobs"][1:]] == [("later", False), ("idle", True)]
    status = caller.get("scheduler/status").json()["status"]
    assert (status["jobs"], status["total"]) == (told["jobs"], 3)
    theirs = caller.get("/api/tasks/scheduler/status").json()["jobs"]
    assert [(job["name"], job["next_run"]) for job in theirs][:1] == [("First of all", "2026-03-02T12:00:00Z")]


def test_of_very_many_jobs_the_first_are_told_and_all_are_counted(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = queries(lambda: caller.get("scheduler/status"))
    monkeypatch.setattr(scheduler, "MOST", 2)
    for hours in range(3):
        make_job(id=f"job-at-{hours}", next_run_time=NOON + hours * LONG)
    told = caller.get("scheduler/jobs").json()
    assert ([job["id"] for job in told["jobs"]], told["total"]) == (["job-at-0", "job-at-1"], 3)
    assert queries(lambda: caller.get("scheduler/status")) == few


def test_a_schedule_that_cannot_be_read_any_more_hides_no_other(caller: Caller) -> None:
    make_job(id="broken", cron="every so often", timezone="Mars/Olympus")
    make_job(id="sound")
    told = {job["id"]: job["trigger"] for job in caller.get("scheduler/jobs").json()["jobs"]}
    assert told["sound"] == "Every minute"
    assert told["broken"].startswith("Cannot be read: ")


def test_each_address_needs_its_permissions() -> None:
    """The doorkeeper's own tests try the rest."""
    of_jobs, of_workers = Caller("view_job"), Caller("view_worker")
    assert of_jobs.get("scheduler/jobs").status_code == 200
    assert of_workers.get("scheduler/jobs").status_code == 403
    for path in ("scheduler/status", "/api/tasks/scheduler/status"):
        assert of_jobs.get(path).status_code == of_workers.get(path).status_code == 403
