"""What the doctor says of schedulers: none at work, stalled, silent, of another version, on another clock."""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from scheduling.conf import options
from scheduling.doctor import workers
from scheduling.doctor.findings import Severity
from scheduling.doctor.sight import Sight
from scheduling.models import WorkerState
from scheduling.store.workers import boot_id, process_start
from tests.factories import NOON, make_worker

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def at_work(**columns: Any) -> Any:
    return make_worker(**{"version": options().version, "boot_id": boot_id(), **columns})


def codes(behind: timedelta = timedelta()) -> list[str]:
    sight = Sight(NOON, behind)
    return [each.code for examine in workers.EXAMINATIONS for each in examine(sight)]


def test_a_scheduler_at_work_gives_no_reason_to_complain() -> None:
    at_work()
    assert codes() == []


def test_where_none_has_ever_run_it_says_how_to_start_one() -> None:
    (finding,) = workers.nobody(Sight(NOON))
    assert (finding.severity, finding.cure) == (Severity.ERROR, "Start one: manage.py runscheduler")
    assert "ever run" in finding.what


def test_where_none_is_at_work_it_says_since_when() -> None:
    at_work(state=WorkerState.STOPPED, turned_at=NOON - 12 * MINUTE, host="web", pid=7)
    (finding,) = workers.nobody(Sight(NOON))
    assert "since Mon 2026-03-02 11:48:00 UTC (12 min)" in finding.what
    assert "web:7" in finding.what


def test_a_loop_that_hangs_is_no_scheduler_at_work() -> None:
    at_work(turned_at=NOON - MINUTE, pid=4711)
    assert codes() == ["no-scheduler", "loop-stalled"]
    (finding,) = workers.stalled(Sight(NOON))
    assert "py-spy dump --pid 4711" in finding.cure


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"boot_id": "another kernel"}, "cannot reach the database"),
        ({"pid": os.getpid(), "pid_started": -1.0}, "its process is gone"),
        ({"pid": os.getpid(), "pid_started": process_start(os.getpid())}, "cannot reach the database"),
    ],
)
def test_of_a_silent_one_it_says_whether_its_process_is_gone(columns: dict[str, Any], said: str) -> None:
    at_work(heartbeat_at=NOON - MINUTE, running=3, **columns)
    (finding,) = workers.silent(Sight(NOON))
    assert said in finding.what
    assert "It holds 3 runs." in finding.what
    assert "manage.py runscheduler" in finding.cure
    at_work()
    (finding,) = workers.silent(Sight(NOON))
    assert "take over from it within 8 s" in finding.cure


def test_those_that_die_again_and_again_are_named() -> None:
    at_work()
    for minutes in (1, 20, 61):
        make_worker(state=WorkerState.DEAD, stopped_at=NOON - minutes * MINUTE, host="batch")
    assert codes() == []
    make_worker(state=WorkerState.DEAD, stopped_at=NOON - 59 * MINUTE, host="batch")
    (finding,) = workers.dying(Sight(NOON))
    assert finding.what == "3 schedulers died within the last hour, on batch."


def test_a_deploy_that_is_half_done_is_seen() -> None:
    at_work()
    at_work(version="0.0.9", host="old", pid=3)
    (finding,) = workers.versions(Sight(NOON))
    assert finding.what == f"This is Rota {options().version}, but old:3 runs 0.0.9."


@pytest.mark.parametrize(
    ("behind", "severity", "said"),
    [
        (4 * SECOND, None, ""),
        (-4 * SECOND, None, ""),
        (30 * SECOND, Severity.WARNING, "30 s behind"),
        (-2 * MINUTE, Severity.ERROR, "2 min ahead of"),
    ],
)
def test_a_clock_that_is_wrong_is_told(behind: timedelta, severity: Severity | None, said: str) -> None:
    found = list(workers.clock(Sight(NOON, behind)))
    assert [each.severity for each in found] == ([severity] if severity else [])
    assert all(said in each.what for each in found)


def test_a_scheduler_that_writes_from_the_future_has_another_clock() -> None:
    at_work(heartbeat_at=NOON + 4 * SECOND, turned_at=NOON)
    assert codes() == []
    at_work(heartbeat_at=NOON + MINUTE, turned_at=NOON + MINUTE, host="ahead", pid=5)
    (finding,) = workers.ahead(Sight(NOON))
    assert finding.what == "The clock of the scheduler ahead:5 is 1 min ahead of this one."


def test_sqlite_on_two_machines_is_an_error_and_on_two_containers_of_one_is_none() -> None:
    at_work(boot_id=f"{boot_id().split()[0]} pid:[1]")
    assert codes() == []
    at_work(boot_id="another-kernel pid:[1]", host="far", pid=9)
    found = [(each.severity, "far:9" in each.what) for each in workers.several_hosts(Sight(NOON))]
    assert found == ([(Severity.ERROR, True)] if connection.vendor == "sqlite" else [])
