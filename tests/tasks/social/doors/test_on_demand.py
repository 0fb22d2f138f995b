"""Syncs that somebody asks for: one at a time, of the right job, and never a second one."""

from typing import Any

import pytest

from scheduling import store
from scheduling.models import Execution, Job, State, Why
from tasks.exceptions import NotConfigured
from tasks.social.on_demand import PAUSE_ASKED_FOR, NotActive, sync_all, sync_one
from tasks.social.schedule import give, plan
from tests.factories import make_execution, make_worker
from tests.tasks.social.factories import NOON, make_business

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"by": "ada", "now": NOON}


def test_all_are_synced_by_the_hourly_job(hourly: Job) -> None:
    asked = sync_all(**BY)
    assert asked.is_new
    assert (asked.run.job_id, asked.run.requested_by, asked.run.why) == (hourly.pk, "ada", Why.API)
    assert asked.words == f"Run #{asked.run.pk} is queued."


def test_while_one_is_queued_or_runs_no_second_is(hourly: Job) -> None:
    first = sync_all(**BY).run
    again = sync_all(**BY)
    assert (again.run, again.is_new) == (first, False)
    assert again.words == f"Run #{first.pk} is under way already: queued."
    running = {"state": State.RUNNING, "started_at": NOON, "worker": make_worker(), "progress_text": "45/50 posts"}
    Execution.objects.filter(pk=first.pk).update(**running)
    assert sync_all(**BY).words == f"Run #{first.pk} is under way already: running, 45/50 posts."
    assert Execution.objects.count() == 1


def test_a_paused_job_is_run_by_hand_all_the_same(hourly: Job) -> None:
    store.pause(hourly, **BY)
    assert sync_all(**BY).is_new


def test_without_the_job_it_is_said_what_to_do(settings: Any) -> None:
    with pytest.raises(NotConfigured, match=r"There is no job sync_all_businesses\. Run"):
        sync_all(**BY)
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": ""}
    with pytest.raises(NotConfigured, match="Set LINKEDIN_CLIENT_ID, X_CLIENT_ID or META_APP_ID, then run"):
        sync_all(**BY)
    with pytest.raises(NotConfigured, match="Nothing can be synced yet"):
        sync_one(make_business(), **BY)


def test_a_parked_job_cannot_run(hourly: Job) -> None:
    Job.objects.update(parked_reason="Its task is gone.")
    with pytest.raises(NotConfigured, match="cannot run: Its task is gone"):
        sync_all(**BY)


def test_a_business_without_a_schedule_gets_a_run_of_no_job() -> None:
    business = make_business()
    run = sync_one(business, **BY).run
    assert (run.job_id, run.task) == (None, "tasks.social.tasks.sync_business_job")
    assert (run.arguments, run.tenant) == ({"business_id": business.pk}, business.tenant)
    assert (run.max_attempts, run.idempotent, run.requested_by) == (3, True, "ada")
    again = sync_one(business, **BY)
    assert (again.run, again.is_new) == (run, False)


def test_a_business_with_a_schedule_gets_a_run_of_its_job() -> None:
    business = make_business()
    job, _ = give(business, plan(), **BY)
    Job.objects.update(arguments={"business_id": 999})
    run = sync_one(business, **BY).run
    assert (run.job_id, run.arguments, run.tenant) == (job.pk, {"business_id": business.pk}, business.tenant)


def test_a_run_of_no_job_counts_when_the_business_has_one_by_now() -> None:
    business = make_business()
    run = sync_one(business, **BY).run
    give(business, plan(), **BY)
    assert sync_one(business, **BY).run == run


def test_businesses_do_not_stand_in_each_others_way() -> None:
    one, two = make_business(), make_business()
    assert sync_one(one, **BY).is_new
    assert sync_one(two, **BY).is_new


def test_a_business_that_is_not_active_is_not_synced() -> None:
    with pytest.raises(NotActive, match="is not active"):
        sync_one(make_business(is_active=False), **BY)


@pytest.mark.parametrize(("error", "gives_way"), [("builtins.OSError", True), (PAUSE_ASKED_FOR, False)])
def test_what_waits_after_a_failure_gives_way(hourly: Job, error: str, gives_way: bool) -> None:
    ended = {"started_at": NOON, "finished_at": NOON, "worker": make_worker(), "error_class": error}
    failed = make_execution(hourly, state=State.FAILED, **ended)
    waiting = make_execution(hourly, why=Why.RETRY, attempt=2, root=failed)
    asked = sync_all(**BY)
    assert asked.is_new is gives_way
    waiting.refresh_from_db()
    assert waiting.state == (State.CANCELLED if gives_way else State.QUEUED)
