"""finish: a run gets its end once, from its owner; what follows a failed attempt is queued once."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling import store
from scheduling.models import Execution, State, Why, Worker
from scheduling.planning import back_off
from scheduling.snapshots import Outcome
from scheduling.store.finish import RESCUES, attempt_after
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def running(worker: Worker, **columns: Any) -> Execution:
    """A run that `worker` has started a minute ago."""
    started = {"state": State.RUNNING, "worker": worker, "started_at": NOON - MINUTE, "fence": 1}
    return make_execution(**{**started, **columns})


def end(run: Execution, state: State = State.SUCCEEDED, **more: Any) -> Outcome:
    return Outcome(**{"id": run.pk, "fence": run.fence, "state": state, "finished_at": NOON, **more})


def finish(worker: Worker, *outcomes: Outcome) -> store.Finished:
    return store.finish(worker.pk, list(outcomes), NOON)


def test_the_end_of_a_run_is_written_into_its_row() -> None:
    worker = make_worker()
    run = running(worker, job=make_job(), instance=0)
    done = finish(worker, end(run, result={"films": [1, None, "é"]}))
    run.refresh_from_db()
    assert (run.state, run.finished_at, run.instance) == (State.SUCCEEDED, NOON, None)
    assert run.result == {"films": [1, None, "é"]}
    assert run.duration == MINUTE
    assert [outcome.id for outcome in done.written] == [run.pk]


def test_an_error_is_written_with_class_message_and_traceback() -> None:
    worker = make_worker()
    run = running(worker)
    told = {"error_class": "builtins.ValueError", "error_message": "no", "traceback": "Traceback …"}
    finish(worker, end(run, State.FAILED, **told))
    run.refresh_from_db()
    assert {name: getattr(run, name) for name in told} == told


def test_an_outcome_without_a_result_leaves_none() -> None:
    worker = make_worker()
    run = running(worker)
    finish(worker, end(run))
    assert Execution.objects.filter(pk=run.pk, result__isnull=True).exists()


def test_an_outcome_of_another_worker_is_refused() -> None:
    run = running(make_worker())
    done = finish(make_worker(), end(run))
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert [outcome.id for outcome in done.refused] == [run.pk]


def test_an_outcome_with_an_old_fence_is_refused() -> None:
    worker = make_worker()
    run = running(worker, fence=3)
    done = finish(worker, end(run, fence=1))
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert done.refused


def test_an_end_never_changes() -> None:
    worker = make_worker()
    run = running(worker)
    finish(worker, end(run, State.FAILED))
    done = finish(worker, end(run, State.SUCCEEDED))
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert done.refused


def test_a_late_outcome_does_not_keep_the_others_from_being_written() -> None:
    worker = make_worker()
    late, well = running(worker, fence=2), running(worker)
    done = finish(worker, end(late, fence=1), end(well))
    well.refresh_from_db()
    assert well.state == State.SUCCEEDED
    assert ([outcome.id for outcome in done.written], [outcome.id for outcome in done.refused]) == (
        [well.pk],
        [late.pk],
    )


def test_a_failed_run_with_attempts_left_is_tried_again() -> None:
    worker = make_worker()
    run = running(worker, job=make_job(), max_attempts=3, arguments={"value": 1}, requested_by="ada")
    done = finish(worker, end(run, State.FAILED))
    again = Execution.objects.queued().get()
    assert (again.why, again.attempt, again.root_id, again.job_id) == (Why.RETRY, 2, run.pk, run.job_id)
    assert (again.arguments, again.max_attempts, again.requested_by) == ({"value": 1}, 3, "ada")
    assert done.retries[run.pk].attempt == 2


def test_all_attempts_bear_the_root_of_the_first() -> None:
    worker = make_worker()
    run = running(worker, max_attempts=3, attempt=2, root_id=17)
    finish(worker, end(run, State.TIMED_OUT))
    assert Execution.objects.queued().get().root_id == 17


def test_the_last_attempt_is_the_last() -> None:
    worker = make_worker()
    run = running(worker, max_attempts=2, attempt=2, root_id=17)
    finish(worker, end(run, State.FAILED))
    assert not Execution.objects.queued().exists()


def test_an_attempt_that_is_there_already_is_not_made_again() -> None:
    worker = make_worker()
    run = running(worker, max_attempts=3)
    there = attempt_after(run, Why.RETRY, NOON, NOON)
    there.save()
    finish(worker, end(run, State.FAILED))
    assert list(Execution.objects.queued()) == [there]
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_the_wait_doubles_with_each_attempt_within_a_quarter() -> None:
    for attempt, seconds in ((1, 30), (2, 60), (3, 120), (4, 240)):
        run = Execution(attempt=attempt)
        waits = [back_off(run).total_seconds() for _ in range(50)]
        assert 0.75 * seconds <= min(waits) < max(waits) <= 1.25 * seconds


def test_the_wait_has_a_limit() -> None:
    run = Execution(attempt=30, backoff_max=timedelta(hours=1))
    assert back_off(run) <= timedelta(minutes=75)


def test_the_longest_spans_that_a_column_holds_lead_to_no_error() -> None:
    worker = make_worker()
    most = timedelta(days=100_000_000)
    run = running(worker, max_attempts=100, attempt=99, root_id=17, backoff=most, backoff_max=most)
    finish(worker, end(run, State.FAILED))
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert Execution.objects.queued().get().run_after > NOON + timedelta(days=300)


def test_a_task_that_names_its_delay_is_run_again_after_it() -> None:
    worker = make_worker()
    run = running(worker, max_attempts=2)
    finish(worker, end(run, State.FAILED, retry_in=90.0))
    assert Execution.objects.queued().get().run_after == NOON + timedelta(seconds=90)


def test_a_delay_of_ten_thousand_years_does_not_stop_the_worker() -> None:
    worker = make_worker()
    run = running(worker, max_attempts=2)
    finish(worker, end(run, State.FAILED, retry_in=1e12))
    run.refresh_from_db()
    assert run.state == State.FAILED


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT, State.LOST])
def test_a_run_that_someone_cancelled_is_never_tried_again(state: State) -> None:
    worker = make_worker()
    run = running(worker, max_attempts=5, idempotent=True, cancel_requested_at=NOON)
    finish(worker, end(run, state))
    assert not Execution.objects.queued().exists()


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED])
def test_what_did_not_fail_is_not_tried_again(state: State) -> None:
    worker = make_worker()
    finish(worker, end(running(worker, max_attempts=5), state))
    assert not Execution.objects.queued().exists()


def test_an_outcome_that_forbids_it_is_not_tried_again() -> None:
    worker = make_worker()
    finish(worker, end(running(worker, max_attempts=5), State.FAILED, may_retry=False))
    assert not Execution.objects.queued().exists()


def test_a_lost_run_of_an_idempotent_task_is_run_again_at_once() -> None:
    worker = make_worker()
    finish(worker, end(running(worker, idempotent=True), State.LOST))
    again = Execution.objects.queued().get()
    assert (again.why, again.attempt, again.run_after) == (Why.RESCUE, 2, NOON)


def test_a_lost_run_of_any_other_task_is_not() -> None:
    worker = make_worker()
    finish(worker, end(running(worker, max_attempts=5), State.LOST))
    assert not Execution.objects.queued().exists()


def test_a_run_that_is_lost_again_and_again_is_given_up() -> None:
    worker = make_worker()
    run = running(worker, idempotent=True)
    attempts = 1
    while True:
        finish(worker, end(run, State.LOST))
        again = Execution.objects.queued().first()
        if again is None:
            break
        attempts += 1
        (snapshot,) = store.claim(worker.pk, {"default": 1}, NOON)
        run = Execution.objects.get(pk=snapshot.id)
    assert attempts == 1 + RESCUES


def test_a_run_that_succeeded_before_it_was_told_to_stop_has_succeeded() -> None:
    worker = make_worker()
    run = running(worker)
    store.cancel(run, by="ada", now=NOON)
    finish(worker, end(run, State.SUCCEEDED, result=7))
    run.refresh_from_db()
    assert (run.state, run.reason, run.result) == (State.SUCCEEDED, "", 7)


def test_a_cancelled_run_keeps_the_reason_of_its_cancellation() -> None:
    worker = make_worker()
    run = running(worker)
    store.cancel(run, by="ada", now=NOON, reason="wrong month")
    finish(worker, end(run, State.CANCELLED))
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.CANCELLED, "wrong month")


def test_a_long_reason_is_cut() -> None:
    worker = make_worker()
    run = running(worker)
    finish(worker, end(run, State.FAILED, reason="x" * 9_000))
    run.refresh_from_db()
    assert len(run.reason) == 500


def test_hundreds_end_in_a_handful_of_queries(django_assert_max_num_queries: Any) -> None:
    worker = make_worker()
    Execution.objects.bulk_create(
        Execution(task="x", why="enqueue", run_after=NOON, state=State.RUNNING, worker=worker, started_at=NOON)
        for _ in range(300)
    )
    runs = list(Execution.objects.all())
    with django_assert_max_num_queries(10):
        finish(worker, *(end(run) for run in runs))
    assert Execution.objects.filter(state=State.SUCCEEDED).count() == 300
