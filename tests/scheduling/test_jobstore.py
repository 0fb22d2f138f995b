"""APScheduler's API over our rows: what it adds, changes, pauses and removes, and what it must leave alone."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from apscheduler import events as ap
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger

from scheduling import store
from scheduling.exceptions import InvalidTrigger, UnknownTask
from scheduling.loop import Scheduler
from scheduling.models import Change, Execution, Job, Origin
from tests.factories import ECHO, NOON, make_job
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that has been started and does not turn."""
    scheduler = Scheduler(lanes=[])
    BaseScheduler.start(scheduler, paused=True)
    yield scheduler
    scheduler.shutdown()


def row(job_id: str = "films") -> Job:
    return Job.objects.get(pk=job_id)


def add(scheduler: Scheduler, **keywords: Any) -> Any:
    return scheduler.add_job(
        echo, **{"trigger": "cron", "hour": 2, "id": "films", "replace_existing": True, **keywords}
    )


def test_a_job_comes_in_by_apschedulers_own_keywords(scheduler: Scheduler) -> None:
    add(
        scheduler,
        minute=30,
        name="All films",
        kwargs={"value": 7},
        executor="light",
        misfire_grace_time=60,
        coalesce=False,
        max_instances=3,
        jitter=10,
    )
    job = row()
    assert (job.name, job.task, job.cron, job.arguments) == ("All films", ECHO, "30 2 * * *", {"value": 7})
    assert (job.queue, job.coalesce, job.max_instances) == ("light", False, 3)
    assert (job.misfire_grace_time, job.jitter) == (timedelta(minutes=1), timedelta(seconds=10))
    assert job.origin == Origin.API
    assert job.next_run_time is not None


def test_what_is_not_said_takes_our_defaults(scheduler: Scheduler) -> None:
    add(scheduler)
    job = row()
    assert (job.name, job.queue, job.coalesce, job.max_instances) == ("Echo", "default", True, 1)
    assert job.misfire_grace_time == timedelta(minutes=15)


def test_a_task_can_be_named_by_its_path_and_positional_arguments_work(scheduler: Scheduler) -> None:
    scheduler.add_job("tests.workload.tasks:echo", "interval", args=[7], minutes=5, id="films")
    assert (row().task, row().arguments, row().interval) == (ECHO, {"*": [7]}, timedelta(minutes=5))


def test_a_trigger_object_works_too(scheduler: Scheduler) -> None:
    add(scheduler, trigger=CronTrigger(hour=4, timezone="Europe/Berlin"), hour=None)
    assert (row().cron, row().timezone) == ("0 4 * * *", "Europe/Berlin")


@pytest.mark.parametrize("target", ["os:system", "builtins.eval", print])
def test_what_is_no_registered_task_is_refused(target: Any, scheduler: Scheduler) -> None:
    with pytest.raises(UnknownTask):
        scheduler.add_job(target, "cron", hour=2, id="films")
    assert not Job.objects.exists()


def test_a_trigger_without_columns_is_refused(scheduler: Scheduler) -> None:
    from apscheduler.triggers.combining import OrTrigger

    with pytest.raises(InvalidTrigger):
        scheduler.add_job(echo, OrTrigger([CronTrigger(hour=2)]), id="films")


def test_an_id_that_is_taken_is_refused_unless_replacing_was_asked_for(scheduler: Scheduler) -> None:
    add(scheduler)
    with pytest.raises(ConflictingIdError):
        add(scheduler, replace_existing=False)


def test_adding_a_job_again_never_moves_its_next_run(scheduler: Scheduler) -> None:
    add(scheduler)
    Job.objects.update(next_run_time=NOON)
    add(scheduler)
    add(scheduler, name="Renamed")
    assert (row().next_run_time, row().name) == (NOON, "Renamed")


def test_adding_a_job_again_never_resumes_it(scheduler: Scheduler) -> None:
    add(scheduler)
    store.pause(row(), by="ada", now=NOON)
    add(scheduler, hour=5)
    assert (row().paused_by, row().next_run_time, row().cron) == ("ada", None, "0 5 * * *")


def test_adding_a_job_again_never_overwrites_what_staff_changed(scheduler: Scheduler) -> None:
    add(scheduler)
    Job.objects.update(cron="0 9 * * *", name="Ada's films")
    add(scheduler, hour=5, name="Films")
    assert (row().cron, row().name) == ("0 9 * * *", "Ada's films")


def test_a_job_is_rescheduled(scheduler: Scheduler) -> None:
    add(scheduler)
    before = row().next_run_time
    scheduler.reschedule_job("films", trigger="interval", minutes=5)
    assert (row().trigger, row().interval) == ("interval", timedelta(minutes=5))
    assert row().next_run_time != before


def test_a_job_is_modified_and_all_else_stays(scheduler: Scheduler) -> None:
    add(scheduler, jitter=10)
    Job.objects.update(next_run_time=NOON, priority=9, timeout=timedelta(seconds=5))
    scheduler.modify_job("films", name="New", kwargs={"value": 8})
    job = row()
    assert (job.name, job.arguments, job.priority, job.timeout) == ("New", {"value": 8}, 9, timedelta(seconds=5))
    assert (job.cron, job.next_run_time, job.jitter) == ("0 2 * * *", NOON, timedelta(seconds=10))


