"""`manage.py runscheduler` as a process: its options, its signals, its death."""

import os
import signal
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import psutil
import pytest
from django.utils import timezone

from scheduling.models import Execution, State, Worker, WorkerState
from tests.acceptance.rota import Rota


def test_once_runs_what_is_due_and_ends(rota: Rota) -> None:
    run = rota.ask("sleep", arguments={"seconds": 0.5})
    assert rota.run("runscheduler", "--once") == 0
    assert rota.state(run) == State.SUCCEEDED
    assert Worker.objects.get().state == WorkerState.STOPPED


def test_once_says_by_its_exit_code_that_a_run_failed(rota: Rota) -> None:
    rota.ask("fail")
    rota.ask("echo")
    assert rota.run("runscheduler", "--once") == 1
    assert Counter(Execution.objects.values_list("state", flat=True)) == {"failed": 1, "succeeded": 1}


def test_only_the_chosen_queues_are_served(rota: Rota) -> None:
    light = rota.ask("echo", id="a", queue="light")
    default = rota.ask("echo", id="b", queue="default")
    assert rota.run("runscheduler", "--once", "--queues", "light") == 0
    assert (rota.state(light), rota.state(default)) == (State.SUCCEEDED, State.QUEUED)
    assert rota.run("runscheduler", "--queues", "heavy") == 2
    assert "No queue 'heavy' is configured" in rota.log.read_text()


def test_jobs_that_ask_for_it_run_at_start_up_unless_told_not_to(rota: Rota) -> None:
    rota.job("echo", run_at_startup=True)
    assert rota.run("runscheduler", "--once", "--skip-initial") == 0
    assert Execution.objects.count() == 0
    assert rota.run("runscheduler", "--once") == 0
    assert Execution.objects.get().why == "startup"


def test_the_banner_and_a_line_for_each_start_and_end(rota: Rota) -> None:
    run = rota.ask("echo", id="greet")
    assert rota.run("runscheduler", "--once", LOG_FORMAT="json", LOG_FILE=rota.path("scheduler.log")) == 0
    text = rota.log.read_text()
    for word in ("Database", "Queues", "default (4 processes)", "Jobs", "Next run"):
        assert word in text
    lines = [line for line in rota.lines("scheduler.log") if f'"execution": {run.pk}' in line]
    assert "Started tests.workload.tasks.echo" in lines[0]
    assert "Succeeded after" in lines[1]
    assert all('"job": "greet"' in line and '"worker": "' in line for line in lines)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_running_tasks_end_and_starts_no_new_ones(rota: Rota, how: int) -> None:
    process = rota.start("--workers", "1")
    going = rota.ask("sleep", id="going", arguments={"seconds": 1.5})
    waiting = rota.ask("echo", id="waiting")
    rota.until(lambda: rota.state(going) == State.RUNNING)
    assert rota.stop(process, how) == 0
    assert (rota.state(going), rota.state(waiting)) == (State.SUCCEEDED, State.QUEUED)
    assert Worker.objects.get().state == WorkerState.STOPPED


def test_after_the_grace_the_rest_is_handed_back(rota: Rota) -> None:
    process = rota.start(STOP_GRACE="0.5")
    arguments = {"seconds": 60, "path": rota.path("marks")}
    harmless = rota.ask("sleep_idempotent", arguments=arguments, idempotent=True)
    delicate = rota.ask("sleep", arguments={"seconds": 60})
    rota.until(lambda: Execution.objects.filter(state=State.RUNNING).count() == 2)
    assert rota.stop(process, within=5) == 0
    assert rota.ended(harmless).state == rota.ended(delicate).state == State.LOST
    assert "scheduler was stopped" in delicate.reason
    again = Execution.objects.get(state=State.QUEUED)
    assert (again.root, again.why, again.attempt) == (harmless, "rescue", 2)


def test_a_second_signal_stops_at_once(rota: Rota) -> None:
    process = rota.start(STOP_GRACE="60")
    run = rota.ask("sleep", arguments={"seconds": 60})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    process.send_signal(signal.SIGTERM)
    rota.until(lambda: Worker.objects.get().state == WorkerState.STOPPING)
    assert rota.stop(process, within=4) == 0
    assert rota.state(run) == State.LOST


