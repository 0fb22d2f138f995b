"""APScheduler's calls on rows: what the stock scheduler would keep to itself, or give no meaning here."""

import io
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psutil
import pytest
import time_machine
from apscheduler.jobstores.base import JobLookupError
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from django.tasks import task
from django.utils import timezone

from scheduling import store
from scheduling.background import ALL_PAUSED, BackgroundScheduler
from scheduling.exceptions import InvalidArguments, InvalidJob, InvalidTrigger, SchedulingError, UnknownTask
from scheduling.models import Backfill, Cause, Execution, Job, Queue, State
from tests.factories import ECHO, NOON, make_execution, make_job
from tests.scheduling.loops import in_a_loop
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def clock() -> Any:
    """It is noon, and stays so unless the test moves on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def scheduler() -> BackgroundScheduler:
    """One that has not been started, as in a process that serves pages."""
    return BackgroundScheduler()


def row(job_id: str = "films") -> Job:
    return Job.objects.get(pk=job_id)


def add(scheduler: BackgroundScheduler, **keywords: Any) -> Any:
    return scheduler.add_job(
        echo, **{"trigger": "cron", "hour": 2, "id": "films", "replace_existing": True, **keywords}
    )


def ledger(job_id: str = "films") -> list[tuple[datetime | None, str]]:
    return list(Execution.objects.filter(job=job_id).order_by("scheduled_for").values_list("scheduled_for", "state"))


# Adding


def test_what_comes_back_shows_the_row(scheduler: BackgroundScheduler) -> None:
    job = add(scheduler, name="All films", args=[7])
    assert (job.id, job.name, job.args, job.pending, job.state) == ("films", "All films", (7,), False, "scheduled")
    assert job.next_run_time == row().next_run_time == NOON + 14 * HOUR
    assert str(job) == "All films (trigger: At 02:00, every day, next run at: 2026-03-03 02:00:00 UTC)"


def test_hours_are_those_of_the_project(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    job = add(BackgroundScheduler())
    assert (row().timezone, row().next_run_time) == ("Europe/Berlin", datetime(2026, 3, 3, 1, tzinfo=UTC))
    assert str(job.next_run_time) == "2026-03-03 02:00:00+01:00"


def test_a_job_may_name_its_own_zone(scheduler: BackgroundScheduler) -> None:
    add(scheduler, timezone="Asia/Tokyo")
    assert (row().timezone, row().next_run_time) == ("Asia/Tokyo", NOON + 5 * HOUR)


def test_without_an_id_a_job_is_called_by_its_task(scheduler: BackgroundScheduler) -> None:
    first, second = (scheduler.add_job(echo, "cron", hour=2) for _ in range(2))
    assert first.id != second.id
    assert first.id.startswith("echo-")


def test_an_interval_object_that_names_no_start_stays_where_it_is_when_it_is_added_again(
    scheduler: BackgroundScheduler, clock: Any
) -> None:
    born = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
    clock.move_to(born.replace(microsecond=7) + HOUR)  # an object says of itself when it was made, and this process too
    add(scheduler, trigger=IntervalTrigger(hours=1), hour=None)
    due = row().next_run_time
    assert due == timezone.now() + HOUR
    clock.shift(10 * MINUTE)
    add(scheduler, trigger=IntervalTrigger(hours=1), hour=None)
    assert (row().next_run_time, row().start_at) == (due, None)


def test_an_interval_object_keeps_the_start_that_it_names(scheduler: BackgroundScheduler) -> None:
    begin = NOON + timedelta(seconds=10, microseconds=3)
    add(scheduler, trigger=IntervalTrigger(hours=1, start_date=begin), hour=None)
    assert (row().start_at, row().next_run_time) == (begin, begin)


def test_without_a_trigger_it_runs_once_and_at_once(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(echo)
    assert (job.next_run_time, row(job.id).trigger) == (NOON, "date")
    assert [execution.scheduled_for for execution in store.fire_due(NOON + SECOND).rows] == [NOON]
    assert scheduler.get_job(job.id).state == "finished"


def test_added_again_without_a_trigger_it_runs_again(scheduler: BackgroundScheduler, clock: Any) -> None:
    for moment in (NOON, NOON + HOUR):
        clock.move_to(moment)
        scheduler.add_job(echo, id="films", replace_existing=True)
        store.fire_due(moment + SECOND)
    assert [moment for moment, _ in ledger()] == [NOON, NOON + HOUR]


def test_a_date_that_has_passed_is_late_or_missed_and_the_ledger_says_so(scheduler: BackgroundScheduler) -> None:
    add(scheduler, trigger="date", hour=None, run_date=NOON - HOUR)
    (missed,) = store.fire_due(NOON).rows
    assert (missed.state, missed.cause, missed.scheduled_for) == (State.SKIPPED, Cause.MISSED, NOON - HOUR)


def test_a_date_that_ran_does_not_run_again_when_the_program_starts_again(scheduler: BackgroundScheduler) -> None:
    for _ in range(2):
        add(scheduler, trigger="date", hour=None, run_date="2026-03-02 11:59:00")
        store.fire_due(NOON)
        scheduler.modify_job("films", name="Once")
    assert [moment for moment, _ in ledger()] == [NOON - MINUTE]


def test_a_moment_without_a_zone_is_one_of_the_project(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    BackgroundScheduler().add_job(func=echo, args=[1], run_date="2026-10-13 15:30:00", id="films")
    assert row().run_at == datetime(2026, 10, 13, 13, 30, tzinfo=UTC)


# next_run_time


def test_none_adds_a_job_paused(scheduler: BackgroundScheduler) -> None:
    job = add(scheduler, next_run_time=None)
    assert (job.next_run_time, job.state, row().paused_by) == (None, "paused", "APScheduler")


def test_a_moment_is_the_first_run_and_an_interval_counts_from_it(scheduler: BackgroundScheduler) -> None:
    first = NOON + 7 * MINUTE
    add(scheduler, trigger="interval", hour=None, hours=1, next_run_time=first)
    assert row().next_run_time == first
    store.fire_due(first)
    assert (ledger(), row().next_run_time) == ([(first, State.QUEUED)], first + HOUR)


def test_what_a_cron_names_before_the_first_run_is_skipped_and_says_so(scheduler: BackgroundScheduler) -> None:
    add(scheduler, hour="*", next_run_time=NOON + 2.5 * HOUR)
    assert row().next_run_time == NOON + 2.5 * HOUR
    assert ledger() == [(NOON + HOUR, State.SKIPPED), (NOON + 2 * HOUR, State.SKIPPED)]
    reason = "Passed over: APScheduler put the next run at 2026-03-02 14:30:00 UTC."
    assert set(Execution.objects.values_list("cause", "reason")) == {(Cause.BY_HAND, reason)}
    store.fire_due(NOON + 2.5 * HOUR)
    assert ledger()[-1] == (NOON + 2.5 * HOUR, State.QUEUED)
    assert row().next_run_time == NOON + 3 * HOUR


def test_a_first_run_in_the_past_is_now(scheduler: BackgroundScheduler) -> None:
    add(scheduler, next_run_time=NOON - timedelta(days=400))
    assert row().next_run_time == NOON


def test_a_first_run_is_that_of_a_new_job_alone(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    before = row().next_run_time
    add(scheduler, next_run_time=NOON)
    assert row().next_run_time == before
    add(scheduler, next_run_time=None)
    assert row().paused_at is None


def test_modify_job_moves_the_next_run(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    job = scheduler.modify_job("films", next_run_time="2026-03-02 12:30:00", name="Soon")
    assert (job.next_run_time, job.name) == (NOON + 30 * MINUTE, "Soon")
    assert not Execution.objects.exists()  # nothing was due between
    store.fire_due(NOON + 30 * MINUTE)
    assert row().next_run_time == NOON + 14 * HOUR


def test_modify_job_pauses_and_lets_go_on(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    assert scheduler.modify_job("films", next_run_time=None).state == "paused"
    assert scheduler.modify_job("films", next_run_time=NOON + MINUTE).state == "scheduled"
    assert (row().paused_at, row().next_run_time) == (None, NOON + MINUTE)


def test_a_moment_that_was_skipped_beforehand_can_be_appointed_all_the_same(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    skipped = store.skip_next(row(), by="ada", now=NOON)
    scheduler.modify_job("films", next_run_time=skipped)
    (run,) = store.fire_due(skipped + SECOND).rows
    assert run.state == State.QUEUED


def test_a_parked_job_cannot_be_appointed(scheduler: BackgroundScheduler) -> None:
    make_job(id="films", next_run_time=None, parked_reason="Its task is gone.")
    with pytest.raises(InvalidJob, match="parked"):
        store.appoint(row(), NOON + HOUR, by="ada", now=NOON)


@pytest.mark.parametrize("given", [datetime(9500, 1, 1, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)])
def test_a_moment_out_of_reach_is_refused(given: datetime, scheduler: BackgroundScheduler) -> None:
    with pytest.raises(InvalidTrigger, match="out of reach"):
        add(scheduler, next_run_time=given)
    assert not Job.objects.exists()


# Changing


def test_a_job_gets_another_task_and_other_arguments(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    scheduler.modify_job("films", func="tests.workload.tasks:fail", kwargs={"message": "no"}, executor="light")
    assert (row().task, row().arguments, row().queue) == ("tests.workload.tasks.fail", {"message": "no"}, "light")


def test_a_trigger_object_reschedules(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    scheduler.modify_job("films", trigger=CronTrigger(hour=5, jitter=9, timezone="UTC"))
    assert (row().cron, row().jitter, row().next_run_time) == ("0 5 * * *", 9 * SECOND, NOON + 17 * HOUR)
    job = scheduler.reschedule_job("films", trigger="date", run_date=NOON + HOUR)
    assert (job.next_run_time, row().jitter) == (NOON + HOUR, None)


def test_rescheduling_leaves_a_pause_alone(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    scheduler.pause_job("films")
    assert scheduler.reschedule_job("films", trigger="interval", minutes=5).state == "paused"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"id": "other"}, ValueError),
        ({"colour": "red"}, AttributeError),
        ({"max_instances": 0}, TypeError),
        ({"kwargs": {"wrong": 1}}, InvalidArguments),
        ({"func": print}, UnknownTask),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    changes: dict[str, Any], error: type[Exception], scheduler: BackgroundScheduler
) -> None:
    add(scheduler)
    before = Job.objects.values().get()
    with pytest.raises(error):
        scheduler.modify_job("films", name="New", **changes)
    assert Job.objects.values().get() == before


def test_an_object_shows_what_its_own_calls_have_done(scheduler: BackgroundScheduler) -> None:
    job = add(scheduler)
    assert job.pause() is job
    assert (job.state, job.next_run_time) == ("paused", None)
    job.resume()
    job.modify(name="New", max_instances=2)
    assert (job.state, job.name, job.max_instances) == ("scheduled", "New", 2)
    job.reschedule("interval", minutes=5)
    assert job.next_run_time == NOON + 5 * MINUTE
    job.remove()
    with pytest.raises(JobLookupError):
        job.pause()


@pytest.mark.parametrize(
    ("missed", "queued"),
    [("none", []), ("latest", [NOON + 3 * MINUTE]), ("all", [NOON + MINUTE])],
)
def test_resuming_makes_up_for_what_was_missed_as_told(
    missed: str, queued: list[datetime], scheduler: BackgroundScheduler, clock: Any
) -> None:
    add(scheduler, hour=None, minute="*")
    scheduler.pause_job("films")
    clock.shift(3.5 * MINUTE)
    scheduler.resume_job("films", missed=missed)
    store.feed(timezone.now())
    runs = Execution.objects.queued().order_by("id")
    assert [run.scheduled_for or run.stands_for for run in runs] == queued
    assert list(Backfill.objects.values_list("total", flat=True)) == ([3] if missed == "all" else [])


def test_a_word_for_missed_that_means_nothing_is_refused(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    with pytest.raises(ValueError, match="one of none, latest, all"):
        scheduler.resume_job("films", missed="some")


def test_the_states_of_a_job(scheduler: BackgroundScheduler) -> None:
    make_job(id="on")
    make_job(id="asked", trigger="manual", next_run_time=None)
    make_job(id="over", trigger="date", run_at=NOON - HOUR, next_run_time=None)
    make_job(id="held", queue="light")
    make_job(id="still", next_run_time=None, paused_at=NOON)
    make_job(id="broken", next_run_time=None, parked_reason="Its task is gone.")
    Queue.objects.create(name="light", paused_at=NOON)
    assert {job.id: job.state for job in scheduler.get_jobs()} == {
        "on": "scheduled",
        "asked": "scheduled",
        "over": "finished",
        "held": "paused",
        "still": "paused",
        "broken": "parked",
    }


# Refusing


def plain() -> None: ...


@task
def elsewhere() -> None: ...


@pytest.mark.parametrize("target", [plain, lambda: None, partial(plain), print, "os.system"])
def test_a_function_that_is_no_task_is_told_to_become_one(target: Any, scheduler: BackgroundScheduler) -> None:
    with pytest.raises(UnknownTask, match=r"write `@task` \(from django.tasks\) above its function"):
        scheduler.add_job(target, "cron", hour=2)


def test_a_task_where_no_scheduler_looks_is_told_to_move(scheduler: BackgroundScheduler) -> None:
    with pytest.raises(UnknownTask, match="in the module `tasks` of an installed app"):
        scheduler.add_job(elsewhere, "cron", hour=2)


def test_pickles_are_neither_written_nor_read(scheduler: BackgroundScheduler) -> None:
    with pytest.raises(SchedulingError, match="jobs export"):
        scheduler.export_jobs(io.StringIO())
    with pytest.raises(SchedulingError, match="jobs import"):
        scheduler.import_jobs(io.StringIO())


# The whole scheduler


def test_pausing_the_scheduler_pauses_every_queue_and_says_who(scheduler: BackgroundScheduler) -> None:
    add(scheduler)
    scheduler.pause()
    assert set(Queue.objects.values_list("name", "paused_by", "paused_reason")) == {
        (name, "APScheduler", ALL_PAUSED) for name in ("default", "light")
    }
    make_execution()
    assert store.fire_due(NOON + 14 * HOUR).rows == []
    assert scheduler.get_job("films").state == "paused"


def test_another_process_can_resume_it_and_nothing_is_made_up_for(scheduler: BackgroundScheduler, clock: Any) -> None:
    add(scheduler, hour=None, minute="*")
    scheduler.pause()
    clock.shift(3.5 * MINUTE)
    BackgroundScheduler().resume()
    assert not Queue.objects.paused().exists()
    assert ledger() == [(NOON + n * MINUTE, State.SKIPPED) for n in (1, 2, 3)]
    assert row().next_run_time == NOON + 4 * MINUTE


def test_a_queue_that_staff_paused_stays_as_it_is(scheduler: BackgroundScheduler) -> None:
    store.ensure_queues()
    light = Queue.objects.get(name="light")
    store.pause_queue(light, by="ada", now=NOON, reason="Maintenance.")
    scheduler.pause()
    scheduler.resume()
    assert list(Queue.objects.paused().values_list("name", "paused_by", "paused_reason")) == [
        ("light", "ada", "Maintenance.")
    ]


def test_all_jobs_are_printed(scheduler: BackgroundScheduler) -> None:
    out = io.StringIO()
    scheduler.print_jobs(out=out)
    add(scheduler)
    scheduler.print_jobs(out=out)
    assert out.getvalue().splitlines() == [
        "Jobstore default:",
        "    No scheduled jobs",
        "Jobstore default:",
        "    Echo (trigger: At 02:00, every day, next run at: 2026-03-03 02:00:00 UTC)",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_coroutine_may_call_too(scheduler: BackgroundScheduler) -> None:
    async def start_up() -> str:
        add(scheduler)
        scheduler.pause()
        scheduler.resume()
        return str(scheduler.get_job("films").func.path)

    assert in_a_loop(start_up) == ECHO
    assert row().cron == "0 2 * * *"
