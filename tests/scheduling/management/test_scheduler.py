"""manage.py scheduler: at work or not, healthy or not; to people, to programs, and by the exit code."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from scheduling import store
from scheduling.clock import Clock
from scheduling.doctor.findings import Finding, error, info, warning
from scheduling.management.scheduler import doctor, status
from scheduling.models import Queue, State, WorkerState
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On the host and in the database."""
    monkeypatch.setattr(Clock, "compare", lambda _: timedelta())
    monkeypatch.setattr(Clock, "now", lambda _: NOON)
    with time_machine.travel(NOON, tick=False):
        yield


def asked(*command: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    out = StringIO()
    try:
        call_command("scheduler", *command, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


# status


def test_a_scheduler_whose_loop_turns_is_0_and_tells_all() -> None:
    make_worker(host="batch", pid=4711, queues={"default": 4}, slots=4, running=1, version="1.2")
    make_job(id="films", next_run_time=NOON + MINUTE)
    code, shown = asked("status")
    assert code == 0
    for words in ("Running", "batch  4711  alive  1 of 4  default (4)", "films, in 60 s", "1.2"):
        assert words in shown


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (None, "No scheduler has ever run here."),
        ({"state": WorkerState.STOPPED, "turned_at": NOON - MINUTE}, "the last one, elsewhere:1, turned 1 min ago"),
        ({"state": WorkerState.STOPPING}, "No scheduler is at work"),
        ({"heartbeat_at": NOON - MINUTE, "turned_at": NOON - MINUTE}, "No scheduler is at work"),
        ({"turned_at": NOON - MINUTE}, "The loop of the scheduler elsewhere:1 has stalled: it last turned 1 min ago."),
    ],
)
def test_where_no_loop_turns_the_code_is_1(columns: dict[str, Any] | None, said: str) -> None:
    if columns is not None:
        make_worker(**columns)
    code, shown = asked("status")
    assert (code, said in shown) == (1, True)
    code, shown = asked("status", "--json")
    assert (code, json.loads(shown)["running"]) == (1, False)


def test_one_that_turns_is_enough_beside_one_that_has_stalled() -> None:
    make_worker(turned_at=NOON - MINUTE)
    make_worker()
    assert asked("status")[0] == 0


def test_a_program_is_told_the_depth_of_each_queue() -> None:
    worker = make_worker(queues={"default": 4, "extra": 2})
    make_execution(run_after=NOON - 3 * MINUTE)
    make_execution()
    make_execution(run_after=NOON + MINUTE)
    make_execution(state=State.RUNNING, worker_id=worker.pk, started_at=NOON)
    make_execution(queue="of old")
    make_job(id="late", next_run_time=NOON)
    make_job(id="held", next_run_time=NOON, queue="light")
    make_job(id="films", next_run_time=NOON + MINUTE)
    store.ensure_queues()
    store.pause_queue(Queue.objects.get(pk="light"), by="ada", now=NOON, reason="full")
    told = json.loads(asked("status", "--json")[1])
    queues = {each["name"]: each for each in told["queues"]}
    assert queues["default"] == {
        "name": "default",
        "executor": "processes",
        "slots": 4,
        "places": 4,
        "running": 1,
        "due": 2,
        "later": 1,
        "oldest_due": "2026-03-02T11:57:00+00:00",
        "paused_at": None,
        "paused_until": None,
        "paused_by": None,
        "paused_reason": None,
    }
    assert (queues["of old"]["due"], queues["of old"]["places"], queues["extra"]["places"]) == (1, 0, 2)
    assert queues["light"]["paused_at"] == NOON.isoformat()
    assert (told["due"], told["next"]) == (1, {"job": "films", "next_run_time": (NOON + MINUTE).isoformat()})
    shown = asked("status")[1]
    assert "paused now by ada: full" in shown
    assert "not configured" in shown


def test_a_database_that_does_not_answer_is_5_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> Any:
        raise OperationalError("connection to postgresql://rota:hunter22@db/x failed\nIs it running?")

    monkeypatch.setattr(status, "look", fails)
    out = StringIO()
    with pytest.raises(CommandError, match="not ready") as end:
        call_command("scheduler", "status", "--json", stdout=out)
    assert end.value.returncode == 5
    told = json.loads(out.getvalue())
    assert (told["running"], "hunter22" in out.getvalue(), "doctor" in told["error"]) == (False, False, True)


def test_the_databases_clock_decides_who_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    make_worker(heartbeat_at=NOON + 60 * MINUTE, turned_at=NOON + 60 * MINUTE)
    monkeypatch.setattr(Clock, "now", lambda _: NOON + 60 * MINUTE)
    assert asked("status")[0] == 0
    monkeypatch.setattr(Clock, "now", lambda _: NOON + 61 * MINUTE)
    assert asked("status")[0] == 1


# doctor


@pytest.mark.parametrize(
    ("findings", "code", "summary"),
    [
        ([], 0, "Healthy: nothing is wrong, of "),
        ([info("a", "By the way.", "look")], 0, "Healthy: 1 remark, of "),
        ([warning("a", "Odd.", "mend"), warning("b", "Odd.", "mend")], 1, "Not well: 2 warnings, of "),
        (
            [error("a", "Broken [bold].", "mend [it]"), info("b", "By the way.", "look")],
            1,
            "Not well: 1 error, 1 remark",
        ),
    ],
)
def test_remarks_are_no_illness(
    findings: list[Finding], code: int, summary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "diagnose", lambda _: findings)
    found, shown = asked("doctor")
    assert (found, summary in shown) == (code, True)
    assert all(each.what in shown and f"→ {each.cure}" in shown and each.code in shown for each in findings)
    found, shown = asked("doctor", "--json")
    told = json.loads(shown)
    assert (found, told["healthy"], len(told["findings"])) == (code, not code, len(findings))


def test_a_program_gets_each_finding_with_its_cure() -> None:
    code, shown = asked("doctor", "--json")
    found = {each["code"]: each for each in json.loads(shown)["findings"]}
    assert code == 1
    assert found["no-scheduler"] == {
        "severity": "error",
        "code": "no-scheduler",
        "what": "No scheduler has ever run here: no job runs.",
        "cure": "Start one: manage.py runscheduler",
    }


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_is_missing_is_mended() -> None:
    table = connection.ops.quote_name("scheduling_execution")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER rota_states{f' ON {table}' if connection.vendor == 'postgresql' else ''}")
    assert "wall-missing" in asked("doctor")[1]
    assert "wall-missing" not in asked("doctor", "--mend")[1]
    assert "wall-missing" not in asked("doctor")[1]