def test_a_job_without_misfire_grace_time_keeps_none(scheduler: Scheduler) -> None:
    add(scheduler, misfire_grace_time=None)
    scheduler.modify_job("films", name="New")
    assert row().misfire_grace_time is None


def test_a_job_is_paused_and_resumed(scheduler: Scheduler) -> None:
    add(scheduler)
    paused = scheduler.pause_job("films")
    assert (row().paused_by, row().next_run_time, paused.next_run_time) == ("APScheduler", None, None)
    resumed = scheduler.resume_job("films")
    assert row().paused_at is None
    assert resumed.next_run_time == row().next_run_time is not None


def test_a_job_object_can_do_the_same(scheduler: Scheduler) -> None:
    add(scheduler)
    job = scheduler.get_job("films")
    job.pause()
    assert row().paused_at is not None
    job.resume()
    job.reschedule("cron", hour=7)
    assert (row().paused_at, row().cron) == (None, "0 7 * * *")
    job.remove()
    assert not Job.objects.exists()


def test_a_job_is_removed_and_its_history_stays(scheduler: Scheduler) -> None:
    add(scheduler)
    store.enqueue(row(), now=NOON)
    scheduler.remove_job("films")
    assert not Job.objects.exists()
    assert Execution.objects.get().reason == "Its job was deleted."
    assert Change.objects.filter(action="deleted", by="APScheduler").exists()


def test_all_jobs_are_removed(scheduler: Scheduler) -> None:
    make_job()
    make_job()
    scheduler.remove_all_jobs()
    assert not Job.objects.exists()


@pytest.mark.parametrize("verb", ["pause_job", "resume_job", "remove_job", "reschedule_job", "modify_job"])
def test_a_job_that_is_not_there_is_not_found(verb: str, scheduler: Scheduler) -> None:
    with pytest.raises(JobLookupError):
        getattr(scheduler, verb)("nowhere")
    assert scheduler.get_job("nowhere") is None


def test_jobs_come_in_the_order_of_their_next_run_the_paused_ones_last(scheduler: Scheduler) -> None:
    make_job(id="later", next_run_time=NOON + timedelta(hours=1))
    make_job(id="paused", next_run_time=None, paused_at=NOON)
    make_job(id="sooner", next_run_time=NOON)
    assert [job.id for job in scheduler.get_jobs()] == ["sooner", "later", "paused"]


def test_a_job_whose_task_is_gone_is_listed_and_not_deleted(scheduler: Scheduler) -> None:
    make_job(id="gone", task="tests.workload.tasks.gone", cron="not even a cron")
    (job,) = scheduler.get_jobs()
    assert (job.id, job.func_ref) == ("gone", "tests.workload.tasks:gone")
    assert Job.objects.filter(pk="gone").exists()


def test_calling_a_jobs_function_queues_a_run(scheduler: Scheduler) -> None:
    add(scheduler, kwargs={"value": 7})
    job = scheduler.get_job("films")
    job.func(*job.args, **job.kwargs)
    assert Execution.objects.queued().get().arguments == {"value": 7}


def test_a_scheduler_that_does_not_run_edits_the_table_at_once() -> None:
    scheduler = Scheduler(lanes=[])
    job = add(scheduler)
    assert (job.pending, row().cron) == (False, "0 2 * * *")
    assert [each.id for each in scheduler.get_jobs()] == ["films"]
    scheduler.pause_job("films")
    assert row().paused_at is not None
    scheduler.remove_job("films")
    assert not Job.objects.exists()


def test_listeners_hear_of_additions_changes_and_removals(scheduler: Scheduler) -> None:
    heard: list[tuple[int, str]] = []
    scheduler.add_listener(
        lambda event: heard.append((event.code, event.job_id)),
        ap.EVENT_JOB_ADDED | ap.EVENT_JOB_MODIFIED | ap.EVENT_JOB_REMOVED,
    )
    add(scheduler)
    scheduler.modify_job("films", name="New")
    scheduler.pause_job("films")
    scheduler.resume_job("films")
    scheduler.remove_job("films")
    modified = (ap.EVENT_JOB_MODIFIED, "films")
    assert heard == [(ap.EVENT_JOB_ADDED, "films"), *[modified] * 3, (ap.EVENT_JOB_REMOVED, "films")]


def test_no_pickle_is_read(scheduler: Scheduler) -> None:
    read: list[tuple[Any, ...]] = []
    listening = True

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if listening and event == "pickle.find_class":
            read.append(args)

    sys.addaudithook(listen)  # there is no way to take it off again
    add(scheduler, kwargs={"value": 7})
    scheduler.modify_job("films", name="New")
    scheduler.get_jobs()
    scheduler.pause_job("films")
    scheduler.resume_job("films")
    scheduler.remove_job("films")
    listening = False
    assert read == []


def test_apschedulers_own_way_to_run_a_job_is_closed(scheduler: Scheduler) -> None:
    from scheduling.executors.threads import ThreadExecutor

    with pytest.raises(TypeError, match=r"store\.enqueue"):
        ThreadExecutor(1)._do_submit_job(None, [])
