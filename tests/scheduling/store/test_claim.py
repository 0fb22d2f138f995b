"""claim: waiting runs become running ones, by priority, then age, within all limits."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from scheduling import store
from scheduling.exceptions import WorkerFenced
from scheduling.models import Execution, State, Worker, WorkerState
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PLENTY = {"default": 100}


def claimed(worker: Worker, free: dict[str, int] | None = None) -> list[int]:
    """The ids that `worker` gets at noon."""
    return [snapshot.id for snapshot in store.claim(worker.pk, PLENTY if free is None else free, NOON)]


def test_a_claimed_run_bears_its_worker_and_a_new_fence() -> None:
    worker, run = make_worker(), make_execution(arguments={"value": 1}, timeout=MINUTE)
    (snapshot,) = store.claim(worker.pk, PLENTY, NOON)
    run.refresh_from_db()
    assert (run.state, run.worker_id, run.started_at, run.fence) == (State.RUNNING, worker.pk, NOON, 1)
    assert (snapshot.id, snapshot.fence, snapshot.worker) == (run.pk, 1, str(worker.pk))
    assert (snapshot.arguments, snapshot.timeout, snapshot.started_at) == ({"value": 1}, 60.0, NOON)


def test_the_higher_priority_goes_first_and_then_the_older() -> None:
    low = make_execution(priority=-5, run_after=NOON - 9 * MINUTE)
    young = make_execution(run_after=NOON - MINUTE)
    old = make_execution(run_after=NOON - 2 * MINUTE)
    high = make_execution(priority=5)
    assert claimed(make_worker()) == [high.pk, old.pk, young.pk, low.pk]


def test_no_more_are_taken_than_there_are_free_places() -> None:
    runs = [make_execution() for _ in range(3)]
    worker = make_worker()
    assert claimed(worker, {"default": 2}) == [runs[0].pk, runs[1].pk]
    assert claimed(worker, {"default": 0}) == []
    assert claimed(worker, {"default": 2}) == [runs[2].pk]


def test_each_queue_has_places_of_its_own() -> None:
    default, light = make_execution(), make_execution(queue="light")
    make_execution(queue="heavy")
    assert claimed(make_worker(), {"default": 1, "light": 1}) == [default.pk, light.pk]


def test_a_run_is_not_started_before_its_time() -> None:
    make_execution(run_after=NOON + timedelta(microseconds=1))
    assert claimed(make_worker()) == []


def test_a_run_is_not_started_after_its_start_deadline() -> None:
    make_execution(start_deadline=NOON)
    in_time = make_execution(start_deadline=NOON + MINUTE)
    assert claimed(make_worker()) == [in_time.pk]


def test_max_instances_holds_within_one_batch() -> None:
    job = make_job(max_instances=2)
    runs = [make_execution(job) for _ in range(4)]
    assert claimed(make_worker()) == [runs[0].pk, runs[1].pk]
    assert set(job.executions.running().values_list("instance", flat=True)) == {0, 1}


def test_max_instances_holds_over_all_workers() -> None:
    job = make_job(max_instances=1)
    first, second = make_execution(job), make_execution(job)
    one, other = make_worker(), make_worker()
    assert claimed(one) == [first.pk]
    assert claimed(other) == []
    Execution.objects.filter(pk=first.pk).update(state=State.SUCCEEDED, finished_at=NOON, instance=None)
    assert claimed(other) == [second.pk]


def test_two_runs_of_a_job_cannot_be_the_same_instance() -> None:
    job = make_job()
    running = {"state": State.RUNNING, "worker": make_worker(), "started_at": NOON, "instance": 0}
    make_execution(job, **running)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_execution(job, **running)


def test_the_lowest_free_instance_is_used_again() -> None:
    job = make_job(max_instances=2)
    make_execution(job, state=State.RUNNING, worker=make_worker(), started_at=NOON, instance=1)
    run = make_execution(job)
    assert claimed(make_worker()) == [run.pk]
    run.refresh_from_db()
    assert run.instance == 0


def test_a_job_at_its_limit_does_not_hold_up_the_others() -> None:
    crowd = make_job(max_instances=1, priority=50)
    waiting = [make_execution(crowd) for _ in range(5)]
    others = [make_execution(), make_execution(make_job())]
    assert claimed(make_worker(), {"default": 3}) == [waiting[0].pk, *(run.pk for run in others)]


def test_runs_without_a_job_are_not_limited() -> None:
    runs = [make_execution() for _ in range(3)]
    assert len(claimed(make_worker())) == len(runs)


@pytest.mark.parametrize("state", [WorkerState.DEAD, WorkerState.STOPPED, WorkerState.STOPPING])
def test_a_worker_that_is_not_alive_gets_nothing(state: WorkerState) -> None:
    run = make_execution()
    with pytest.raises(WorkerFenced):
        claimed(make_worker(state=state))
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_a_worker_without_a_row_gets_nothing() -> None:
    make_execution()
    with pytest.raises(WorkerFenced):
        store.claim(UUID(int=0), PLENTY, NOON)


def test_the_fence_grows_with_every_change_of_ownership() -> None:
    run, worker = make_execution(), make_worker()
    fences = []
    for _ in range(3):
        (snapshot,) = store.claim(worker.pk, PLENTY, NOON)
        store.release_strays(worker.pk, held=set())
        run.refresh_from_db()
        fences += [snapshot.fence, run.fence]
    assert fences == [1, 2, 3, 4, 5, 6]


def test_runs_whose_claim_never_reached_the_worker_are_given_back() -> None:
    worker, other = make_worker(), make_worker()
    held, stray = make_execution(), make_execution()
    claimed(worker)
    elsewhere = make_execution()
    claimed(other)
    assert store.release_strays(worker.pk, held={held.pk}) == 1
    stray.refresh_from_db()
    assert (stray.state, stray.worker_id, stray.started_at, stray.instance) == (State.QUEUED, None, None, None)
    running = set(Execution.objects.running().values_list("pk", flat=True))
    assert running == {held.pk, elsewhere.pk}


def test_hundreds_are_claimed_in_a_handful_of_queries(django_assert_max_num_queries: object) -> None:
    Execution.objects.bulk_create(
        Execution(task="tests.workload.tasks.echo", why="enqueue", run_after=NOON) for _ in range(500)
    )
    worker = make_worker()
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        assert len(claimed(worker, {"default": 500})) == 500
