"""What the doctor says of jobs: parked, without a task, unserved, overdue; and of their history."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.doctor import jobs
from scheduling.doctor.findings import Severity
from scheduling.doctor.jobs import PRUNES
from scheduling.doctor.sight import Sight
from scheduling.models import Queue, State
from scheduling.store import ensure_queues, pause_queue
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def scheduler(db: None) -> None:
    make_worker(queues={"default": 4, "light": 16})


def pruned(**columns: Any) -> None:
    make_job(**{"id": "prune_history", "task": PRUNES, "next_run_time": NOON + MINUTE, **columns})


def codes() -> list[str]:
    sight = Sight(NOON)
    return [each.code for examine in jobs.EXAMINATIONS for each in examine(sight)]


def test_jobs_that_can_run_give_no_reason_to_complain() -> None:
    pruned()
    make_job()
    make_job(next_run_time=None, trigger="manual", queue="elsewhere")
    assert codes() == []


def test_jobs_that_are_parked_for_the_same_reason_are_one_finding() -> None:
    pruned()
    for number in range(7):
        make_job(id=f"job{number}", parked_reason="No task 'x.y' is registered.", next_run_time=None)
    make_job(id="odd", parked_reason="Never matches.", next_run_time=None)
    found = {each.what: each.cure for each in jobs.parked(Sight(NOON))}
    many, one = sorted(found)[::-1]
    assert many.startswith("7 jobs cannot run and are parked: job0, job1, job2, job3, job4 and 2 more. No task 'x.y'")
    assert one.startswith("1 job cannot run and is parked: odd.")
    assert "manage.py jobs remove job0" in found[many]


def test_a_task_that_no_app_has_is_an_error_before_its_job_is_parked() -> None:
    make_job(id="films", task="gone.tasks.fetch")
    make_execution(task="other.tasks.run")
    make_execution(task="ended.tasks.run", state=State.CANCELLED, finished_at=NOON)
    (finding,) = jobs.unknown_tasks(Sight(NOON))
    assert finding.severity is Severity.ERROR
    assert "the tasks gone.tasks.fetch, other.tasks.run (of films)" in finding.what


def test_a_queue_that_nobody_serves_is_told_with_the_way_to_serve_it() -> None:
    make_job(id="films", queue="light")
    make_execution(queue="light")
    make_execution(queue="typo")
    make_worker(queues={"light": 1}, heartbeat_at=NOON - MINUTE)
    assert [each.code for each in jobs.unserved(Sight(NOON))] == ["queue-unserved"]
    sight = Sight(NOON)
    sight.at_work[0].queues = {"default": 4}
    light, typo = jobs.unserved(sight)
    assert "'light'; 1 run and 1 job in it wait: films" in light.what
    assert "runscheduler --queues light" in light.cure
    assert "add it to QUEUES" in typo.cure


def test_a_job_that_is_due_and_not_fired_is_an_error_unless_its_queue_is_paused() -> None:
    make_job(id="films", next_run_time=NOON - 50 * timedelta(seconds=1))
    assert not list(jobs.overdue(Sight(NOON)))
    make_job(id="books", next_run_time=NOON - 3 * MINUTE, queue="light")
    (finding,) = jobs.overdue(Sight(NOON))
    assert "1 job is overdue, books since Mon 2026-03-02 11:57:00 UTC (3 min)" in finding.what
    ensure_queues()
    pause_queue(Queue.objects.get(pk="light"), by="ada", now=NOON)
    assert not list(jobs.overdue(Sight(NOON)))


def test_an_exclusive_job_in_threads_is_told() -> None:
    make_job(id="films", exclusive=True)
    assert not list(jobs.exclusive_in_threads(Sight(NOON)))
    make_job(id="books", exclusive=True, queue="light")
    (finding,) = jobs.exclusive_in_threads(Sight(NOON))
    assert "1 exclusive job is in a queue of threads" in finding.what
    assert finding.cure == "Give it a queue of processes: default."


def test_a_history_that_nothing_prunes_is_told_before_it_is_huge(settings: Any) -> None:
    pruned(paused_at=NOON, next_run_time=None)
    (finding,) = jobs.history(Sight(NOON))
    assert (finding.severity, finding.cure) == (Severity.INFO, "manage.py jobs resume prune_history")
    make_execution(pk=1)
    make_execution(pk=200_000)
    (finding,) = jobs.history(Sight(NOON))
    assert finding.severity is Severity.WARNING
    settings.SCHEDULING = {**settings.SCHEDULING, "KEEP_DAYS": 0, "KEEP_UNWELL_DAYS": 0}
    assert not list(jobs.history(Sight(NOON)))
    make_execution(pk=1_200_000)
    (finding,) = jobs.history(Sight(NOON))
    assert finding.what.startswith("The history has about 1,200,000 runs, and KEEP_DAYS and KEEP_UNWELL_DAYS are 0")


def test_an_installation_without_jobs_is_healthy_but_idle() -> None:
    assert codes() == ["no-jobs"]
