"""What people of a tenant do not read even about their own jobs: who of the installation said what, and its hosts."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.models import Calendar, Execution, Job, Queue, State
from tests.factories import make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import filled
from tests.scheduling.api.caller import Caller, wrong_fields
from tests.scheduling.tenants import People, browser, caller, people  # noqa: F401  # fixtures

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WORDS = ("hopper", "Globex is bought", "worker-host", "housemark")  # of the installation
REST = ("jobs", "jobs/films", "jobs/films/explain", "jobs/films/preview", "executions", "executions/{run}")
PAGES = ("", "job/", "job/films/change/", "job/films/why/", "execution/", "execution/{run}/change/")


@pytest.fixture
def job(people: People) -> Job:  # noqa: F811
    """A job that is due in an hour, with a run that waits; its queue is paused, and the only scheduler is gone."""
    store.ensure_queues()
    now = timezone.now()
    make_worker(host="worker-host", state="stopped", turned_at=now - HOUR)
    job = make_job(id="films", tenant="acme", cron="0 * * * *", next_run_time=now + HOUR, fired_until=now)
    make_execution(job, run_after=now, scheduled_for=now - HOUR)
    store.pause_queue(Queue.objects.get(pk=job.queue), by="hopper", now=now, reason="Globex is bought")
    return job


def read(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


def test_of_a_paused_queue_only_that_is_told(job: Job, caller: Caller, browser: Client) -> None:  # noqa: F811
    run = Execution.objects.get().pk
    for path in REST:
        assert read(caller.get(path.format(run=run)).text) == []
    for path in PAGES:
        page = browser.get(f"/admin/scheduling/{path.format(run=run)}")
        assert page.status_code == 200
        assert read(page.content.decode()) == []
    assert "Its queue is paused." in caller.get("jobs/films/explain").text
    assert "It waits because its queue is paused." in caller.get("jobs/films/explain").text
    assert "Its queue is paused." in browser.get("/admin/scheduling/job/").content.decode()


def test_people_of_the_installation_read_it(job: Job, admin_client: Client) -> None:
    for page in ("job/", "job/films/why/"):
        assert "Globex is bought" in admin_client.get(f"/admin/scheduling/{page}").content.decode()


@pytest.mark.parametrize(("tenant", "told"), [("acme", []), ("", ["hopper", "Globex is bought"])])
def test_the_rows_of_what_was_skipped_meanwhile_do_not_keep_it(job: Job, tenant: str, told: list[str]) -> None:
    Job.objects.update(tenant=tenant, next_run_time=timezone.now(), fired_until=timezone.now() - 3 * HOUR)
    Execution.objects.update(tenant=tenant, start_deadline=timezone.now())
    now = timezone.now() + 2 * HOUR
    store.skip_overdue(now)
    store.pause(Job.objects.get(), by="ada", now=now)
    rows = Execution.objects.filter(state=State.SKIPPED, cause="queue")
    assert rows.count() > 1
    assert all(read(row.reason) == told for row in rows)


def test_no_worker_is_named(job: Job, caller: Caller, browser: Client, admin_client: Client) -> None:  # noqa: F811
    Queue.objects.update(paused_at=None)
    told = caller.get("jobs/films/explain").text
    assert read(told) == []
    assert "No scheduler is running. Ask those who run this installation." in " ".join(
        caller.get("jobs/films/explain").json()["outlook"]["sentences"]
    )
    worker = make_worker(host="worker-host")
    run = make_execution(job, state=State.RUNNING, started_at=timezone.now(), worker=worker, fence=1)
    page = f"/admin/scheduling/execution/{run.pk}/change/"
    assert read(browser.get(page).content.decode()) == []
    assert read(admin_client.get(page).content.decode()) == ["worker-host"]


# Calendars


@pytest.fixture
def kept(people: People) -> Job:  # noqa: F811
    """A job with a calendar, beside one that is not its own."""
    for name in ("ours", "theirs"):
        Calendar.objects.create(id=name, name=f"{'housemark' if name == 'theirs' else 'Our'} days", country="DE")
    return make_job(id="films", tenant="acme", calendars=["ours"], trigger="cron", cron="0 9 * * *")


def test_only_the_calendars_of_a_job_are_offered(kept: Job, browser: Client, admin_client: Client) -> None:  # noqa: F811
    address = "/admin/scheduling/job/films/change/"
    page = browser.get(address)
    assert "Our days" in page.content.decode()
    assert read(page.content.decode()) == []
    assert read(admin_client.get(address).content.decode()) == ["housemark"]
    refused = browser.post(address, filled(page, calendars=["ours", "theirs"]))
    assert refused.status_code == 200
    assert read(refused.content.decode()) == []
    assert browser.post(address, filled(page, calendars=[])).status_code == 302
    assert Job.objects.get().calendars == []


@pytest.mark.parametrize("name", ["theirs", "nothing"])
def test_rest_tells_of_no_other_calendar(kept: Job, caller: Caller, name: str) -> None:  # noqa: F811
    for wanted in ([name], ["ours", name]):
        refused = caller.send("PATCH", "jobs/films", {"calendars": wanted})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:confined")
    tried = {"schedule": {"trigger": "cron", "cron": "0 9 * * *"}, "calendars": [name]}
    answer = caller.send("POST", "triggers/preview", tried)
    assert wrong_fields(answer) == ["calendars"]
    assert f"None of your jobs keeps a calendar '{name}'" in answer.text
    assert caller.send("POST", "triggers/preview", {**tried, "calendars": ["ours"]}).status_code == 200
    assert caller.send("PATCH", "jobs/films", {"calendars": []}).status_code == 200


def test_the_preview_of_the_form_tells_of_no_other_calendar(kept: Job, browser: Client) -> None:  # noqa: F811
    asked: dict[str, Any] = {"trigger": "cron", "cron": "0 9 1 1 *", "timezone": "Europe/Berlin"}
    for name, count in (("ours", 10), ("theirs", 0)):
        told = browser.get("/admin/scheduling/job/preview/", {**asked, "calendars": name}).content.decode()
        assert told.count("skipped:") == count


def test_addresses_for_pings_are_not_told(kept: Job, caller: Caller, settings: Any) -> None:  # noqa: F811
    settings.SCHEDULING = {**settings.SCHEDULING, "PINGS": {"housemark": "https://ping.example/1"}}
    for name in ("nothing", "housemark"):
        refused = caller.send("PATCH", "jobs/films", {"ping": name})
        assert refused.status_code == 403
        assert read(refused.text) == []
