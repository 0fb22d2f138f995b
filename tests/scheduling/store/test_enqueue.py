"""enqueue: a queued run for whoever asks, checked before it is written."""

from datetime import timedelta

import pytest

from scheduling import store
from scheduling.exceptions import InvalidArguments, UnknownTask
from scheduling.models import Execution, Job, State, Why
from tests.factories import NOON, make_execution, make_job

pytestmark = pytest.mark.django_db


def test_run_now_queues_a_run_with_the_jobs_arguments() -> None:
    job = make_job(arguments={"value": 1})
    run = store.enqueue(job, now=NOON, by="ada")
    assert (run.state, run.why, run.requested_by, run.run_after) == (State.QUEUED, Why.RUN_NOW, "ada", NOON)
    assert (run.job_id, run.arguments, run.scheduled_for) == (job.pk, {"value": 1}, None)


def test_arguments_given_for_one_run_replace_the_jobs_own() -> None:
    job = make_job(arguments={"value": 1})
    assert store.enqueue(job, now=NOON, arguments={}).arguments == {}
    job.refresh_from_db()
    assert job.arguments == {"value": 1}


def test_a_run_can_be_asked_for_later() -> None:
    later = NOON + timedelta(hours=3)
    assert store.enqueue(make_job(), now=NOON, run_after=later).run_after == later


def test_a_paused_job_runs_when_asked_by_hand() -> None:
    job = make_job(paused_at=NOON, next_run_time=None)
    assert store.enqueue(job, now=NOON).state == State.QUEUED


def test_run_now_does_not_move_the_schedule() -> None:
    job = make_job()
    store.enqueue(job, now=NOON - timedelta(seconds=1))
    assert Job.objects.get(pk=job.pk).next_run_time == NOON


@pytest.mark.parametrize("arguments", [{"valeu": 1}, {"*": [1, 2]}, {"*": 1}, {"*": "a"}, [], "value"])
def test_arguments_that_do_not_fit_the_task_are_refused(arguments: object) -> None:
    job = make_job()
    with pytest.raises(InvalidArguments):
        store.enqueue(job, now=NOON, arguments=arguments)  # type: ignore[arg-type]
    assert not Execution.objects.exists()


def test_a_task_that_is_gone_is_refused() -> None:
    with pytest.raises(UnknownTask):
        store.enqueue(make_job(task="tests.workload.tasks.gone"), now=NOON)


def test_many_runs_are_queued_in_one_go_and_have_their_ids() -> None:
    rows = [Execution(task="x", why=Why.ENQUEUE, run_after=NOON) for _ in range(3)]
    queued = store.enqueue_task(rows)
    assert {row.pk for row in queued} == set(Execution.objects.values_list("pk", flat=True))
    assert None not in {row.pk for row in queued}


def test_jobs_that_ask_for_it_run_when_the_scheduler_starts() -> None:
    job = make_job(run_at_startup=True)
    make_job()
    make_job(run_at_startup=True, paused_at=NOON, next_run_time=None)
    make_job(run_at_startup=True, parked_reason="no task", next_run_time=None)
    (run,) = store.enqueue_at_startup(NOON)
    assert (run.job_id, run.why) == (job.pk, Why.STARTUP)


def test_a_job_that_cannot_run_does_not_keep_the_scheduler_from_starting() -> None:
    make_job(run_at_startup=True, task="tests.workload.tasks.gone")
    make_job(run_at_startup=True, arguments={"unknown": 1})
    well = make_job(run_at_startup=True)
    assert [run.job_id for run in store.enqueue_at_startup(NOON)] == [well.pk]


def test_what_is_queued_shows_as_not_ended() -> None:
    run = make_execution()
    assert not run.is_final
    assert (run.lateness, run.duration) == (None, None)
