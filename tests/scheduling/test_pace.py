"""A task may say how often its jobs run at all: every door refuses what is out of range."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from scheduling import registry, store
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Job
from scheduling.registry import Pace, check_schedule
from scheduling.triggers import Kind, Schedule
from tests.factories import ECHO, NOON, make_job
from tests.scheduling.admin.conftest import errors, filled
from tests.workload.tasks import echo

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_paces", {ECHO: Pace(MINUTE, timedelta(hours=1))})


@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_an_interval_in_range_is_taken(minutes: int) -> None:
    check_schedule(ECHO, Schedule(Kind.INTERVAL, interval=timedelta(minutes=minutes), anchor=NOON))


@pytest.mark.parametrize("seconds", [1, 59, 3601, 86_400])
def test_an_interval_out_of_range_is_refused(seconds: int) -> None:
    schedule = Schedule(Kind.INTERVAL, interval=timedelta(seconds=seconds), anchor=NOON)
    with pytest.raises(InvalidTrigger, match="every 1 min to every 1 h; choose") as caught:
        check_schedule(ECHO, schedule)
    assert caught.value.field == "interval"
    check_schedule("tests.workload.tasks.note", schedule)


@pytest.mark.parametrize("cron", ["*/5 * * * *", "* * * * *", "0 9 * * 1-5"])
def test_a_cron_that_keeps_to_it_is_taken(cron: str) -> None:
    check_schedule(ECHO, Schedule(Kind.CRON, cron=cron))


@pytest.mark.parametrize("cron", ["*/30 * * * * *", "0,20 0 9 * * *"])
def test_a_cron_that_runs_more_often_is_refused(cron: str) -> None:
    with pytest.raises(InvalidTrigger, match="more often"):
        check_schedule(ECHO, Schedule(Kind.CRON, cron=cron))


def test_what_is_asked_for_by_hand_has_no_pace() -> None:
    check_schedule(ECHO, Schedule(Kind.MANUAL))


def test_a_task_that_no_job_declares_can_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_paces", {})
    assert registry.paced(MINUTE, 2 * MINUTE)(echo) is echo
    with pytest.raises(InvalidTrigger, match="every 1 min to every 2 min"):
        check_schedule(ECHO, Schedule(Kind.INTERVAL, interval=3 * MINUTE, anchor=NOON))


def test_no_verb_writes_such_a_job(db: None) -> None:
    job = make_job(trigger="interval", interval=5 * MINUTE, cron="")
    job.interval = timedelta(seconds=30)
    with pytest.raises(InvalidTrigger):
        store.change(job, ["interval"], by="ada", now=NOON)
    assert Job.objects.get().interval == 5 * MINUTE


def test_the_form_says_so_at_the_field(admin_client: Client) -> None:
    page = "/admin/scheduling/job/add/"
    given: dict[str, Any] = {"id": "new", "name": "New", "task": ECHO, "trigger": "interval", "interval": "2 h"}
    response = admin_client.post(page, filled(admin_client.get(page), **given))
    assert list(errors(response)) == ["interval"]
    preview = admin_client.get("/admin/scheduling/job/preview/", {"timezone": "UTC", **given})
    assert "every 1 min to every 1 h" in preview.text
