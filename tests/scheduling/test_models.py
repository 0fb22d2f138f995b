"""What the database itself refuses, and what a row knows of itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from scheduling.models import Execution, Job, State
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "columns",
    [
        {"cron": ""},
        {"trigger": "interval", "interval": None},
        {"trigger": "interval", "interval": timedelta(milliseconds=999)},
        {"trigger": "date", "run_at": None},
        {"trigger": "solstice"},
        {"priority": 101},
        {"priority": -101},
        {"max_instances": 0},
        {"max_attempts": 0},
        {"overlap": "shrug"},
        {"origin": "moon"},
        {"queue": ""},
        {"timezone": ""},
        {"timeout": timedelta(seconds=-1)},
        {"misfire_grace_time": timedelta(seconds=-1)},
        {"jitter": timedelta(seconds=-1)},
        {"start_at": NOON, "end_at": NOON - timedelta(seconds=1)},
    ],
    ids=str,
)
def test_the_database_refuses_a_job_that_makes_no_sense(columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_job(**columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "dreaming"},
        {"why": "because"},
        {"backoff": timedelta(seconds=-1)},
        {"state": State.RUNNING, "started_at": NOON},
        {"state": State.RUNNING, "worker_id": "00000000-0000-0000-0000-000000000001"},
        {"state": State.SUCCEEDED},
        {"state": State.QUEUED, "finished_at": NOON},
    ],
    ids=str,
)
def test_the_database_refuses_an_execution_in_no_possible_state(columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_execution(**columns)


def test_a_moment_of_a_job_has_one_row() -> None:
    job = make_job()
    make_execution(job, scheduled_for=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_execution(job, scheduled_for=NOON)


def test_an_attempt_has_one_row() -> None:
    make_execution(root_id=1, attempt=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_execution(root_id=1, attempt=2)


def test_runs_that_no_moment_asked_for_may_be_many() -> None:
    job = make_job()
    make_execution(job)
    make_execution(job)
    assert job.executions.count() == 2


@pytest.mark.parametrize("job_id", ["nightly", "a", "watch.history:all_users-2", "9to5"])
def test_an_id_of_letters_digits_and_a_few_signs_is_good(job_id: str) -> None:
    make_job(id=job_id).full_clean()


@pytest.mark.parametrize("job_id", ["", "-x", "a b", "a/b", "a\n", "é", "x" * 101, "<b>"])
def test_any_other_id_is_refused(job_id: str) -> None:
    job = Job(id=job_id, name="x", task="x", trigger="manual")
    with pytest.raises(ValidationError) as caught:
        job.full_clean()
    assert "id" in caught.value.message_dict


def test_a_run_knows_how_late_and_how_long_it_was() -> None:
    run = make_execution(
        scheduled_for=NOON,
        state=State.SUCCEEDED,
        worker=make_worker(),
        started_at=NOON + timedelta(seconds=2),
        finished_at=NOON + timedelta(seconds=5),
    )
    assert (run.lateness, run.duration) == (timedelta(seconds=2), timedelta(seconds=3))
    assert run.is_final


def test_a_run_that_no_moment_asked_for_is_late_from_when_it_might_have_started() -> None:
    run = Execution(run_after=NOON, started_at=NOON + timedelta(seconds=1))
    assert run.lateness == timedelta(seconds=1)


def test_a_start_before_the_moment_counts_as_on_time() -> None:
    run = Execution(scheduled_for=NOON, run_after=NOON, started_at=NOON - timedelta(milliseconds=3))
    assert run.lateness == timedelta()


def test_a_job_without_a_time_out_takes_the_tasks_own_limit_along() -> None:
    assert make_job(timeout=None).snapshot()["timeout"] == timedelta(hours=1)
    assert make_job(timeout=timedelta(seconds=5)).snapshot()["timeout"] == timedelta(seconds=5)


def test_a_list_of_runs_does_not_load_their_texts() -> None:
    make_execution(traceback="long")
    (run,) = Execution.objects.light()
    assert {"traceback", "result", "arguments", "error_message"} <= run.get_deferred_fields()
