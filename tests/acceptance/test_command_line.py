"""The command line as an operator and his scripts use it, with real schedulers: waiting, following, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from scheduling.models import Execution, State, Worker
from tests.acceptance.rota import PATIENCE, ROOT, Rota

pytestmark = pytest.mark.sqlite_only

STALLING = """
from tests.settings import *
from apscheduler.events import EVENT_JOB_SUBMITTED
from apscheduler.schedulers.base import BaseScheduler
import threading

def tell(self, event):
    if event.code == EVENT_JOB_SUBMITTED:
        threading.Event().wait()

BaseScheduler._dispatch_event = tell
"""
BRISK = {"HEARTBEAT": "0.2", "STALE_AFTER": "1", "POLL": "0.2"}


def manage(rota: Rota, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    given = {**rota.environment, **environment}
    return subprocess.run(
        command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
    )


def started(rota: Rota, *arguments: str) -> "subprocess.Popen[str]":
    """A command that a test may interrupt."""
    command = [sys.executable, "manage.py", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=rota.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    rota.processes.append(process)  # type: ignore[arg-type]
    return process


def test_a_script_waits_for_a_run_and_learns_by_the_exit_code_how_it_ended(rota: Rota) -> None:
    rota.job("echo", id="well", arguments={"value": {"seen": 3}})
    rota.job("fail_until", id="second", arguments={"attempt": 2}, max_attempts=3, backoff="0")
    rota.job("fail", id="ill")
    rota.start()
    well = manage(rota, "jobs", "run", "well", "--wait")
    assert (well.returncode, "succeeded" in well.stdout, '{"seen": 3}' in well.stdout) == (0, True, True), well.stderr
    second = manage(rota, "jobs", "run", "second", "--wait", "--json")
    assert (second.returncode, json.loads(second.stdout)["attempt"]) == (0, 2), second.stderr
    ill = manage(rota, "jobs", "run", "ill", "--wait", "--arg", "message=the upstream said no")
    assert (ill.returncode, "failed" in ill.stderr, "the upstream said no" in ill.stderr) == (1, True, True)
    again = manage(rota, "executions", "retry", str(Execution.objects.latest("pk").pk), "--wait")
    assert (again.returncode, "the upstream said no" in again.stderr) == (1, True)


def test_ctrl_c_ends_the_waiting_and_not_the_run(rota: Rota) -> None:
    rota.job("sleep", id="long", arguments={"seconds": 60})
    rota.start()
    waiting = started(rota, "jobs", "run", "long", "--wait")
    rota.until(lambda: Execution.objects.filter(job="long", state=State.RUNNING).exists())
    run = Execution.objects.get(job="long")
    following = started(rota, "executions", "logs", str(run.pk), "--follow")
    assert following.stdout is not None
    assert "still" in following.stdout.readline()  # while it runs
    for process in (waiting, following):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert f"Run #{run.pk} goes on without you." in said
        assert f"manage.py executions cancel {run.pk}" in said
    assert rota.state(run) == State.RUNNING
    assert manage(rota, "executions", "cancel", str(run.pk)).returncode == 0
    assert rota.ended(run).state == State.CANCELLED


def test_a_log_is_followed_to_the_end_of_its_run(rota: Rota) -> None:
    run = rota.ask("sleep", arguments={"seconds": 1.5})
    following = started(rota, "executions", "logs", f"#{run.pk}", "--follow")  # it waits in the queue as yet
    rota.start()
    lines, end = following.communicate(timeout=PATIENCE)
    assert following.returncode == 0, end
    assert lines.count("still") == len(set(lines.splitlines())) > 3  # each once
    assert f"Run #{run.pk} of sleep: succeeded" in end


def test_status_tells_a_dead_scheduler_from_a_living_one(rota: Rota) -> None:
    assert manage(rota, "scheduler", "status").returncode == 1
    process = rota.start(**BRISK)
    alive = manage(rota, "scheduler", "status", "--json", **BRISK)
    assert (alive.returncode, json.loads(alive.stdout)["workers"][0]["pid"]) == (0, process.pid), alive.stderr
    process.kill()
    process.wait()
    rota.until(lambda: manage(rota, "scheduler", "status", **BRISK).returncode == 1)
    found = json.loads(manage(rota, "scheduler", "doctor", "--json", **BRISK).stdout)["findings"]
    by_code = {each["code"]: each for each in found}
    assert by_code["no-scheduler"]["severity"] == "error"
    assert "its process is gone" in by_code["worker-silent"]["what"]


def test_status_and_doctor_see_a_loop_that_stalls_while_its_heart_beats(rota: Rota, tmp_path: Path) -> None:
    """A listener of APScheduler's that never comes back holds up the loop, not the heartbeat."""
    (tmp_path / "stalling.py").write_text(STALLING)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    stalling = {"DJANGO_SETTINGS_MODULE": "stalling", "PYTHONPATH": path}
    process = rota.start(**BRISK, **stalling)
    assert manage(rota, "scheduler", "status", **BRISK).returncode == 0
    rota.ask("echo")  # its start is told to the listeners
    stalled: Any = rota.until(lambda: _stalled(rota))
    assert (stalled["pid"], stalled["state"]) == (process.pid, "stalled")
    shown = manage(rota, "scheduler", "status", **BRISK)
    assert (shown.returncode, "has stalled" in shown.stdout) == (1, True)
    beat = Worker.objects.get().heartbeat
    rota.until(lambda: Worker.objects.get().heartbeat > beat)  # and yet it lives
    told = manage(rota, "scheduler", "doctor", **BRISK)
    assert (told.returncode, f"py-spy dump --pid {process.pid}" in told.stdout) == (1, True)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("scheduler", "doctor"), 1),  # that is what it looks for
        (("scheduler", "status"), 5),
        (("jobs", "list"), 5),
        (("queues", "list"), 5),
        (("notices", "list"), 5),
        (("explain", "films"), 5),
        (("backfill", "films", "--from=2026-01-01", "--dry-run"), 5),
        (("runscheduler", "--once"), 5),
    ],
)
def test_a_database_that_is_not_there_is_an_answer_and_no_traceback(
    rota: Rota, command: tuple[str, ...], code: int
) -> None:
    answer = manage(rota, *command, DATABASE_URL="postgresql://rota:hunter22@127.0.0.1:1/rota")
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "hunter22" not in answer.stdout + answer.stderr
    assert "refused" in answer.stdout + answer.stderr


@pytest.mark.parametrize("command", [("jobs", "list"), ("explain", "job-0"), ("scheduler", "doctor")])
def test_a_reader_that_has_gone_is_no_reason_for_a_traceback(rota: Rota, command: tuple[str, ...]) -> None:
    """What `… | head -3` does: the pipe is closed before all is written."""
    for number in range(3):
        rota.job("echo", id=f"job-{number}")
    process = started(rota, *command)
    assert process.stdout is not None
    process.stdout.close()  # before the first word, so that it does not depend on who is faster
    process.stdout = None
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (141, "")


def test_a_database_that_somebody_holds_locked_is_found_by_the_doctor(rota: Rota) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has a single lock")
    with connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            told = manage(rota, "scheduler", "doctor", "--json")
        finally:
            cursor.execute("ROLLBACK")
    assert told.returncode == 1
    assert "database-locked" in [each["code"] for each in json.loads(told.stdout)["findings"]]


def _stalled(rota: Rota) -> Any:
    told = json.loads(manage(rota, "scheduler", "status", "--json", **BRISK).stdout)
    return next((each for each in told["workers"] if each["state"] == "stalled"), None)
