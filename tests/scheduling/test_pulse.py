"""The pulse: who is proven dead is rescued, and nobody else, however silent the database was."""

import os
import subprocess
import sys
from typing import Any

import pytest

from scheduling import store
from scheduling.clock import Clock
from scheduling.models import Execution, State, Worker, WorkerState
from scheduling.pulse import OWN_BEATS, Pulse, longest_silence
from scheduling.store.workers import boot_id, process_start
from tests.factories import NOON, make_execution, make_worker

pytestmark = pytest.mark.django_db
STALE = 8.0  # seconds, the setting


@pytest.fixture
def pulse() -> Pulse:
    """The pulse of this process; each look at the others is made by hand, at a time of its own."""
    worker = store.register({"default": 1}, NOON)
    return Pulse(worker, Clock(), lambda: {"turned_at": NOON, "running": 0}, lambda: None)


def look(pulse: Pulse, seconds: float) -> None:
    """One look at the others, `seconds` after the first."""
    pulse._observe(seconds)


def state(worker: Worker) -> str:
    return Worker.objects.get(pk=worker.pk).state


def move(worker: Worker) -> None:
    store.heartbeat(worker.pk, turned_at=NOON, running=0, now=NOON)


def gone() -> tuple[int, float]:
    """Pid and start of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(process.pid)
    process.communicate(b"\n")
    return process.pid, started


def here(pid: int, started: float) -> dict[str, Any]:
    return {"boot_id": boot_id(), "pid": pid, "pid_started": started}


def test_a_beat_counts_and_says_that_this_worker_lives(pulse: Pulse) -> None:
    assert pulse.beat()
    assert Worker.objects.get(pk=pulse.worker.pk).heartbeat == 1


def test_a_beat_tells_a_worker_that_was_declared_dead(pulse: Pulse) -> None:
    store.rescue(pulse.worker, NOON, why="has not moved")
    assert not pulse.beat()


def test_a_worker_whose_process_is_gone_is_rescued_at_once(pulse: Pulse) -> None:
    other = make_worker(**here(*gone()))
    run = make_execution(state=State.RUNNING, worker=other, started_at=NOON)
    look(pulse, 0)
    assert state(other) == WorkerState.DEAD
    assert Execution.objects.get(pk=run.pk).reason.endswith("ended without a word.")


def test_a_zombie_is_gone(pulse: Pulse) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = make_worker(**here(process.pid, process_start(process.pid)))
    look(pulse, 0)
    assert state(other) == WorkerState.ALIVE
    os.kill(process.pid, 9)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet taken leave of
    look(pulse, 0)
    process.communicate()
    assert state(other) == WorkerState.DEAD


def test_a_pid_that_was_given_to_another_process_does_not_keep_a_worker_alive(pulse: Pulse) -> None:
    other = make_worker(**here(os.getpid(), process_start(os.getpid()) - 60))
    look(pulse, 0)
    assert state(other) == WorkerState.DEAD


def test_a_worker_of_this_host_whose_process_lives_is_alive_however_silent(pulse: Pulse) -> None:
    other = make_worker(**here(os.getpid(), process_start(os.getpid())))
    for seconds in range(0, 100, 2):
        look(pulse, seconds)
    assert state(other) == WorkerState.ALIVE


def test_a_silent_worker_of_another_host_is_dead_when_it_is_stale(pulse: Pulse) -> None:
    other = make_worker()
    for seconds in (0, 2, 4, 6, STALE - 0.1):
        look(pulse, seconds)
        assert state(other) == WorkerState.ALIVE
    look(pulse, STALE)
    assert state(other) == WorkerState.DEAD


def test_a_worker_that_moves_is_alive_at_any_age_of_its_timestamp(pulse: Pulse) -> None:
    other = make_worker()  # its heartbeat_at lies years back
    for seconds in range(0, 40, 2):
        move(other)
        look(pulse, seconds)
    assert state(other) == WorkerState.ALIVE


def test_a_last_movement_starts_the_wait_anew(pulse: Pulse) -> None:
    other = make_worker()
    for seconds in (0, 2, 4, 6):
        look(pulse, seconds)
    move(other)
    for seconds in (8, 10, 12, 14):
        look(pulse, seconds)
    assert state(other) == WorkerState.ALIVE
    look(pulse, 16)
    assert state(other) == WorkerState.DEAD


def test_nobody_is_dead_before_the_observer_has_made_beats_of_its_own(pulse: Pulse) -> None:
    other = make_worker()
    look(pulse, 0)
    for seconds in range(60, 60 + OWN_BEATS - 1):  # after an outage in which nobody could beat
        look(pulse, seconds)
        assert state(other) == WorkerState.ALIVE
    look(pulse, 70)
    assert state(other) == WorkerState.DEAD


def test_what_was_seen_before_an_outage_counts_no_more(pulse: Pulse) -> None:
    other = make_worker()
    for seconds in (0, 2, 4):
        look(pulse, seconds)
    pulse.seen.clear()  # as after an error of the database
    for seconds in (64, 66, 68, 70):
        look(pulse, seconds)
    assert state(other) == WorkerState.ALIVE


@pytest.mark.parametrize("ended", [WorkerState.STOPPED, WorkerState.DEAD])
def test_a_worker_that_has_ended_is_left_alone(pulse: Pulse, ended: WorkerState) -> None:
    other = make_worker(state=ended, **here(*gone()))
    look(pulse, 0)
    assert state(other) == ended


def test_a_worker_never_looks_at_itself(pulse: Pulse) -> None:
    Worker.objects.filter(pk=pulse.worker.pk).update(pid_started=0)
    for seconds in range(0, 40, 2):
        look(pulse, seconds)
    assert state(pulse.worker) == WorkerState.ALIVE


def test_one_death_is_told_once_and_the_others_go_on(pulse: Pulse) -> None:
    dead, living = make_worker(**here(*gone())), make_worker()
    look(pulse, 0)
    look(pulse, 2)
    assert (state(dead), state(living)) == (WorkerState.DEAD, WorkerState.ALIVE)


def test_a_worker_that_is_cut_off_is_told_until_it_beats_again(pulse: Pulse) -> None:
    told = []
    pulse.cut_off = lambda: told.append("stop")
    for seconds in (0, 2, 5.9, 6, 7, 1, 0.5, 6.1):
        pulse._mind_silence(seconds)
    assert len(told) == 3


def test_a_good_heartbeat_counts_from_when_it_was_tried(pulse: Pulse) -> None:
    pulse.tried_at = pulse.beaten_at + 4
    assert pulse.beat()
    assert pulse.beaten_at == pulse.tried_at


@pytest.mark.parametrize(
    ("heartbeat", "stale_after", "kill_grace", "seconds"),
    [(2, 8, 1, 6), (2, 20, 10, 9), (1, 3, 1, 1.5), (2, 8, 60, 3)],
)
def test_a_cut_off_worker_stops_in_time_but_at_no_late_heartbeat(
    heartbeat: float, stale_after: float, kill_grace: float, seconds: float, settings: Any
) -> None:
    spans = {"HEARTBEAT": heartbeat, "STALE_AFTER": stale_after, "KILL_GRACE": kill_grace}
    settings.SCHEDULING = {**settings.SCHEDULING, **spans}
    assert longest_silence() == seconds
