"""Pause, snooze, resume and skip on pages: what is asked, what is said beforehand, and what comes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Backfill, Cause, Execution, Job, Queue, State
from tests.factories import make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import Staff

LIST = "/admin/scheduling/job/"
MINUTE = timedelta(minutes=1)


def job_of_now(**columns: object) -> Job:
    """A job of every minute that has fired until a while ago."""
    begin = timezone.now() - timedelta(minutes=10, seconds=30)
    job = make_job(next_run_time=None, fired_until=begin, **columns)
    Job.objects.filter(pk=job.pk).update(next_run_time=job.next_after(begin))
    job.refresh_from_db()
    return job


def paused_job() -> Job:
    """A job that was paused ten minutes ago."""
    job = job_of_now()
    store.pause(job, by="ada", now=job.fired_until or timezone.now(), reason="the vendor is down")
    return job


def test_a_job_is_snoozed(boss: Client) -> None:
    job = make_job()
    before = timezone.now()
    boss.post(columns.page(job, "pause"), {"reason": "stock-taking", "lasts": "60"})
    job.refresh_from_db()
    assert job.paused_until is not None
    assert before + 60 * MINUTE <= job.paused_until <= timezone.now() + 60 * MINUTE


def test_a_pause_ends_on_the_clock_of_the_viewer(boss: Client) -> None:
    job = make_job()
    boss.cookies["rota_zone"] = "Europe/Berlin"
    boss.post(columns.page(job, "pause"), {"until": "2050-07-01T10:00"})
    job.refresh_from_db()
    assert job.paused_until == datetime(2050, 7, 1, 8, tzinfo=UTC)
    assert "until 2050-07-01 10:00 CEST" in boss.get(columns.page(job)).text


def test_a_pause_into_the_past_is_refused(boss: Client) -> None:
    job = make_job()
    response = boss.post(columns.page(job, "pause"), {"until": "2001-07-01T10:00"})
    assert "has passed; choose a later one" in response.text
    job.refresh_from_db()
    assert job.paused_at is None


def test_who_resumes_sees_how_many_moments_have_passed(boss: Client) -> None:
    page = boss.get(columns.page(paused_job(), "resume"))
    assert "10 moments have passed meanwhile." in page.text or "11 moments have passed meanwhile." in page.text
    assert page.context["form"]["missed"].value() == "none"


@pytest.mark.parametrize(("missed", "runs", "backfills"), [("none", 0, 0), ("latest", 1, 0), ("all", 0, 1)])
def test_what_was_missed_runs_as_was_chosen(boss: Client, missed: str, runs: int, backfills: int) -> None:
    job = paused_job()
    boss.post(columns.page(job, "resume"), {"reason": "it is back", "missed": missed})
    job.refresh_from_db()
    assert job.paused_at is None
    assert Execution.objects.queued().count() == runs
    assert Backfill.objects.count() == backfills
    assert Execution.objects.filter(cause=Cause.PAUSED).count() >= 9


def test_many_jobs_are_resumed_with_what_they_missed(boss: Client) -> None:
    jobs = [paused_job().pk, paused_job().pk]
    sent = {"action": "resume_selected", "_selected_action": jobs, "index": "0"}
    asked = boss.post(LIST, sent)
    assert "moments have passed meanwhile" in asked.text
    boss.post(LIST, {**sent, **dict(asked.context["hidden"]), "_selected_action": jobs, "missed": "latest"})
    assert set(Execution.objects.queued().values_list("job_id", flat=True)) == set(jobs)


def test_the_next_run_is_named_and_skipped(boss: Client) -> None:
    job = make_job(cron="0 12 1 1 *", next_run_time=datetime(2050, 1, 1, 12, tzinfo=UTC))
    assert "Next run: 2050-01-01 12:00" in boss.get(columns.page(job, "skip")).text
    said = boss.post(columns.page(job, "skip"), {"reason": "new year's day"}, follow=True)
    assert "The run of 2050-01-01 12:00 is skipped." in said.text
    row = Execution.objects.get()
    assert (row.state, row.cause, row.reason) == (State.SKIPPED, Cause.BY_HAND, "Skipped by admin. new year's day")


def test_a_job_without_a_next_run_has_no_door_to_skip_it(boss: Client) -> None:
    job = make_job(trigger="manual", next_run_time=None)
    assert columns.page(job, "skip") not in boss.get(columns.page(job)).text
    assert "has no next run to skip" in boss.post(columns.page(job, "skip"), {"reason": ""}).text


# Queues


@pytest.fixture
def queue(db: None) -> Queue:
    store.ensure_queues()
    return Queue.objects.get(pk="default")


def test_the_queues_show_their_places_and_who_serves_them(boss: Client, queue: Queue) -> None:
    make_worker(queues={"default": 4}, heartbeat_at=timezone.now(), turned_at=timezone.now())
    make_execution(make_job())
    text = boss.get("/admin/scheduling/queue/").text
    for word in ("default", "light", "processes, 4 places", "0 of 4", "1 worker", "Not served"):
        assert word in text


def test_a_queue_is_paused_and_its_jobs_say_so(boss: Client, queue: Queue) -> None:
    job = make_job(next_run_time=timezone.now() + MINUTE)
    boss.post(columns.page(queue, "pause"), {"reason": "the disk is full", "lasts": "15"})
    queue.refresh_from_db()
    assert (queue.paused_by, queue.paused_reason) == ("admin", "the disk is full")
    assert queue.paused_until is not None
    listed = boss.get(LIST, {"standing": "held"}).text
    assert job.pk in listed
    assert "Its queue default was paused by admin" in listed
    assert job.pk not in boss.get(LIST, {"standing": "armed"}).text


def test_who_resumes_a_queue_sees_what_was_missed_and_what_waits(boss: Client, queue: Queue) -> None:
    job = job_of_now()
    store.pause_queue(queue, by="ada", now=timezone.now())
    make_execution(job)
    page = boss.get(columns.page(queue, "resume")).text
    assert "moments have passed meanwhile" in page
    assert "1 run waits in it and will start." in page
    boss.post(columns.page(queue, "resume"), {"missed": "latest"})
    queue.refresh_from_db()
    assert queue.paused_at is None
    assert Execution.objects.queued().filter(scheduled_for__isnull=False).count() == 1


def test_a_queue_is_paused_by_who_may(staff: Staff, queue: Queue) -> None:
    here = columns.page(queue, "pause")
    may_not, may = staff("view_queue", "pause_job"), staff("view_queue", "pause_queue")
    assert (may_not.get(here).status_code, may_not.post(here, {"reason": ""}).status_code) == (403, 403)
    assert here not in may_not.get(columns.page(queue)).text
    assert may.get(here).status_code == 200
    queue.refresh_from_db()
    assert queue.paused_at is None
    assert may.post(here, {"reason": ""}).status_code == 302
    queue.refresh_from_db()
    assert queue.paused_at is not None


def test_what_was_said_of_a_queue_is_shown_as_text(boss: Client, queue: Queue) -> None:
    store.pause_queue(queue, by="ada", now=timezone.now(), reason="<script>alert(1)</script>")
    assert "<script>alert(1)" not in boss.get("/admin/scheduling/queue/").text
    assert "<script>alert(1)" not in boss.get(columns.page(queue)).text
