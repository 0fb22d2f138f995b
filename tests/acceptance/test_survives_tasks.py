"""Tasks that break what they run in: each ends its own run at most, and the next one runs as if nothing had been.

What happens to processes alone is the same on every database, and is tried on one.
"""

import subprocess
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone

from scheduling.models import Execution, LogChunk, State
from tests.acceptance.books import EACH_SECOND, NOTED, close_books, open_books
from tests.acceptance.rota import Rota

NEXT = 3.0  # seconds in which another run ends
LATE = timedelta(seconds=2)  # for a job of each second, while another run makes trouble
MORE = 50 * 1024 * 1024  # bytes that the scheduler may grow by


def pool(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The children that run tasks; it is the fork server that has started them."""
    return [child for server in psutil.Process(process.pid).children() for child in server.children()]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("breaks_the_interpreter", "killed by SIGSEGV"),
        ("vanishes", "exit code 3"),
        ("closes_its_files", "Its process"),
        ("ends_its_parent", "Its process"),
    ],
)
def test_a_task_that_breaks_its_process_fails_alone(rota: Rota, task: str, reason: str) -> None:
    rota.start("--workers", "1")
    bad = rota.ended(rota.ask(task))
    assert bad.state == State.FAILED
    assert reason in bad.reason
    good = rota.ended(rota.ask("echo", arguments={"value": 7}))
    assert (good.state, good.result) == (State.SUCCEEDED, 7)


def test_of_a_task_that_forks_only_the_original_comes_back(rota: Rota) -> None:
    rota.start("--workers", "1")
    run = rota.ended(rota.ask("forks", arguments={"path": rota.path("marks")}))
    others = [rota.ended(rota.ask("sleep", id=f"next-{n}", arguments={"seconds": 0.6})) for n in range(2)]
    assert rota.lines("marks") == ["original", "copy"]
    assert (run.state, run.result) == (State.SUCCEEDED, "original")
    assert [(each.state, each.result) for each in others] == [(State.SUCCEEDED, "rested")] * 2
    assert all(each.duration and each.duration >= timedelta(seconds=0.6) for each in others)
    log = "".join(LogChunk.objects.filter(execution=run).values_list("text", flat=True))
    assert log.count("I am the") == 1


@pytest.mark.sqlite_only
def test_what_a_platform_tells_all_processes_is_not_for_the_children(rota: Rota) -> None:
    rota.start("--workers", "1")
    deaf = {"path": rota.path("marks"), "seconds": 0.2}
    assert rota.ended(rota.ask("ignores_the_end", id="short", arguments=deaf)).state == State.SUCCEEDED
    long = rota.ask("ignores_the_end", id="long", arguments={**deaf, "seconds": 60}, timeout=timedelta(seconds=1))
    assert rota.ended(long).state == State.TIMED_OUT
    assert rota.lines("marks") == ["begin", "end", "begin"]


@pytest.mark.sqlite_only
def test_a_pool_whose_idle_children_are_killed_has_new_ones_at_once(rota: Rota) -> None:
    process = rota.start("--workers", "3")
    rota.until(lambda: len(pool(process)) == 3)
    killed = pool(process)
    for child in killed:
        child.kill()
    run = rota.ended(rota.ask("echo", arguments={"value": 7}), within=NEXT)
    assert (run.state, run.result) == (State.SUCCEEDED, 7)
    rota.until(lambda: len(pool(process)) == 3)
    assert not {child.pid for child in killed} & {child.pid for child in pool(process)}


def test_a_run_whose_child_dies_before_it_begins_gets_another_child(rota: Rota) -> None:
    process = rota.start("--workers", "1")
    rota.until(lambda: len(pool(process)) == 1)
    (child,) = pool(process)
    child.suspend()
    run = rota.ask("echo", arguments={"value": 7})
    rota.until(lambda: rota.state(run) == State.RUNNING)
    child.kill()
    assert (rota.ended(run).state, run.result) == (State.SUCCEEDED, 7)
    assert Execution.objects.count() == 1


@pytest.mark.sqlite_only
def test_a_child_that_was_suspended_is_killed_at_its_time_out(rota: Rota) -> None:
    process = rota.start("--workers", "1")
    run = rota.ask("rest", arguments={"seconds": 60, "path": rota.path("marks")}, timeout=timedelta(seconds=2))
    rota.until(lambda: rota.lines("marks"))
    (child,) = pool(process)
    child.suspend()
    assert rota.ended(run, within=6).state == State.TIMED_OUT
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert rota.ended(rota.ask("echo")).state == State.SUCCEEDED


@pytest.mark.parametrize("queue", ["default", "light"])
def test_a_run_that_logs_a_hundred_megabytes_disturbs_nobody(rota: Rota, queue: str) -> None:
    process = rota.start("--workers", "2", LOG_LEVEL="WARNING")  # it is not the console that is tried here
    open_books(rota)
    rota.until(lambda: rota.lines(NOTED))
    memory = psutil.Process(process.pid).memory_info
    before, began = memory().rss, timezone.now()
    run = rota.ended(rota.ask("shouts", arguments={"megabytes": 100}, queue=queue), within=120)
    assert run.state == State.SUCCEEDED
    assert memory().rss < before + MORE
    log = "".join(LogChunk.objects.filter(execution=run).values_list("text", flat=True))
    assert 1_000_000 < len(log) < 1_000_200
    meanwhile = Execution.objects.filter(job=EACH_SECOND, started_at__range=(began, run.finished_at))
    assert all(row.lateness is not None and row.lateness < LATE for row in meanwhile)
    assert rota.ended(rota.ask("echo"), within=NEXT).state == State.SUCCEEDED
    close_books(rota)