def test_threads_that_do_not_listen_cannot_hold_up_a_stop(rota: Rota) -> None:
    process = rota.start(STOP_GRACE="0.2")
    run = rota.ask("stubborn", arguments={"path": rota.path("marks")}, queue="light")
    rota.until(lambda: rota.lines("marks"))
    assert rota.stop(process, within=6) == 0
    assert rota.state(run) == State.LOST
    os.kill(int(rota.lines("marks")[0]), signal.SIGKILL)


def test_a_signal_to_every_process_still_means_a_graceful_stop(rota: Rota) -> None:
    process = rota.start()
    run = rota.ask("sleep", arguments={"seconds": 1.5})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        each.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert rota.state(run) == State.SUCCEEDED


def test_what_a_killed_scheduler_held_is_rescued_or_marked_lost(rota: Rota) -> None:
    dying = rota.start()
    arguments = {"seconds": 30, "path": rota.path("marks")}
    harmless = rota.ask("sleep_idempotent", arguments=arguments, idempotent=True)
    delicate = rota.ask("sleep", arguments={"seconds": 30})
    rota.until(lambda: "begin" in rota.lines("marks") and rota.state(delicate) == State.RUNNING)
    children = psutil.Process(dying.pid).children(recursive=True)
    rota.stop(dying, signal.SIGKILL)
    rota.until(lambda: not any(runs(child) for child in children), within=2)
    rota.start()
    assert rota.ended(harmless, within=5).state == State.LOST
    assert rota.ended(delicate, within=5).state == State.LOST
    assert "ended without a word" in delicate.reason
    rota.until(lambda: Execution.objects.filter(root=harmless, state=State.RUNNING).exists())
    assert Execution.objects.count() == 3
    rota.until(lambda: rota.lines("marks").count("begin") == 2)


def runs(process: psutil.Process) -> bool:
    """Whether `process` still does anything; a zombie only waits for its parent to look."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_living_scheduler_rescues_a_killed_one_in_seconds(rota: Rota) -> None:
    dying = rota.start()
    run = rota.ask("sleep", arguments={"seconds": 30})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    rota.start()
    rota.stop(dying, signal.SIGKILL)
    assert rota.ended(run, within=4).state == State.LOST


def test_two_schedulers_run_every_moment_once(rota: Rota) -> None:
    for number in range(5):
        rota.job(
            "note",
            id=f"job-{number}",
            trigger="cron",
            cron="* * * * * *",
            arguments={"path": rota.path("marks")},
        )
    both = [rota.start(), rota.start()]
    enough = time.monotonic() + 8
    rota.until(lambda: time.monotonic() > enough)
    for process in both:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(10) for process in both] == [0, 0]
    runs = Execution.objects.filter(state=State.SUCCEEDED)
    marks = rota.lines("marks")
    assert len(marks) == len(set(marks)) == runs.count()
    for number in range(5):
        moments = list(
            Execution.objects.filter(job=f"job-{number}")
            .order_by("scheduled_for")
            .values_list("scheduled_for", flat=True)
        )
        steps = {later - earlier for earlier, later in pairwise(filter(None, moments))}
        assert steps == {timedelta(seconds=1)}
    assert len(set(runs.values_list("worker", flat=True))) == 2


def test_a_worker_declared_dead_ends_and_writes_nothing(rota: Rota) -> None:
    process = rota.start(HEARTBEAT="0.3")
    run = rota.ask("sleep", arguments={"seconds": 30, "path": rota.path("marks")})
    rota.until(lambda: "begin" in rota.lines("marks"))
    Worker.objects.update(state=WorkerState.DEAD)
    Execution.objects.filter(pk=run.pk).update(
        state=State.LOST, finished_at=timezone.now(), fence=run.fence + 2, instance=None
    )
    assert process.wait(5) == 70
    assert rota.state(run) == State.LOST
    assert "end" not in rota.lines("marks")


@pytest.mark.parametrize("command", ["runscheduler", "syncjobs"])
def test_a_database_without_tables_is_named_with_the_cure(rota: Rota, command: str) -> None:
    assert rota.run(command, DATABASE_URL=f"sqlite:///{rota.path('empty.sqlite3')}") == 5
    assert "Has `manage.py migrate` been run?" in rota.log.read_text()
    assert "Traceback" not in rota.log.read_text()
