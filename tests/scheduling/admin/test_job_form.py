"""The form of a job: what it refuses, and that saving writes what was touched and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Change, Execution, Job, Origin
from tests.factories import ECHO, NOON, make_job
from tests.scheduling.admin.conftest import errors, filled

pytestmark = pytest.mark.sqlite_only

ADD = "/admin/scheduling/job/add/"
NEW = {"id": "new", "name": "New", "task": ECHO, "trigger": "cron", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}


def save(browser: Client, job: Job, **changes: Any) -> Any:
    """Open the page of `job`, change some fields, save."""
    here = columns.page(job)
    return browser.post(here, filled(browser.get(here), **changes))


def add(browser: Client, **fields: Any) -> Any:
    return browser.post(ADD, filled(browser.get(ADD), **{**NEW, **fields}))


def test_a_new_job_is_armed_and_written_down(boss: Client) -> None:
    assert add(boss, tags=" nightly,  media , nightly", arguments='{"value": 5}', backoff="2 min").status_code == 302
    job = Job.objects.get(pk="new")
    assert (job.tags, job.arguments, job.backoff) == (["nightly", "media"], {"value": 5}, timedelta(minutes=2))
    assert job.next_run_time is not None
    assert job.origin == Origin.ADMIN
    assert Change.objects.get().action == "created"


def test_a_new_job_follows_the_clock_of_its_maker(boss: Client) -> None:
    boss.cookies["rota_zone"] = "Asia/Tokyo"
    assert filled(boss.get(ADD))["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": ""}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"trigger": "interval", "interval": ""}, "interval"),
        ({"trigger": "interval", "interval": "soon"}, "interval"),
        ({"trigger": "interval", "interval": "0.1 s"}, "interval"),
        ({"trigger": "date", "run_at": ""}, "run_at"),
        ({"trigger": "date", "run_at": "tomorrow"}, "run_at"),
        ({"trigger": "date", "run_at": "2020-01-01T00:00"}, "run_at"),
        ({"timezone": "Europe/Berln"}, "timezone"),
        ({"start_at": "2030-01-02T00:00", "end_at": "2030-01-01T00:00"}, "end_at"),
        ({"trigger": "weekly"}, "trigger"),
        ({"task": "os.system"}, "task"),
        ({"queue": "nowhere"}, "queue"),
        ({"arguments": "{"}, "arguments"),
        ({"arguments": "[1]"}, "arguments"),
        ({"arguments": '{"unknown": 1}'}, "arguments"),
        ({"timeout": "5 parsecs"}, "timeout"),
        ({"priority": "1000"}, "priority"),
        ({"max_instances": "0"}, "max_instances"),
        ({"id": "no spaces"}, "id"),
        ({"tags": "x" * 51}, "tags"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(boss: Client, fields: dict[str, str], where: str) -> None:
    response = add(boss, **fields)
    assert response.status_code == 200
    assert list(errors(response)) == [where]
    assert not Job.objects.exists()


def test_an_id_is_given_once(boss: Client) -> None:
    make_job(id="new", name="Old")
    assert "id" in errors(add(boss))
    assert Job.objects.get().name == "Old"


def test_the_fields_of_other_triggers_do_not_matter(boss: Client) -> None:
    add(boss, trigger="interval", interval="90", cron="nonsense", run_at="never")
    job = Job.objects.get()
    assert (job.interval, job.cron, job.run_at) == (timedelta(seconds=90), "", None)


def test_another_trigger_empties_the_fields_of_the_former(boss: Client) -> None:
    job = make_job(end_at=NOON + timedelta(days=9000))
    assert save(boss, job, trigger="date", run_at="2050-05-03T10:00").status_code == 302
    job.refresh_from_db()
    assert (job.trigger, job.cron, job.end_at) == ("date", "", None)
    assert job.next_run_time == datetime(2050, 5, 3, 10, tzinfo=UTC)


def test_moments_are_on_the_clock_of_the_job(boss: Client) -> None:
    add(boss, trigger="date", run_at="2050-07-01T10:00", timezone="America/New_York")
    job = Job.objects.get()
    assert job.run_at == datetime(2050, 7, 1, 14, tzinfo=UTC)
    assert filled(boss.get(columns.page(job)))["run_at"] == "2050-07-01T10:00:00"
    assert save(boss, job, timezone="Asia/Tokyo").status_code == 302
    job.refresh_from_db()
    assert job.run_at == datetime(2050, 7, 1, 1, tzinfo=UTC)


def test_saving_unchanged_writes_nothing(boss: Client) -> None:
    job = make_job(trigger="date", cron="", run_at=NOON + timedelta(days=9999, microseconds=5), jitter=timedelta(0))
    before = Job.objects.values().get()
    assert save(boss, job).status_code == 302
    assert Job.objects.values().get() == before
    assert not Change.objects.exists()


def test_a_name_does_not_move_the_next_run(boss: Client) -> None:
    job = make_job(next_run_time=NOON + timedelta(days=9999, seconds=7))
    assert save(boss, job, name="Better").status_code == 302
    change = Change.objects.get()
    assert change.fields == {"name": [job.name, "Better"]}
    armed_for, revision = job.next_run_time, job.revision
    job.refresh_from_db()
    assert (job.name, job.next_run_time, job.revision) == ("Better", armed_for, revision)


def test_a_schedule_is_armed_anew_and_said(boss: Client) -> None:
    job = make_job(next_run_time=NOON + timedelta(days=9999))
    response = save(boss, job, cron="0 5 1 1 *")
    job.refresh_from_db()
    assert job.next_run_time is not None
    assert (job.next_run_time.month, job.next_run_time.hour, job.revision) == (1, 5, 2)
    assert any("Next run:" in str(message) for message in get_messages(response.wsgi_request))


def test_what_others_changed_meanwhile_stays(boss: Client) -> None:
    job = make_job()
    here = columns.page(job)
    opened = filled(boss.get(here), name="Mine")
    Job.objects.update(priority=5, description="Theirs", next_run_time=NOON + timedelta(days=1))
    assert boss.post(here, opened).status_code == 302
    job.refresh_from_db()
    assert (job.name, job.priority, job.description) == ("Mine", 5, "Theirs")
    assert job.next_run_time == NOON + timedelta(days=1)


def test_two_changes_of_one_schedule_do_not_overwrite_each_other(boss: Client) -> None:
    job = make_job()
    here = columns.page(job)
    opened = filled(boss.get(here), cron="0 3 * * *")
    theirs = Job.objects.get()
    theirs.cron = "0 4 * * *"
    store.change(theirs, ["cron"], by="them", now=NOON)
    response = boss.post(here, opened)
    assert "changed the schedule" in errors(response)["__all__"][0]
    job.refresh_from_db()
    assert job.cron == "0 4 * * *"


def test_a_name_is_saved_although_the_schedule_was_changed_meanwhile(boss: Client) -> None:
    job = make_job()
    here = columns.page(job)
    opened = filled(boss.get(here), name="Mine")
    theirs = Job.objects.get()
    theirs.cron = "0 4 * * *"
    store.change(theirs, ["cron"], by="them", now=NOON)
    assert boss.post(here, opened).status_code == 302
    job.refresh_from_db()
    assert (job.name, job.cron) == ("Mine", "0 4 * * *")


def test_no_grace_and_any_grace_are_different(boss: Client) -> None:
    job = make_job(misfire_grace_time=timedelta(0))
    assert filled(boss.get(columns.page(job)))["misfire_grace_time"] == "none"
    save(boss, job, misfire_grace_time="any")
    job.refresh_from_db()
    assert job.misfire_grace_time is None


def test_an_id_stays_as_it_is(boss: Client) -> None:
    job = make_job(id="first")
    save(boss, job, id="second", name="New name")
    assert Job.objects.get().pk == "first"


def test_deleting_keeps_the_history(boss: Client) -> None:
    job = make_job(id="going")
    run = store.enqueue(job, now=NOON)
    boss.post(columns.page(job, "delete"), {"post": "yes"})
    assert not Job.objects.exists()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert boss.get(columns.page(run)).status_code == 200
    assert "Deleted" in boss.get("/admin/scheduling/job/going/history/").text
    assert boss.get("/admin/scheduling/job/never/history/").status_code == 404


def test_deleting_many_keeps_their_history(boss: Client) -> None:
    jobs = [make_job(), make_job()]
    run = store.enqueue(jobs[0], now=NOON)
    chosen = [job.pk for job in jobs]
    boss.post("/admin/scheduling/job/", {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert not Job.objects.exists()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert Change.objects.filter(action="deleted").count() == 2


def test_a_beginning_in_the_past_is_no_surprise(boss: Client) -> None:
    job = make_job(cron="0 12 * * *", next_run_time=None)
    page = columns.page(job)
    begin = timezone.now() - timedelta(days=10)
    said = boss.post(page, filled(boss.get(page), start_at=f"{begin:%Y-%m-%dT%H:%M:%S}"), follow=True).text
    assert "10 moments of this schedule lie in the past. None of them runs unless you say so" in said
    assert "/backfill/?first=" in said
    assert not Execution.objects.filter(scheduled_for__gt=begin).exists()
