"""Workers: a heartbeat counts, a dead one's runs are taken over once, a stopped one leaves nothing behind."""

import os
from datetime import timedelta
from typing import Any

import psutil
import pytest

from scheduling import store
from scheduling.models import Execution, State, Why, Worker, WorkerState
from scheduling.pulse import process_lives
from scheduling.store.workers import boot_id
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db


def held_by(worker: Worker, **columns: Any) -> Execution:
    started = {"state": State.RUNNING, "worker": worker, "started_at": NOON, "fence": 1}
    return make_execution(**{**started, **columns})


def test_a_new_worker_tells_who_and_where_it_is() -> None:
    worker = store.register({"default": 4, "light": 16}, NOON)
    worker.refresh_from_db()
    assert (worker.pid, worker.slots, worker.state) == (os.getpid(), 20, WorkerState.ALIVE)
    assert worker.boot_id == boot_id()
    assert process_lives(worker.pid, worker.pid_started)


def test_each_heartbeat_counts_one_and_tells_the_load() -> None:
    worker = make_worker()
    later = NOON + timedelta(seconds=2)
    assert store.heartbeat(worker.pk, turned_at=later, running=3, now=later)
    worker.refresh_from_db()
    assert (worker.heartbeat, worker.heartbeat_at, worker.turned_at, worker.running) == (1, later, later, 3)


def test_a_worker_that_is_winding_down_still_beats() -> None:
    worker = make_worker()
    store.stopping(worker.pk)
    assert store.heartbeat(worker.pk, turned_at=NOON, running=0, now=NOON)
    worker.refresh_from_db()
    assert worker.state == WorkerState.STOPPING


def test_the_heartbeat_of_a_worker_declared_dead_is_refused() -> None:
    worker = make_worker()
    store.rescue(worker, NOON, why="has not moved for 9 s")
    assert not store.heartbeat(worker.pk, turned_at=NOON, running=0, now=NOON)


def test_the_runs_of_a_dead_worker_are_lost_and_say_why() -> None:
    worker = make_worker()
    run = held_by(worker, job=make_job(), instance=0)
    lost = store.rescue(worker, NOON, why="has not moved for 9 s")
    assert lost is not None
    assert [row.pk for row in lost] == [run.pk]
    run.refresh_from_db()
    worker.refresh_from_db()
    assert (run.state, run.finished_at, run.instance, run.fence) == (State.LOST, NOON, None, 2)
    assert run.reason == "Lost: its worker elsewhere:1 has not moved for 9 s."
    assert (worker.state, worker.stopped_at) == (WorkerState.DEAD, NOON)


def test_the_lost_runs_of_idempotent_tasks_are_queued_again() -> None:
    worker = make_worker()
    run = held_by(worker, idempotent=True, arguments={"value": 1})
    held_by(worker)
    store.rescue(worker, NOON, why="is gone")
    again = Execution.objects.queued().get()
    assert (again.why, again.root_id, again.attempt, again.arguments) == (
        Why.RESCUE,
        run.pk,
        2,
        {"value": 1},
    )


def test_a_cancelled_run_of_a_dead_worker_is_not_run_again() -> None:
    worker = make_worker()
    held_by(worker, idempotent=True, cancel_requested_at=NOON)
    store.rescue(worker, NOON, why="is gone")
    assert not Execution.objects.queued().exists()


def test_of_two_rescuers_one_wins() -> None:
    worker = make_worker()
    held_by(worker, idempotent=True)
    twin = Worker.objects.get(pk=worker.pk)
    assert store.rescue(worker, NOON, why="is gone") is not None
    assert store.rescue(twin, NOON, why="is gone") is None
    assert Execution.objects.queued().count() == 1


def test_a_worker_that_has_moved_meanwhile_is_not_rescued() -> None:
    worker = make_worker()
    run = held_by(worker)
    as_seen = Worker.objects.get(pk=worker.pk)
    store.heartbeat(worker.pk, turned_at=NOON, running=1, now=NOON)
    assert store.rescue(as_seen, NOON, why="is gone") is None
    run.refresh_from_db()
    assert run.state == State.RUNNING


def test_the_runs_of_other_workers_are_left_alone() -> None:
    dead, living = make_worker(), make_worker()
    run = held_by(living)
    waiting = make_execution()
    store.rescue(dead, NOON, why="is gone")
    run.refresh_from_db()
    waiting.refresh_from_db()
    assert (run.state, waiting.state) == (State.RUNNING, State.QUEUED)


def test_a_worker_that_ends_well_gives_up_what_it_still_holds() -> None:
    worker = make_worker()
    run = held_by(worker)
    store.retire(worker.pk, NOON)
    run.refresh_from_db()
    worker.refresh_from_db()
    assert (run.state, run.reason) == (State.LOST, "Interrupted by deploy: its scheduler was stopped.")
    assert (worker.state, worker.stopped_at) == (WorkerState.STOPPED, NOON)


def test_a_worker_declared_dead_stays_dead_when_it_retires() -> None:
    worker = make_worker()
    store.rescue(worker, NOON, why="is gone")
    store.retire(worker.pk, NOON)
    worker.refresh_from_db()
    assert worker.state == WorkerState.DEAD


def test_a_process_is_known_by_pid_and_start_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = store.register({"default": 1}, NOON)
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600)  # the host's clock was set
    assert process_lives(worker.pid, worker.pid_started)
    assert not process_lives(worker.pid, worker.pid_started - 2)


def test_processes_of_another_container_are_not_looked_up_by_pid(monkeypatch: pytest.MonkeyPatch) -> None:
    here = boot_id()
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]" if path == "/proc/self/ns/pid" else path)
    assert boot_id() != here
    assert len(boot_id()) <= 64  # what its column takes


def test_a_process_that_is_gone_does_not_live() -> None:
    assert not process_lives(2**22 + 1, 0.0)
