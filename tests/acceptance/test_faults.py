"""What may go wrong around the scheduler, done to real processes: death at random, suspension, a locked database."""

import random
import signal
import sqlite3
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from scheduling.models import Execution, Job, State, Worker, WorkerState
from tests.acceptance.rota import Rota


def seconds_of(rota: Rota, spell: float) -> None:
    """Let real time pass while the processes do their work."""
    end = time.monotonic() + spell
    rota.until(lambda: time.monotonic() > end, within=spell + 5)


def test_schedulers_killed_at_random_lose_and_double_nothing(rota: Rota) -> None:
    chance = random.Random(7)  # noqa: S311
    for number in range(4):
        rota.job("note", id=f"job-{number}", trigger="cron", cron="* * * * * *", arguments={"path": rota.path("marks")})
    turning = [rota.start(HEARTBEAT="0.5") for _ in range(2)]
    for _ in range(6):
        seconds_of(rota, chance.uniform(0.2, 1.2))
        victim = turning.pop(0)
        rota.stop(victim, signal.SIGKILL)
        turning.append(rota.start(HEARTBEAT="0.5"))
    for process in turning:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(20) for process in turning] == [0, 0]

    Job.objects.update(next_run_time=None)
    assert rota.run("runscheduler", "--once") == 0  # rescues what the last victims held
    rota.until(lambda: not Execution.objects.filter(state=State.RUNNING).exists())
    assert max(Counter(rota.lines("marks")).values()) == 1
    for number in range(4):
        rows = Execution.objects.filter(job=f"job-{number}")
        moments = sorted(moment for moment in rows.values_list("scheduled_for", flat=True) if moment)
        assert moments[-1] - moments[0] == timedelta(seconds=len(moments) - 1)  # one row for each moment
    succeeded = Execution.objects.filter(state=State.SUCCEEDED).count()
    lost = Execution.objects.filter(state=State.LOST).count()
    assert succeeded <= len(rota.lines("marks")) <= succeeded + lost


def test_a_suspended_worker_is_not_taken_for_dead_on_its_own_host(rota: Rota) -> None:
    suspended = rota.start(HEARTBEAT="0.3", STALE_AFTER="1")
    run = rota.ask("sleep", arguments={"seconds": 4})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    suspended.send_signal(signal.SIGSTOP)
    rota.start(HEARTBEAT="0.3", STALE_AFTER="1")
    seconds_of(rota, 3)
    assert rota.state(run) == State.RUNNING
    suspended.send_signal(signal.SIGCONT)
    assert rota.ended(run).state == State.SUCCEEDED


def test_a_worker_of_another_host_that_fell_silent_is_rescued(rota: Rota) -> None:
    silent = rota.start(HEARTBEAT="0.3", STALE_AFTER="1")
    Worker.objects.update(boot_id="another kernel", host="elsewhere")
    run = rota.ask("sleep", arguments={"seconds": 60})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    silent.send_signal(signal.SIGSTOP)
    rota.start(HEARTBEAT="0.3", STALE_AFTER="1")
    assert rota.ended(run, within=8).state == State.LOST
    assert "has not moved" in run.reason
    silent.send_signal(signal.SIGCONT)
    assert silent.wait(10) != 0  # it finds itself dead, and ends
    assert Worker.objects.get(host="elsewhere").state == WorkerState.DEAD


@pytest.mark.sqlite_only
def test_a_database_locked_by_someone_else_is_waited_for(rota: Rota) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one lock for all")
    rota.job("echo", trigger="cron", cron="* * * * * *")
    process = rota.start()
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).exists())
    with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        time_to_notice = time.monotonic() + 3
        while time.monotonic() < time_to_notice:
            assert process.poll() is None
        other.execute("ROLLBACK")
    other.close()
    after = timezone.now()
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED, started_at__gt=after).exists())
    assert Worker.objects.get().state == WorkerState.ALIVE


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="ends the sessions as PostgreSQL's operator can")
def test_a_database_that_drops_all_its_sessions_is_found_again(rota: Rota) -> None:
    rota.job("echo", trigger="cron", cron="* * * * * *")
    rota.start()
    run = rota.ask("sleep", arguments={"seconds": 3})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    for _ in range(5):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        seconds_of(rota, 0.5)
    after = timezone.now()
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED, started_at__gt=after).exists())
    assert rota.ended(run).state in (State.SUCCEEDED, State.FAILED)  # its own connection was cut as well
    assert Worker.objects.get().state == WorkerState.ALIVE
