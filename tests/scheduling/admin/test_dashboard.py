"""The first page is honest: about schedulers, outcomes, failing jobs and lateness."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.admin import chart, columns, dashboard
from scheduling.models import Backfill, Cause, State, WorkerState
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import Staff

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def test_no_scheduler_is_said_with_what_to_do(boss: Client) -> None:
    assert "None has ever run" in boss.get("/admin/").text
    make_worker()
    text = boss.get("/admin/").text
    assert "No scheduler is running" in text
    assert "python manage.py runscheduler" in text
    assert "Last seen" in text


@pytest.mark.parametrize(
    ("state", "age", "alive"),
    [
        (WorkerState.ALIVE, timedelta(seconds=1), True),
        (WorkerState.STOPPING, timedelta(seconds=1), True),
        (WorkerState.ALIVE, timedelta(minutes=1), False),
        (WorkerState.DEAD, timedelta(seconds=1), False),
        (WorkerState.STOPPED, timedelta(seconds=1), False),
    ],
)
def test_a_scheduler_is_alive_while_it_is_heard_of(state: WorkerState, age: timedelta, alive: bool) -> None:
    make_worker(state=state, heartbeat_at=NOW - age, turned_at=NOW - age)
    assert dashboard.scheduler(NOW)["alive"] is alive


def test_many_dead_workers_do_not_hide_a_living_one() -> None:
    make_worker(heartbeat_at=NOW, turned_at=NOW - timedelta(seconds=5))  # its turn takes a while
    for _ in range(20):
        make_worker(state=WorkerState.DEAD, turned_at=NOW)
    assert dashboard.scheduler(NOW)["count"] == 1


def test_a_scheduler_whose_loop_hangs_is_none() -> None:
    make_worker(heartbeat_at=NOW, turned_at=NOW - timedelta(hours=1))
    assert dashboard.scheduler(NOW)["alive"] is False


def test_outcomes_are_counted_by_the_hour() -> None:
    for state, ended in [
        (State.SUCCEEDED, NOW),
        (State.SUCCEEDED, NOW - MINUTE),
        (State.FAILED, NOW - 40 * MINUTE),
        (State.LOST, NOW - timedelta(hours=23)),
        (State.FAILED, NOW - timedelta(hours=24)),
    ]:
        make_execution(state=state, started_at=ended, finished_at=ended)
    make_execution()
    hours = chart.hours(NOW)
    assert [hour.counts for hour in hours if hour.total] == [
        {State.LOST: 1},
        {State.FAILED: 1},
        {State.SUCCEEDED: 2},
    ]
    assert (len(hours), hours[0].begin, hours[-1].begin) == (24, NOON - timedelta(hours=23), NOON)
    drawn = chart.draw(hours)
    assert [words for _, words in drawn["rows"]] == ["1 lost", "1 failed", "2 succeeded"]
    assert sum(height for _, _, height in drawn["bars"][-1]["parts"]) == chart.HEIGHT


def test_a_job_fails_while_its_last_outcome_is_bad() -> None:
    broken, mended, skipped, busy = make_job(), make_job(), make_job(), make_job()
    ended = {"started_at": NOON, "finished_at": NOON}
    bad = make_execution(broken, state=State.TIMED_OUT, **ended)
    make_execution(mended, state=State.FAILED, **ended)
    make_execution(mended, state=State.SUCCEEDED, **ended)
    before = make_execution(skipped, state=State.FAILED, **ended)
    make_execution(skipped, state=State.SKIPPED, finished_at=NOON)
    make_execution(skipped, state=State.CANCELLED, finished_at=NOON)
    still = make_execution(busy, state=State.LOST, **ended)
    make_execution(busy)
    assert [run.pk for run in dashboard.failing()] == [still.pk, before.pk, bad.pk]


def test_lateness_is_told_of_the_latest_runs() -> None:
    for late in range(1, 101):
        started = NOON + timedelta(seconds=late)
        make_execution(state=State.SUCCEEDED, scheduled_for=None, started_at=started, finished_at=started)
    make_execution(state=State.SUCCEEDED, started_at=NOON, finished_at=NOON - timedelta(days=3))
    assert dashboard.lateness(NOW) == {"runs": "100", "p50": "51 s", "p95": "1 min 36 s", "max": "1 min 40 s"}


def test_what_waits_is_counted_by_queue(boss: Client) -> None:
    make_execution(queue="light")
    make_execution(queue="light", run_after=NOON + timedelta(days=9999))
    parts = boss.get("/admin/").context["dashboard"]
    assert parts["waiting"] == [{"queue": "light", "ready": 1, "later": 1}]


def test_one_run_is_not_told_as_many(boss: Client) -> None:
    now = timezone.now()
    make_execution(state=State.SUCCEEDED, started_at=now, finished_at=now)
    one = boss.get("/admin/").text
    assert "the highest bar: 1 run)" in one
    assert "Of the one run of these 24 hours." in one
    make_execution(state=State.SUCCEEDED, started_at=now, finished_at=now)
    two = boss.get("/admin/").text
    assert "the highest bar: 2 runs)" in two
    assert "Of the latest 2 runs of these 24 hours." in two


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.3, "now"), (-0.3, "now"), (0.8, "in 1 s"), (3, "in 3 s"), (-3.2, "3 s ago"), (100, "in 2 min")],
)
def test_moments_near_by_are_told_to_the_second(seconds: float, said: str) -> None:
    assert columns.relative(NOW + timedelta(seconds=seconds), NOW) == said


def test_what_was_missed_is_told_with_the_way_to_make_up_for_it(staff: Staff) -> None:
    job = make_job(cron="0 12 * * *", misfire_grace_time=timedelta(minutes=1))
    store.fire_due(NOON + timedelta(hours=50))
    with time_machine.travel(NOON + timedelta(hours=51), tick=False):
        may = staff("run_job", "add_backfill").get("/admin/").text
        may_not = staff("run_job").get("/admin/").text
        assert "3 moments, the last" in may
        assert "first=2026-03-02T12%3A00%3A00" in may
        assert "first=" not in may_not
        assert columns.page(job, "why") in may_not
        store.backfill(Backfill(job=job, first_at=NOON, last_at=NOON), by="ada", now=NOON + timedelta(hours=51))
        assert "3 moments" not in staff("run_job", "add_backfill").get("/admin/").text


def test_a_run_that_a_deploy_interrupted_is_no_failure(staff: Staff) -> None:
    with time_machine.travel(NOON, tick=False):
        job = make_job(idempotent=True)
        ended = {"worker": make_worker(), "started_at": NOON, "finished_at": NOON}
        make_execution(job, state=State.LOST, cause=Cause.INTERRUPTED, reason="Interrupted by deploy.", **ended)
        page = staff().get("/admin/")
    dashboard = page.context["dashboard"]
    assert dashboard["failing"] == []
    assert [name for name, _, _ in dashboard["totals"]] == ["Cancelled"]


def test_a_gap_reaches_to_its_end_though_one_row_stands_for_it(staff: Staff) -> None:
    job = make_job(misfire_grace_time=timedelta(minutes=1), cron="* * * * *")
    store.fire_due(NOON + timedelta(hours=10))
    with time_machine.travel(NOON + timedelta(hours=10), tick=False):
        page = staff("run_job", "add_backfill").get("/admin/")
    (gap,) = page.context["dashboard"]["missed"]
    assert gap["count"] == "599 moments"
    assert "last=2026-03-02T22%3A00%3A00" in gap["backfill"]
    assert columns.page(job, "backfill") in gap["backfill"]
