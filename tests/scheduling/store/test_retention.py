"""History is deleted by job, outcome and age, in batches; what still tells how a job stands is kept."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.models import Execution, Job, LogChunk, State, Worker, WorkerState
from scheduling.store import retention
from tasks.models import TaskRecord
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def spans(settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "KEEP_DAYS": 30, "KEEP_UNWELL_DAYS": 90}


def ended(days: float, state: State = State.SUCCEEDED, job: Job | None = None, **columns: Any) -> Execution:
    """A run that ended so many days before noon."""
    moment = NOON - days * DAY
    began = {} if state == State.SKIPPED else {"started_at": moment}
    return make_execution(job, **{"state": state, "finished_at": moment, **began, **columns})


def prune() -> set[int]:
    """The ids of the runs that were deleted, each told once."""
    told = [run.pk for batch in retention.prune(NOON) for run in batch]
    assert len(told) == len(set(told))
    assert not Execution.objects.filter(pk__in=told).exists()
    return set(told)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.SKIPPED, State.CANCELLED])
def test_a_run_that_went_well_is_kept_as_long_as_the_settings_say(state: State) -> None:
    old, young = ended(31, state), ended(29, state)
    assert prune() == {old.pk}
    assert Execution.objects.get() == young


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT, State.LOST])
def test_a_run_that_did_not_is_kept_for_a_span_of_its_own(state: State) -> None:
    old, young = ended(91, state), ended(89, state)
    assert prune() == {old.pk}
    assert Execution.objects.get() == young


def test_a_job_may_keep_its_runs_for_longer_or_shorter() -> None:
    short, long = make_job(keep_for=DAY), make_job(keep_for=60 * DAY, keep_unwell_for=365 * DAY)
    gone = [ended(2, job=short), ended(61, job=long), ended(31)]
    kept = [ended(31, job=long), ended(100, State.FAILED, long), ended(0.5, job=short), ended(2, State.FAILED, short)]
    kept += [ended(1, job=long)]
    assert prune() == {run.pk for run in gone}
    assert set(Execution.objects.all()) == set(kept)


def test_nought_is_for_ever(settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "KEEP_DAYS": 0}
    archive = make_job(keep_unwell_for=timedelta(0))
    ended(3000)
    ended(3000, State.FAILED, archive)
    gone = ended(3000, State.FAILED)
    ended(1, job=archive)
    assert prune() == {gone.pk}


def test_what_waits_or_runs_is_never_deleted(settings: Any) -> None:
    make_execution(created_at=NOON - 3000 * DAY)
    make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON - 3000 * DAY)
    assert prune() == set()


def test_the_last_run_of_a_job_and_its_last_success_stay_however_old() -> None:
    yearly = make_job()
    earlier, success = ended(500, job=yearly), ended(400, job=yearly)
    failure, skipped = ended(300, State.FAILED, yearly), ended(200, State.SKIPPED, yearly)
    assert prune() == {earlier.pk, skipped.pk}
    assert set(Execution.objects.all()) == {success, failure}


def test_the_history_of_a_deleted_job_follows_the_settings() -> None:
    job = make_job(keep_for=timedelta(0))
    old, young = ended(31, job=job), ended(29, job=job)
    Job.objects.filter(pk=job.pk).delete()
    assert prune() == {old.pk}
    assert Execution.objects.get() == young


def test_with_a_run_go_its_log_and_its_records() -> None:
    old, young = ended(31), ended(29)
    for run in (old, young):
        LogChunk.objects.create(execution=run, text="a line")
        TaskRecord.objects.create(execution=run, task_name="a")
    prune()
    assert LogChunk.objects.get().execution == young
    assert TaskRecord.objects.get().execution == young


def test_batches_are_small_and_come_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    runs = [ended(days) for days in (50, 40, 40, 40, 35)]  # more that ended at one moment than a batch holds
    batches = [[run.pk for run in batch] for batch in retention.prune(NOON)]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert (batches[0][0], batches[-1][-1]) == (runs[0].pk, runs[-1].pk)


def test_a_pruning_that_stops_half_way_leaves_what_it_has_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    for days in (33, 32, 31):
        ended(days)
    assert len(next(retention.prune(NOON))) == 1
    assert Execution.objects.count() == 2


def test_workers_stay_as_long_as_a_run_may_name_them(settings: Any) -> None:
    make_worker(state=WorkerState.STOPPED, stopped_at=NOON - 91 * DAY)
    make_worker(state=WorkerState.DEAD, stopped_at=NOON - 91 * DAY)
    make_worker(state=WorkerState.DEAD, stopped_at=NOON - 89 * DAY)
    make_worker(heartbeat_at=NOON - 91 * DAY)
    assert retention.prune_workers(NOON) == 2
    settings.SCHEDULING = {**settings.SCHEDULING, "KEEP_DAYS": 0}
    Worker.objects.update(stopped_at=NOON - 3000 * DAY)
    assert retention.prune_workers(NOON) == 0
