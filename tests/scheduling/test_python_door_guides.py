"""What the guides of the source systems show of scheduler calls, as it is written there, but for the package's path.

What runs, and how it ends, is seen in processes of their own: `tests/acceptance/test_python_door.py`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from apscheduler.schedulers.base import STATE_STOPPED

import scheduling
from scheduling import (
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    door,
    get_job_status,
    get_scheduled_jobs,
    get_scheduler,
    initialize_scheduler,
    is_scheduler_running,
    pause_job,
    remove_job,
    resume_job,
    setup_scheduler,
    shutdown_scheduler,
    start_scheduler,
)
from scheduling.background import BackgroundScheduler
from scheduling.models import Execution, Job, Queue
from tasks.audiobooks.tasks import (
    author_completion_task,
    cleanup_old_tasks,
    mam_scraping_task,
    metadata_full_refresh_task,
    metadata_new_books_task,
    series_completion_task,
    top10_discovery_task,
)
from tasks.social.tasks import sync_all_businesses_job, sync_business_job
from tests.factories import NOON, make_job, make_worker
from tests.guides.tasks import hourly_trends_job
from tests.scheduling.loops import in_a_loop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def configured(settings: Any) -> None:
    """The workloads have what they need; their services are never asked."""
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "CONTACT": "tests@localhost"}
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": "demo"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process's scheduler as it is after the import; its thread only waits for its end, and asks no database."""
    door._initialized.clear()
    monkeypatch.setattr(BackgroundScheduler, "_run", idle)
    yield
    shutdown_scheduler()
    door._initialized.clear()


def idle(scheduler: BackgroundScheduler) -> None:
    scheduler._ending.wait()
    scheduler.state = STATE_STOPPED


def audiobooks() -> None:
    # Initialize scheduler (creates global instance)
    scheduler = initialize_scheduler()

    # Register scheduled tasks
    scheduler.add_job(
        mam_scraping_task,
        trigger="cron",
        hour=2,
        minute=0,
        id="mam_scraping",
        name="Daily MAM Scraping",
        replace_existing=True,
    )

    scheduler.add_job(
        top10_discovery_task,
        trigger="cron",
        day_of_week="sun",
        hour=3,
        minute=0,
        id="top10_discovery",
        name="Weekly Top-10 Discovery",
        replace_existing=True,
    )

    scheduler.add_job(
        metadata_full_refresh_task,
        trigger="cron",
        day=1,
        hour=4,
        minute=0,
        id="metadata_full",
        name="Monthly Full Metadata Refresh",
        replace_existing=True,
    )

    scheduler.add_job(
        metadata_new_books_task,
        trigger="cron",
        day_of_week="sun",
        hour=4,
        minute=30,
        id="metadata_new",
        name="Weekly New Books Metadata Refresh",
        replace_existing=True,
    )

    scheduler.add_job(
        series_completion_task,
        trigger="cron",
        day=2,
        hour=3,
        minute=0,
        id="series_completion",
        name="Monthly Series Completion",
        replace_existing=True,
    )

    scheduler.add_job(
        author_completion_task,
        trigger="cron",
        day=3,
        hour=3,
        minute=0,
        id="author_completion",
        name="Monthly Author Completion",
        replace_existing=True,
    )

    scheduler.add_job(
        cleanup_old_tasks,
        trigger="cron",
        hour=1,
        minute=0,
        id="cleanup_tasks",
        name="Daily Task Cleanup",
        replace_existing=True,
    )

    # Start scheduler (begins executing jobs)
    start_scheduler()


def test_the_audiobooks_schedule_comes_in_and_can_be_edited() -> None:
    audiobooks()
    ours = Job.objects.filter(task__startswith="tasks.audiobooks.").exclude(pk="download_audiobooks")
    assert dict(ours.values_list("id", "cron")) == {
        "mam_scraping": "0 2 * * *",
        "top10_discovery": "0 3 * * 0",
        "metadata_full": "0 4 1 * *",
        "metadata_new": "30 4 * * 0",
        "series_completion": "0 3 2 * *",
        "author_completion": "0 3 3 * *",
        "cleanup_tasks": "0 1 * * *",
    }
    assert ours.get(pk="top10_discovery").name == "Weekly Top-10 Discovery"


def test_its_defaults_are_those_of_the_guide() -> None:
    audiobooks()
    job = get_scheduler().get_job("mam_scraping")
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, 900)


def test_it_shuts_down_either_way_and_twice() -> None:
    audiobooks()
    assert get_scheduler().running
    # Graceful shutdown (waits for running jobs to finish)
    shutdown_scheduler(wait=True)

    # Or immediate shutdown (don't wait for jobs)
    shutdown_scheduler(wait=False)


def test_there_is_one_scheduler_and_it_wants_to_be_initialized() -> None:
    # Check if scheduler is initialized
    try:
        scheduler = get_scheduler()
    except RuntimeError as e:
        said = f"Scheduler not initialized: {e}"
        scheduler = initialize_scheduler()
    assert said.endswith("call initialize_scheduler() or start_scheduler() first.")

    # All calls return the same instance
    assert scheduler is get_scheduler()


