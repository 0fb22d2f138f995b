"""What the doctor says of queues: paused, too full, blocked by a job that is going, by runs that outlive their time."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.doctor import queues
from scheduling.doctor.findings import Severity
from scheduling.doctor.sight import Sight
from scheduling.models import Execution, Job, Queue, State
from scheduling.store import ensure_queues, pause_queue
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def worker(db: None) -> Any:
    return make_worker(queues={"default": 4}).pk


def running(job: Job | None, worker: Any, since: timedelta = HOUR, **columns: Any) -> Execution:
    state = {"state": State.RUNNING, "worker_id": worker, "started_at": NOON - since}
    return make_execution(job, **{**state, **columns})


def codes() -> list[str]:
    sight = Sight(NOON)
    return [each.code for examine in queues.EXAMINATIONS for each in examine(sight)]


@pytest.mark.parametrize(
    ("since", "until", "severity"),
    [
        (HOUR, None, Severity.INFO),
        (25 * HOUR, None, Severity.WARNING),
        (25 * HOUR, NOON + HOUR, Severity.INFO),  # it will not be forgotten
    ],
)
def test_a_paused_queue_is_worth_a_warning_when_it_may_be_forgotten(since: Any, until: Any, severity: Any) -> None:
    ensure_queues()
    pause_queue(Queue.objects.get(pk="default"), by="ada", now=NOON - since, until=until, reason="the disk is full.")
    make_execution(run_after=NOON - 23 * HOUR)
    (finding,) = queues.paused(Sight(NOON))
    assert (finding.severity, finding.cure) == (severity, "manage.py queues resume default")
    assert "by ada: the disk is full. 1 run waits in it." in finding.what
    assert codes() == ["queue-paused"]


def test_runs_that_wait_long_for_a_place_are_a_backlog() -> None:
    make_execution(run_after=NOON - 4 * MINUTE)
    make_execution(run_after=NOON + HOUR, created_at=NOON - HOUR)
    assert codes() == []
    make_execution(run_after=NOON - 23 * MINUTE)
    (finding,) = queues.backlog(Sight(NOON))
    assert "2 runs of the queue default wait for one of its 4 places, the oldest since" in finding.what
    assert "(23 min)" in finding.what


def test_runs_that_wait_for_another_of_their_job_are_no_backlog(worker: Any) -> None:
    job = make_job(id="films")
    first = running(job, worker, timeout=None)
    make_execution(job, run_after=NOON - 10 * MINUTE)
    assert codes() == ["job-full"]
    (finding,) = queues.full_jobs(Sight(NOON))
    assert f"1 run of films wait for an end of #{first.pk}, which is running since" in finding.what
    assert f"manage.py executions cancel {first.pk}" in finding.cure
    job.max_instances = 2
    Execution.objects.update(max_instances=2)
    assert codes() == ["backlog"]


def test_a_run_that_outlives_its_time_out_is_an_error(worker: Any) -> None:
    running(None, worker, timeout=59 * MINUTE, max_instances=None)
    assert codes() == []
    run = running(None, worker, timeout=58 * MINUTE, max_instances=None)
    (finding,) = queues.overtime(Sight(NOON))
    assert f"1 run still going after the time-out: echo #{run.pk}" in finding.what.replace("tests.workload.tasks.", "")
