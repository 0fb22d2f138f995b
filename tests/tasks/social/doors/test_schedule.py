"""Schedules of single businesses: made, changed, removed, whatever staff have made of the job meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling import store
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Change, Job
from scheduling.triggers import Kind
from tasks.social.schedule import IDLE, follow, give, job_of, jobs_of, plan, take
from tests.tasks.social.factories import NOON, make_business

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"by": "ada", "now": NOON}


def test_a_schedule_is_an_ordinary_job_of_its_tenant() -> None:
    business = make_business("Sea Breeze")
    job, is_new = give(business, plan(), **BY, reason="They asked for it.")
    assert is_new
    job = Job.objects.get(pk=f"sync_business_{business.pk}")
    assert (job.task, job.arguments) == ("tasks.social.tasks.sync_business_job", {"business_id": business.pk})
    assert (job.trigger, job.interval, job.tenant) == (Kind.INTERVAL, timedelta(hours=24), f"business-{business.pk}")
    assert (job.max_instances, job.coalesce, job.max_attempts, job.idempotent) == (1, True, 3, True)
    assert job.next_run_time == NOON + timedelta(hours=24)
    change = Change.objects.get(job=job.pk)
    assert (change.action, change.by, change.reason) == ("created", "ada", "They asked for it.")


def test_of_a_job_that_is_there_only_the_trigger_changes() -> None:
    business = make_business()
    job, _ = give(business, plan(hours=6), **BY)
    Job.objects.filter(pk=job.pk).update(name="Ours", priority=7, max_attempts=9, tags=["ours"])
    changed, is_new = give(business, plan(cron="0 */4 * * *", timezone="Europe/Berlin"), **BY)
    assert not is_new
    assert (changed.trigger, changed.cron, changed.interval) == (Kind.CRON, "0 */4 * * *", None)
    assert changed.timezone == "Europe/Berlin"
    assert (changed.name, changed.priority, changed.max_attempts, changed.tags) == ("Ours", 7, 9, ["ours"])
    assert list(Change.objects.filter(job=job.pk).values_list("action", flat=True)) == ["changed", "created"]


def test_a_paused_schedule_stays_paused() -> None:
    business = make_business()
    job, _ = give(business, plan(hours=6), **BY)
    store.pause(job, **BY)
    changed, _ = give(business, plan(hours=12), **BY)
    assert changed.paused_at is not None
    assert changed.next_run_time is None


def test_removed_once_it_is_gone() -> None:
    business = make_business()
    assert not take(business, **BY)
    give(business, plan(), **BY)
    assert take(business, **BY)
    assert job_of(business) is None
    assert not take(business, **BY)


def test_a_business_that_is_not_active_has_its_job_paused_and_resumed() -> None:
    business = make_business()
    give(business, plan(), **BY)
    business.is_active = False
    follow(business, **BY)
    job = job_of(business)
    assert job is not None
    assert job.paused_reason == IDLE
    business.is_active = True
    follow(business, **BY)
    job.refresh_from_db()
    assert job.paused_at is None
    assert job.next_run_time is not None


def test_what_staff_have_paused_stays_so() -> None:
    business = make_business()
    job, _ = give(business, plan(), **BY)
    store.pause(job, by="grace", now=NOON, reason="Holidays")
    follow(business, **BY)
    job.refresh_from_db()
    assert job.paused_reason == "Holidays"


def test_a_schedule_given_while_it_is_not_active_waits() -> None:
    job, _ = give(make_business(is_active=False), plan(), **BY)
    assert (job.paused_reason, job.next_run_time) == (IDLE, None)


def test_jobs_of_many_are_found_at_once(django_assert_num_queries: Any) -> None:
    one, two, three = make_business(), make_business(), make_business()
    give(one, plan(), **BY)
    give(three, plan(), **BY)
    with django_assert_num_queries(1):
        assert set(jobs_of([one.pk, two.pk, three.pk])) == {one.pk, three.pk}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"hours": 0}, "interval"),
        ({"hours": 8761}, "interval"),
        ({"hours": float("nan")}, "interval"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": ""}, "cron"),
        ({"cron": "* * * * *"}, "cron"),
        ({"cron": "0,14 2 * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "0 2 * * *", "timezone": "Europe/Atlantis"}, "timezone"),
        ({"cron": "0 2 * * *", "hours": 2}, "cron"),
    ],
)
def test_what_names_no_moment_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        plan(**given)
    assert refused.value.field == field


def test_an_hour_and_a_year_are_possible() -> None:
    assert plan(hours=1).interval == timedelta(hours=1)
    assert plan(hours=8760).interval == timedelta(days=365)


def test_no_job_of_the_task_syncs_more_often_than_every_quarter_of_an_hour() -> None:
    job, _ = give(make_business(), plan(cron="*/15 * * * *"), **BY)
    job.trigger, job.interval, job.cron = Kind.INTERVAL, timedelta(minutes=14), ""
    with pytest.raises(InvalidTrigger, match="every 15 min"):
        store.change(job, ["trigger", "interval", "cron"], **BY)
