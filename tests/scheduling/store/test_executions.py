"""Orders for single runs: cancel a waiting or a running one, run one again."""

from datetime import timedelta

import pytest

from scheduling import store
from scheduling.models import Execution, State, Why
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db


def test_a_waiting_run_is_cancelled_and_will_not_start() -> None:
    run = make_execution()
    assert store.cancel(run, by="ada", now=NOON) == State.CANCELLED
    run.refresh_from_db()
    assert (run.state, run.finished_at, run.fence) == (State.CANCELLED, NOON, 1)
    assert run.reason == "Cancelled by ada before it started."
    assert store.claim(make_worker().pk, {"default": 1}, NOON) == []


def test_a_running_run_is_asked_to_stop() -> None:
    worker = make_worker()
    run = make_execution(state=State.RUNNING, worker=worker, started_at=NOON)
    assert store.cancel(run, by="ada", now=NOON, reason="wrong month") == State.RUNNING
    run.refresh_from_db()
    assert (run.state, run.cancel_requested_at, run.cancel_requested_by) == (State.RUNNING, NOON, "ada")
    assert store.cancel_orders(worker.pk) == [(run.pk, "wrong month")]


def test_only_the_worker_that_holds_a_run_is_asked() -> None:
    run = make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    store.cancel(run, by="ada", now=NOON)
    assert store.cancel_orders(make_worker().pk) == []


def test_who_asked_first_is_the_one_who_asked() -> None:
    run = make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    store.cancel(run, by="ada", now=NOON)
    assert store.cancel(run, by="bob", now=NOON + timedelta(seconds=1)) is None
    run.refresh_from_db()
    assert run.cancel_requested_by == "ada"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.SKIPPED, State.LOST])
def test_a_run_that_has_ended_is_not_cancelled(state: State) -> None:
    run = make_execution(state=state, finished_at=NOON)
    assert store.cancel(run, by="ada", now=NOON) is None
    run.refresh_from_db()
    assert (run.state, run.cancel_requested_at) == (state, None)


def test_the_state_in_memory_does_not_decide() -> None:
    run = make_execution()
    Execution.objects.filter(pk=run.pk).update(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    assert store.cancel(run, by="ada", now=NOON) == State.RUNNING


def test_a_long_reason_is_cut() -> None:
    run = make_execution()
    store.cancel(run, by="ada", now=NOON, reason="x" * 9_000)
    run.refresh_from_db()
    assert len(run.reason) == 500


def test_running_again_queues_the_same_task_with_the_same_arguments_and_limits() -> None:
    job = make_job(max_attempts=4, priority=3, queue="light")
    first = make_execution(job, arguments={"value": 9}, state=State.FAILED, finished_at=NOON, attempt=4, root_id=1)
    again = store.rerun(first, by="ada", now=NOON)
    again.refresh_from_db()
    assert (again.state, again.why, again.requested_by) == (State.QUEUED, Why.RUN_NOW, "ada")
    assert (again.job_id, again.arguments, again.queue) == (job.pk, {"value": 9}, "light")
    assert (again.max_attempts, again.priority, again.attempt, again.root_id) == (4, 3, 1, None)
    assert again.reason == f"Run again of #{first.pk}."


def test_a_run_without_a_job_can_run_again_too() -> None:
    again = store.rerun(make_execution(state=State.LOST, finished_at=NOON), by="ada", now=NOON)
    assert (again.job_id, again.max_instances) == (None, None)
