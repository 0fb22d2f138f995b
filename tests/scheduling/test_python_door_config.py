"""scheduler.configure() and its like: the zone and the defaults are a program's, stores and executors are not."""

from collections.abc import Callable
from typing import Any

import pytest
from apscheduler.schedulers import SchedulerAlreadyRunningError
from apscheduler.schedulers.base import STATE_RUNNING, STATE_STOPPED

from scheduling.background import BackgroundScheduler
from scheduling.conf import Lane
from scheduling.exceptions import SchedulingError
from scheduling.loop import Scheduler
from scheduling.models import Job
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db


@pytest.fixture
def scheduler() -> BackgroundScheduler:
    return BackgroundScheduler()


def test_jobs_are_added_after_it_has_been_configured(scheduler: BackgroundScheduler) -> None:
    scheduler.configure()
    scheduler.add_job(echo, "cron", hour=2, id="films")
    assert [job.id for job in scheduler.get_jobs()] == ["films"]


def test_hours_are_those_of_the_zone_that_is_configured(scheduler: BackgroundScheduler) -> None:
    scheduler.configure(timezone="Asia/Tokyo")
    job = scheduler.add_job(echo, "cron", hour=2, id="films")
    row = Job.objects.get()
    assert row.timezone == "Asia/Tokyo"
    assert str(job.next_run_time).endswith("02:00:00+09:00")
    scheduler.add_job(echo, run_date="2030-10-13 15:30:00", id="once")
    assert f"{Job.objects.get(pk='once').run_at:%H:%M}" == "06:30"


def test_what_a_job_does_not_say_is_as_configured(scheduler: BackgroundScheduler) -> None:
    scheduler.configure({"apscheduler.job_defaults.coalesce": "false"}, job_defaults={"coalesce": False})
    assert not scheduler.add_job(echo, "cron", hour=2, id="all").coalesce
    scheduler.configure({"apscheduler.job_defaults.max_instances": "3"})
    job = scheduler.add_job(echo, "cron", hour=2, id="three")
    assert (job.max_instances, job.coalesce, job.misfire_grace_time) == (3, True, 900)
    scheduler.configure(job_defaults={"misfire_grace_time": None})
    assert scheduler.add_job(echo, "cron", hour=2, id="late").misfire_grace_time is None
    assert scheduler.add_job(echo, "cron", hour=2, id="soon", misfire_grace_time=5).misfire_grace_time == 5


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda it: it.configure(jobstores={"default": {"type": "memory"}}), "leave `jobstores` out"),
        (lambda it: it.configure({"apscheduler.jobstores.default.type": "memory"}), "leave `jobstores` out"),
        (lambda it: it.configure(executors={"default": {"type": "threadpool"}}), "Leave `executors` out"),
        (lambda it: it.add_jobstore("memory", "other"), r"leave add_jobstore\(\) out"),
        (lambda it: it.remove_jobstore("default"), r"call remove_all_jobs\(\)"),
        (lambda it: it.add_executor("threadpool", "x"), "the setting QUEUES"),
        (lambda it: it.remove_executor("default"), "the setting QUEUES"),
    ],
)
def test_stores_and_executors_are_refused_with_what_to_do(
    scheduler: BackgroundScheduler, call: Callable[[Any], Any], cure: str
) -> None:
    with pytest.raises(SchedulingError, match=cure):
        call(scheduler)
    scheduler.add_job(echo, "cron", hour=2, id="films")
    assert scheduler.get_job("films")


def test_the_loop_keeps_its_queues() -> None:
    loop = Scheduler([Lane("default", "threads", 1)])
    loop.configure(timezone="Asia/Tokyo")
    assert list(loop._executors) == ["default"]


def test_what_runs_is_not_configured(scheduler: BackgroundScheduler) -> None:
    scheduler.state = STATE_RUNNING
    with pytest.raises(SchedulerAlreadyRunningError):
        scheduler.configure(timezone="Asia/Tokyo")
    scheduler.state = STATE_STOPPED
