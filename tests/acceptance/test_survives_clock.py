"""The clock of a host is set by days and by years under a working scheduler, and is right again in the end."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psutil
import pytest
from django.db import connection

from scheduling.models import Execution, Job, State
from tests.acceptance.books import EACH_SECOND, NOTED, PACE, close_books, open_books
from tests.acceptance.rota import Rota
from tests.chaos.crew import own_clock, set_clock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there do we know how to set a process's clock")
DAY = timedelta(days=1)
JUMPS = [DAY, -DAY, 3653 * DAY]  # ten years
PERIODS = {"hourly": timedelta(hours=1), "daily": DAY}
AGAIN = timedelta(seconds=5)  # after a jump, within which the job of each second runs
SPELL = 2.0  # seconds that each clock lasts from then on
REST = 20.0  # seconds: about as long as all of it
MORE = 50 * 1024 * 1024  # bytes that the scheduler may grow by

type SetTo = Callable[[timedelta], None]


@pytest.fixture
def set_to(rota: Rota, tmp_path: Path) -> SetTo:
    """Sets the clock of all processes that `rota` starts, so far from the right one."""
    file = tmp_path / "clock"
    rota.environment |= own_clock(file)
    return lambda away: set_clock(file, int(away.total_seconds()))


def noted(rota: Rota) -> list[datetime]:
    """The due moments that have run, in the order in which they did."""
    return [datetime.fromisoformat("T".join(line.split()[1:3])) for line in rota.lines(NOTED)]


def has_run_at(rota: Rota, known: int, there: datetime) -> bool:
    """Whether a moment close to `there` has run since `known` of them had."""
    return any(abs(moment - there) < AGAIN for moment in noted(rota)[known:])


def next_that_has_not_run(job: Job) -> datetime | None:
    """The moment that `job` waits for where the clock is right: the first, but for those that have run already."""
    ran = Execution.objects.filter(job=job, state=State.SUCCEEDED).values_list("scheduled_for", flat=True)
    moment = job.next_after(datetime.now(UTC))
    while moment and moment in ran:
        moment = job.next_after(moment)
    return moment


def pass_time(rota: Rota) -> None:
    end = time.monotonic() + SPELL
    rota.until(lambda: time.monotonic() > end)


def ask_young(rota: Rota) -> list[Execution]:
    """Runs in a process and in a thread, which last longer than the jumps and far shorter than their time-out."""
    arguments, timeout = {"seconds": REST, "path": rota.path("rested")}, timedelta(minutes=5)
    runs = [
        rota.ask("rest", id=f"young-{queue}", queue=queue, arguments=arguments, timeout=timeout)
        for queue in ("default", "light")
    ]
    rota.until(lambda: len(rota.lines("rested")) == len(runs))
    return runs


def check_young(rota: Rota, young: list[Execution]) -> None:
    for run in young:
        assert rota.ended(run).state == State.SUCCEEDED
        assert run.duration is not None
        assert abs(run.duration - timedelta(seconds=REST)) < timedelta(seconds=2)


def memory(process: "subprocess.Popen[bytes]") -> int:
    return int(psutil.Process(process.pid).memory_info().rss)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="where the database has a server, its clock rules")
def test_without_a_server_jobs_follow_the_clock_and_come_back_with_it(rota: Rota, set_to: SetTo) -> None:
    process = rota.start(**PACE)
    open_books(rota)
    for name, period in PERIODS.items():
        rota.job("echo", id=name, trigger="interval", interval=period, misfire_grace_time=None)
    young = ask_young(rota)
    rota.until(lambda: noted(rota))
    before = memory(process)

    here = datetime.now(UTC)
    for away in (clock for jump in JUMPS for clock in (jump, timedelta())):
        ran = len(noted(rota))
        set_to(away)
        there = datetime.now(UTC) + away
        rota.until(partial(has_run_at, rota, ran, there), within=AGAIN.total_seconds())
        pass_time(rota)
        strays = [moment for moment in noted(rota)[ran:] if min(abs(moment - here), abs(moment - there)) > 3 * AGAIN]
        assert strays == []  # of the backlog, only the latest moment ran
        here = datetime.now(UTC) + away
        for name in PERIODS:
            assert Execution.objects.filter(job=name, state=State.SUCCEEDED).count() <= 2 * len(JUMPS)

    check_young(rota, young)
    assert memory(process) < before + MORE
    assert len(noted(rota)) == len(set(noted(rota)))
    for job in Job.objects.filter(pk__in=PERIODS):
        assert job.next_run_time == next_that_has_not_run(job)
    assert not Execution.objects.exclude(state__in=[State.SUCCEEDED, State.SKIPPED, State.RUNNING]).exists()
    assert rota.stop(process) == 0


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no clock but the host's")
def test_the_servers_clock_rules_whatever_the_hosts_says(rota: Rota, set_to: SetTo) -> None:
    process = rota.start(**PACE)
    open_books(rota)
    young = ask_young(rota)
    rota.until(lambda: noted(rota))
    began, before = datetime.now(UTC), memory(process)

    for away in (clock for jump in JUMPS for clock in (jump, timedelta())):
        ran = len(noted(rota))
        set_to(away)
        pass_time(rota)
        assert all(abs(moment - datetime.now(UTC)) < 2 * AGAIN for moment in noted(rota)[ran:])

    check_young(rota, young)
    assert memory(process) < before + MORE
    close_books(rota)
    rows = Execution.objects.filter(job=EACH_SECOND, state=State.SUCCEEDED)
    assert rows.filter(started_at__gt=began).count() >= 2 * len(JUMPS) * SPELL * 0.8
    assert all(row.lateness is not None and row.lateness < AGAIN for row in rows)
    assert "differs from the database's" in rota.log.read_text()
