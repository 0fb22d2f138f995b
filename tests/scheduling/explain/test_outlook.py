"""What is said of what comes: the next run, and why not before."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduling import store
from scheduling.explain import Tone, explain, outlook
from scheduling.models import Calendar, Cause, Job, Queue, State, Window
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.explain.stage import BERLIN, HOUR, MINUTE, TOMORROW, TWO, alive, nightly, ran, row, said, skipped

pytestmark = pytest.mark.django_db


def test_the_next_run_and_why_not_before() -> None:
    alive()
    job = nightly(jitter=MINUTE)
    skipped(job, Cause.MISSED, "Missed: noticed 2 h late.")
    answer = outlook(job, NOON)
    assert (answer.verdict, answer.tone) == ("Next run: Tue 3 Mar 2026 02:00 CET, in 13 h", Tone.GOOD)
    assert answer.sentences == (
        "Its schedule, “At 02:00, every day (Europe/Berlin)”, names no moment before that.",
        "Its start is delayed by a random time up to 1 min (jitter).",
        "The moment of Mon 2 Mar 2026 02:00 CET: Missed: noticed 2 h late.",
    )


def test_what_a_calendar_excludes_is_passed_over() -> None:
    alive()
    calendar = Calendar.objects.create(pk="ops", name="Ops", timezone=BERLIN)
    Window.objects.create(calendar=calendar, name="Move", start_at=NOON, end_at=NOON + timedelta(days=2))
    job = nightly(calendars=["ops"])
    answer = outlook(job, NOON)
    assert answer.moment == TOMORROW + timedelta(days=2)
    assert "What comes first is skipped: the calendar Ops has" in said(answer)
    assert explain(job, TOMORROW, NOON).verdict == "Will be skipped"


@pytest.mark.parametrize(
    ("columns", "verdict", "words"),
    [
        ({"next_run_time": None, "parked_reason": "Its task is gone."}, "Parked: it cannot run", "Mend the cause"),
        ({"next_run_time": None, "paused_at": TWO, "paused_by": "ada"}, "Paused", "by ada at Mon 2 Mar 2026 02:00 CET"),
        (
            {"next_run_time": None, "paused_at": TWO, "paused_until": TOMORROW + HOUR},
            "Paused",
            "is Wed 4 Mar 2026 02:00",
        ),
        ({"next_run_time": None, "trigger": "manual"}, "Runs only when asked", "no schedule"),
        ({"next_run_time": None, "end_at": NOON}, "Will not run again", "names no further moment"),
        ({"queue": "gone"}, "Its queue is not served", "The queue gone is not configured"),
        ({"queue": "light"}, "No scheduler serves its queue", "runscheduler --queues light"),
    ],
)
def test_what_keeps_a_job_from_running(columns: dict[str, Any], verdict: str, words: str) -> None:
    alive()
    answer = outlook(nightly(**columns), NOON)
    assert answer.verdict == verdict
    assert words in said(answer)


def test_no_scheduler_at_all() -> None:
    assert said(outlook(nightly(), NOON)).startswith("No scheduler is running. Start one: manage.py runscheduler.")


def test_a_job_whose_schedule_cannot_be_read_is_told_of_all_the_same() -> None:
    job = nightly(next_run_time=None, cron="every night", timezone="Nowhere", parked_reason="The crontab is wrong.")
    assert "The crontab is wrong." in said(outlook(job, NOON))
    assert explain(job, TWO, NOON).verdict == "Nothing was due"


def test_runs_that_have_not_ended_are_told_with_what_they_wait_for() -> None:
    worker = alive()
    job = nightly()
    running = ran(job, state=State.RUNNING, worker=worker, finished_at=None)
    queued = make_execution(job, start_deadline=NOON + HOUR)
    answer = outlook(job, NOON)
    assert answer.executions == (running.pk, queued.pk)
    assert f"Run #{running.pk} has been running for 10 h 59 min." in answer.sentences
    assert f"It waits for an end of #{running.pk}: at most 1 of the job may run at the same time." in answer.sentences
    assert "If it has not started by Mon 2 Mar 2026 14:00 CET, it is skipped as missed." in answer.sentences
    assert "While it goes on, a moment that comes is skipped." in answer.sentences


def test_a_run_that_waits_says_for_what() -> None:
    job = nightly(max_instances=2)
    run = row(job, run_after=NOON + MINUTE)

    def words(now: datetime = NOON + HOUR) -> str:
        return explain(job, TWO, now).sentences[1]

    assert words(NOON).startswith("It waits for its time, Mon 2 Mar 2026 13:01 CET (in 1 min)")
    assert words() == "It waits because no scheduler that is running serves the queue default."
    worker = alive(NOON + HOUR, queues={"default": 1})
    assert words() == "It is about to start."
    make_execution(state=State.RUNNING, worker=worker, started_at=NOON)
    assert words() == "It waits for a free place: the queue default has 1, and all are taken."
    Queue.objects.update_or_create(pk="default", defaults={"paused_at": NOON, "paused_by": "ada"})
    assert words() == "It waits because the queue default was paused by ada."
    assert explain(job, TWO, NOON).executions == (run.pk,)


def test_few_queries_answer(django_assert_max_num_queries: Any) -> None:
    job = nightly()
    alive()
    for day in range(40):
        ran(job, TWO - timedelta(days=day))
    with django_assert_max_num_queries(8):
        explain(job, TWO - timedelta(days=20, hours=1), NOON)
    with django_assert_max_num_queries(8):
        outlook(job, NOON)


def test_a_real_pause_of_a_real_job() -> None:
    job = nightly()
    store.pause(job, by="ada", now=NOON, reason="Holidays")
    assert explain(job, TOMORROW, TOMORROW + HOUR).verdict == "Not run: paused"
    store.resume(job, by="ada", now=TOMORROW + HOUR)
    answer = explain(job, TOMORROW, TOMORROW + 2 * HOUR)
    assert (answer.verdict, "Holidays" in said(answer)) == ("Skipped: the job was paused", True)


def test_a_real_range_of_a_real_engine() -> None:
    job = make_job(next_run_time=NOON, fired_until=NOON - MINUTE)
    Job.objects.filter(pk=job.pk).update(created_at=NOON - HOUR)
    job.refresh_from_db()
    store.fire_due(NOON + 5 * HOUR)
    job.refresh_from_db()
    answer = explain(job, NOON + HOUR, NOON + 6 * HOUR)
    assert answer.verdict == "Missed"
    assert answer.sentences[0].endswith("has no row of its own.")
    assert explain(job, NOON + 5 * HOUR, NOON + 6 * HOUR).verdict == "Waits to start"


def test_a_real_pause_of_a_real_queue() -> None:
    queue = Queue.objects.update_or_create(pk="default")[0]
    job = nightly()
    store.pause_queue(queue, by="ada", now=NOON, reason="The disk is full")
    assert explain(job, TOMORROW, TOMORROW + HOUR).verdict == "Not run: its queue is paused"
    store.resume_queue(queue, by="ada", now=TOMORROW + HOUR)
    job.refresh_from_db()
    answer = explain(job, TOMORROW, TOMORROW + 2 * HOUR)
    assert (answer.verdict, "The disk is full" in said(answer)) == ("Skipped: its queue was paused", True)
