"""`from scheduling import …` in programs of their own: a guide's snippet, jobs in the background, several at once."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psutil
import pytest
from django.utils import timezone

from scheduling import store
from scheduling.models import Execution, Job, Queue, State, Worker, WorkerState
from tests.acceptance.host import Host
from tests.acceptance.rota import PATIENCE, ROOT, Rota

QUICK_START = """
from tests.guides.tasks import mam_scraping_task

# Initialize scheduler (creates global instance)
scheduler = initialize_scheduler()

# Register scheduled tasks
scheduler.add_job(
    mam_scraping_task,
    trigger='cron',
    hour=2,
    minute=0,
    id='guides_scraping',
    name='Daily MAM Scraping',
    replace_existing=True
)

# Start scheduler (begins executing jobs)
start_scheduler()
"""
EACH_SECOND = """
from tests.workload.tasks import note
scheduler = initialize_scheduler()
for number in range(3):
    scheduler.add_job(note, "cron", second="*", args=[{path!r}], id=f"job-{{number}}", replace_existing=True)
start_scheduler()
"""
LISTENING = """
from apscheduler.events import *
from tests.workload.tasks import fail, sleep
scheduler = initialize_scheduler()
heard = []
five = EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES
listener = lambda event: heard.append((event.code, event.job_id))
scheduler.add_listener(listener, five)
scheduler.add_job(fail, id="fails")
scheduler.add_job(sleep, "interval", seconds=1, args=[2.5], id="sleeps")
scheduler.add_job(sleep, run_date="2020-01-01 00:00:00", args=[0], id="misses")
start_scheduler()
"""


def sleeper(rota: Rota, task: str = "sleep_idempotent", seconds: float = 60, **columns: Any) -> Execution:
    return rota.ask(task, arguments={"seconds": seconds, "path": rota.path("marks")}, **columns)


def each_moment_once(rota: Rota, jobs: int = 3) -> None:
    """Every second of each job has one row, and each run one mark."""
    ids = [f"job-{number}" for number in range(jobs)]
    done = Execution.objects.filter(state=State.SUCCEEDED, job__in=ids)
    marks = rota.lines("seconds")
    assert len(marks) == len(set(marks)) == done.count() > 0
    for job in ids:
        rows = Execution.objects.filter(job=job).order_by("scheduled_for")
        moments = list(filter(None, rows.values_list("scheduled_for", flat=True)))
        assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(seconds=1)}


@pytest.mark.sqlite_only
def test_the_quick_start_runs_jobs_that_the_admin_edits(rota: Rota) -> None:
    host = Host(rota, QUICK_START)
    assert host.ask("is_scheduler_running()") is True
    job = Job.objects.get(pk="guides_scraping")
    assert (job.name, job.cron, job.task) == ("Daily MAM Scraping", "0 2 * * *", "tests.guides.tasks.mam_scraping_task")
    job.cron, job.arguments = "* * * * * *", {"path": rota.path("marks")}
    store.change(job, ["cron", "arguments"], by="ada", now=timezone.now())
    rota.until(lambda: len(rota.lines("marks")) >= 2)
    assert host.ask("shutdown_scheduler(wait=True)") is None
    assert host.ask("is_scheduler_running()") is False
    assert Worker.objects.get().state == WorkerState.STOPPED
    assert host.leave() == 0


@pytest.mark.sqlite_only
def test_a_scheduler_can_be_started_again(rota: Rota) -> None:
    host = Host(rota, "setup_scheduler()\n")
    host.ask("shutdown_scheduler()")
    assert host.ask("start_scheduler() is get_scheduler() is start_scheduler()") is True
    run = rota.ask("echo")
    assert rota.ended(run).state == State.SUCCEEDED
    assert Worker.objects.count() == 2


def test_a_shutdown_that_waits_lets_running_tasks_end_whatever_the_grace(rota: Rota) -> None:
    host = Host(rota, "start_scheduler()\n", STOP_GRACE="0")
    run = sleeper(rota, seconds=2)
    rota.until(lambda: rota.lines("marks"))
    host.ask("shutdown_scheduler(wait=True)")
    assert rota.lines("marks") == ["begin", "end"]
    assert rota.state(run) == State.SUCCEEDED


def test_a_shutdown_that_does_not_wait_hands_back_what_runs(rota: Rota) -> None:
    host = Host(rota, "start_scheduler()\n")
    harmless = sleeper(rota, idempotent=True)
    delicate = sleeper(rota, "sleep")
    rota.until(lambda: rota.lines("marks") == ["begin", "begin"])
    host.ask("shutdown_scheduler(wait=False)")
    assert rota.state(harmless) == rota.state(delicate) == State.LOST
    again = Execution.objects.get(state=State.QUEUED)
    assert (again.root, again.why) == (harmless, "rescue")
    assert rota.lines("marks") == ["begin", "begin"]
    assert host.leave() == 0


@pytest.mark.sqlite_only
def test_a_second_shutdown_cuts_the_waiting_of_the_first_short(rota: Rota) -> None:
    program = "import threading\nstart_scheduler()\nwaiting = threading.Thread(target=shutdown_scheduler)\n"
    host = Host(rota, program)
    run = sleeper(rota)
    rota.until(lambda: rota.lines("marks"))
    host.ask("waiting.start()")
    rota.until(lambda: Worker.objects.get().state == WorkerState.STOPPING)
    host.ask("shutdown_scheduler(wait=False)")
    assert host.ask("waiting.join()") is None
    assert rota.state(run) == State.LOST


@pytest.mark.sqlite_only
def test_the_end_of_the_program_is_a_graceful_stop(rota: Rota) -> None:
    host = Host(rota, "start_scheduler()\n")
    run = sleeper(rota, seconds=1.5)
    threaded = sleeper(rota, "sleep", seconds=1.5, queue="light")
    rota.until(lambda: rota.lines("marks") == ["begin", "begin"])
    assert host.leave() == 0
    assert rota.state(run) == rota.state(threaded) == State.SUCCEEDED
    assert Worker.objects.get().state == WorkerState.STOPPED


@pytest.mark.sqlite_only
def test_a_thread_that_does_not_listen_holds_up_no_end(rota: Rota) -> None:
    host = Host(rota, "start_scheduler()\n", STOP_GRACE="0.2")
    run = rota.ask("stubborn", arguments={"path": rota.path("marks")}, queue="light")
    rota.until(lambda: rota.lines("marks"))
    assert host.leave() == 70
    assert rota.state(run) == State.LOST
    os.kill(int(rota.lines("marks")[0]), signal.SIGKILL)


@pytest.mark.sqlite_only
def test_no_signal_of_the_program_is_taken_over(rota: Rota) -> None:
    host = Host(rota, "import signal\nstart_scheduler()\n")
    run = rota.ask("echo")
    assert rota.ended(run).state == State.SUCCEEDED
    same = "[signal.getsignal(each) is signal.SIG_DFL for each in (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1)]"
    assert host.ask(same) == [True, True, True]


def test_two_programs_and_a_worker_run_each_moment_once(rota: Rota) -> None:
    (rota.folder / "seconds").touch()
    program = EACH_SECOND.format(path=rota.path("seconds"))
    hosts = [Host(rota, program), Host(rota, program)]
    process = rota.start()
    rota.until(lambda: rota.alive() == 3)
    enough = time.monotonic() + 5
    rota.until(lambda: time.monotonic() > enough)
    for host in hosts:
        host.ask("shutdown_scheduler(wait=True)")
    assert rota.stop(process) == 0
    each_moment_once(rota)


@pytest.mark.sqlite_only
def test_listeners_hear_the_five_events_until_they_are_taken_off(rota: Rota) -> None:
    host = Host(rota, LISTENING, MISFIRE_GRACE_TIME="60")
    executed, error, missed, submitted, crowded = (4096, 8192, 16384, 32768, 65536)
    wanted = [
        *([submitted, "fails"], [error, "fails"], [missed, "misses"], [submitted, "sleeps"], [crowded, "sleeps"]),
        [executed, "sleeps"],
    ]
    rota.until(lambda: all(event in host.ask("heard") for event in wanted))
    host.ask("(scheduler.remove_listener(listener), heard.clear(), scheduler.add_job(fail, id='again'))[1]")
    rota.until(lambda: Execution.objects.filter(job="again", state=State.FAILED).exists())
    assert host.ask("heard") == []


def test_paused_in_one_program_nothing_starts_in_another_until_resumed(rota: Rota) -> None:
    host, other = Host(rota), Host(rota, "start_scheduler()\n")
    host.ask("initialize_scheduler().pause()")
    run = rota.ask("echo")
    rota.until(lambda: Worker.objects.filter(turned_at__gt=run.created_at + timedelta(seconds=1)).exists())
    assert rota.state(run) == State.QUEUED
    assert set(Queue.objects.values_list("paused_by", flat=True)) == {"APScheduler"}
    other.ask("get_scheduler().resume()")
    assert rota.ended(run).state == State.SUCCEEDED


@pytest.mark.sqlite_only
def test_started_paused_it_starts_nothing_until_resumed(rota: Rota) -> None:
    host = Host(rota, "scheduler = start_scheduler(paused=True)\n")
    run = rota.ask("echo")
    rota.until(lambda: Worker.objects.filter(turned_at__gt=run.created_at + timedelta(seconds=1)).exists())
    assert (rota.state(run), host.ask("scheduler.state")) == (State.QUEUED, 2)
    host.ask("scheduler.resume()")
    assert rota.ended(run).state == State.SUCCEEDED
    assert host.ask("scheduler.state") == 1


@pytest.mark.sqlite_only
def test_resumed_before_its_loop_has_begun_it_begins_all_the_same(rota: Rota) -> None:
    host = Host(rota, "scheduler = start_scheduler(paused=True)\nscheduler.resume()\n")
    run = rota.ask("echo")
    assert rota.ended(run).state == State.SUCCEEDED
    assert host.ask("(shutdown_scheduler(), scheduler.resume(), scheduler.state)[2]") == 0


@pytest.mark.sqlite_only
def test_a_copy_of_the_process_runs_nothing_until_it_is_told_to(rota: Rota) -> None:
    program = "import os\nstart_scheduler()\nparent = os.getpid()\npid = os.fork() if True else 0\n"
    # The copy says what it knows, runs jobs of its own, and ends; the original waits for it, and goes on.
    program += "if pid == 0:\n"
    program += "    before = get_scheduler().running\n    start_scheduler()\n    import time\n"
    program += f"    open({rota.path('copy')!r}, 'w').write(f'{{before}} {{get_scheduler().running}}\\n')\n"
    program += f"    while not os.path.exists({rota.path('go')!r}): time.sleep(0.05)\n"
    program += "    raise SystemExit(0)\n"
    host = Host(rota, program)
    rota.until(lambda: rota.lines("copy"))
    assert rota.lines("copy") == ["False True"]
    rota.until(lambda: rota.alive() == 2)
    host.ask("shutdown_scheduler()")
    run = rota.ask("echo")
    assert rota.ended(run).state == State.SUCCEEDED
    (rota.folder / "go").touch()
    assert host.ask("os.waitpid(pid, 0)[1]") == 0
    assert rota.alive() == 0


def test_declared_dead_it_begins_anew_and_the_program_goes_on(rota: Rota) -> None:
    host = Host(rota, "start_scheduler()\n", HEARTBEAT="0.3")
    run = sleeper(rota)
    rota.until(lambda: rota.lines("marks"))
    gone = Worker.objects.get()
    store.rescue(gone, timezone.now(), why="was declared dead by the test")
    rota.until(lambda: rota.alive() == 1)
    rota.until(lambda: rota.lines("marks") == ["begin", "begin"] or rota.state(run) == State.LOST)
    assert host.ask("get_scheduler().running") is True
    assert rota.ended(rota.ask("echo")).worker != gone
    assert "end" not in rota.lines("marks")


@pytest.mark.sqlite_only
def test_a_foreign_database_is_refused_with_the_cure(rota: Rota) -> None:
    assert rota.run("runscheduler", "--once") == 0
    host = Host(rota, INSTANCE="another")
    host.tell("start_scheduler()")
    assert host.process.wait(PATIENCE) == 1
    assert "take it over with: manage.py runscheduler --adopt" in rota.log.read_text()


@pytest.mark.sqlite_only
def test_before_the_apps_are_ready_the_error_says_what_to_do(rota: Rota) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from scheduling import start_scheduler"],
        cwd=ROOT,
        env=rota.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "A program of its own calls django.setup() before it imports start_scheduler" in told.stderr


# In the web process


class Web:
    """gunicorn with SCHEDULER_IN_WEB, and two processes that serve."""

    def __init__(self, rota: Rota, *options: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with rota.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{self.port}"),
                    *("--workers", "2", "--no-control-socket", *options),
                ],
                cwd=ROOT,
                env={**rota.environment, "SCHEDULER_IN_WEB": "true", "QUEUES": "default=processes:1", **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        rota.processes.append(self.process)

    def serves(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def web(rota: Rota) -> Callable[..., Web]:
    return lambda *options, **environment: Web(rota, *options, **environment)


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each loads it", "preloaded"])
def test_every_process_that_serves_runs_jobs_and_each_moment_once(
    options: list[str], rota: Rota, web: Callable[..., Web]
) -> None:
    for number in range(3):
        rota.job(
            "note", id=f"job-{number}", trigger="cron", cron="* * * * * *", arguments={"path": rota.path("seconds")}
        )
    serving = web(*options)
    rota.until(lambda: rota.alive() == 2, within=3 * PATIENCE)  # three processes that load everything
    pids = set(Worker.objects.values_list("pid", flat=True))
    assert pids == {each.pid for each in psutil.Process(serving.process.pid).children() if each.pid in pids}
    assert rota.until(serving.serves)
    rota.until(lambda: len(rota.lines("seconds")) >= 9)
    assert rota.stop(serving.process) == 0
    assert set(Worker.objects.values_list("state", flat=True)) == {WorkerState.STOPPED}
    each_moment_once(rota)


def test_it_serves_pages_without_a_database_and_runs_jobs_once_there_is_one(
    rota: Rota, web: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = web(DATABASE_URL=f"sqlite:///{rota.path('empty.sqlite3')}")
    assert rota.until(serving.serves, within=3 * PATIENCE)
    rota.until(lambda: "The web process runs no jobs yet, trying again" in rota.log.read_text())
    assert rota.run("migrate", DATABASE_URL=f"sqlite:///{rota.path('empty.sqlite3')}") == 0
    rota.until(lambda: rota.log.read_text().count("runs jobs in its background") == 2, within=3 * PATIENCE)
    assert rota.stop(serving.process) == 0