def test_jobs_are_listed_paused_resumed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    audiobooks()
    # Get all scheduled jobs
    jobs = get_scheduled_jobs()
    for job in jobs:
        print(f"{job.id}: {job.name} (next run: {job.next_run_time})")  # noqa: T201
    assert "mam_scraping: Daily MAM Scraping (next run: 20" in capsys.readouterr().out

    # Pause a job
    pause_job("mam_scraping")
    assert get_scheduler().get_job("mam_scraping").state == "paused"

    # Resume a paused job
    resume_job("mam_scraping")
    assert get_scheduler().get_job("mam_scraping").state == "scheduled"

    # Remove a job
    remove_job("mam_scraping")
    assert get_scheduler().get_job("mam_scraping") is None


def test_whether_it_runs_is_told_of_this_process_and_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_scheduler_running()
    start_scheduler()
    assert is_scheduler_running()
    shutdown_scheduler()
    assert not is_scheduler_running()
    make_worker()
    monkeypatch.setattr("scheduling.door.timezone.now", lambda: NOON)
    assert is_scheduler_running()
    assert not initialize_scheduler().running


def test_the_social_schedule_comes_in() -> None:
    scheduler = initialize_scheduler()
    scheduler.add_job(
        func=sync_all_businesses_job,
        trigger=CronTrigger(minute=0),  # Change this trigger
        id="sync_all_businesses",
        name="Sync Analytics for All Businesses",
        replace_existing=True,
    )
    assert Job.objects.get(pk="sync_all_businesses").cron == "0 * * * *"


def test_the_social_job_is_called_by_hand() -> None:
    # Run sync job once
    sync_all_businesses_job()  # type: ignore[operator]  # of Django's own tasks, which cannot be called
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("trigger", "cron"),
    [
        (CronTrigger(minute="0,30"), "0,30 * * * *"),
        (CronTrigger(hour="0,6,12,18", minute=0), "0 0,6,12,18 * * *"),
        (CronTrigger(hour=2, minute=0), "0 2 * * *"),
        (CronTrigger(hour="9-17", minute=0), "0 9-17 * * *"),
        (CronTrigger(hour="*/6"), "0 */6 * * *"),
        (CronTrigger(day_of_week="mon", hour=9), "0 9 * * 1"),
    ],
)
def test_the_triggers_of_the_guides_mean_what_they_say(trigger: Any, cron: str) -> None:
    initialize_scheduler().add_job(sync_all_businesses_job, trigger, id="sync")
    assert Job.objects.get(pk="sync").cron == cron


def test_a_job_runs_once_at_a_specific_time() -> None:
    from scheduling import scheduler

    business_id = 1
    # Add one-time job
    job = scheduler.add_job(
        func=sync_business_job,
        args=[business_id],
        run_date="2025-10-13 15:30:00",  # Specific time
    )
    row = Job.objects.get(pk=job.id)
    assert (f"{row.run_at:%Y-%m-%d %H:%M:%S}", row.arguments) == ("2025-10-13 15:30:00", {"*": [1]})


def test_all_jobs_are_paused_resumed_and_removed() -> None:
    from scheduling import scheduler

    make_job()
    # Pause all jobs
    scheduler.pause()
    assert Queue.objects.paused().count() == Queue.objects.count() > 0

    # Resume all jobs
    scheduler.resume()
    assert not Queue.objects.paused().exists()

    scheduler.remove_all_jobs()
    assert not Job.objects.exists()


def test_the_scheduler_that_is_imported_is_the_one_of_the_process() -> None:
    from scheduling import scheduler

    assert scheduler is door.scheduler is initialize_scheduler()


def test_a_date_is_a_trigger_too() -> None:
    job = initialize_scheduler().add_job(sync_all_businesses_job, DateTrigger("2030-10-13 15:30:00"), id="sync")
    assert f"{Job.objects.get(pk='sync').run_at:%Y-%m-%d %H:%M}" == f"{job.next_run_time:%Y-%m-%d %H:%M}"


def test_the_tickets_schedule_is_told_and_stopped() -> None:
    setup_scheduler()
    scheduler = get_scheduler()
    scheduler.add_job(hourly_trends_job, IntervalTrigger(hours=1), id="hourly_trends")

    jobs = get_job_status()
    told = [f"{job['name']}: next run at {job['next_run']}" for job in jobs if job["id"] == "hourly_trends"]
    row = Job.objects.get(pk="hourly_trends")
    assert row.next_run_time
    assert told == [f"Hourly trends job: next run at {row.next_run_time.isoformat()}"]
    shutdown_scheduler()


def test_the_watch_history_schedule_is_started_and_listed() -> None:
    make_job(id="films")
    scheduler = start_scheduler()
    assert "films" in [job.id for job in scheduler.get_jobs()]


@pytest.mark.django_db(transaction=True)
def test_the_events_of_an_asynchronous_server_may_start_and_stop_it() -> None:
    async def startup_event() -> None:
        # Initialize and start scheduler
        scheduler = initialize_scheduler()

        # Register jobs (see Quick Start)
        scheduler.add_job(hourly_trends_job, IntervalTrigger(hours=1), id="hourly_trends")

        start_scheduler()

    async def shutdown_event() -> None:
        shutdown_scheduler(wait=True)

    in_a_loop(startup_event)
    assert get_scheduler().running
    assert Job.objects.filter(pk="hourly_trends").exists()
    in_a_loop(shutdown_event)
    assert not get_scheduler().running


def test_every_name_is_there_and_no_other() -> None:
    assert all(hasattr(scheduling, name) for name in scheduling.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        scheduling.nonsense  # noqa: B018
