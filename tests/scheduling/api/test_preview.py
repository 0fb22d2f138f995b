"""The moments of any schedule over REST, and why a job did not run: what the engine does, and in the same words."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling import store, triggers
from scheduling.models import Calendar, Window
from tests.factories import NOON, make_job
from tests.scheduling.api.caller import Caller, wrong_fields

pytestmark = pytest.mark.django_db
BERLIN = {"trigger": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def caller() -> Caller:
    return Caller("view_job", "view_execution", scopes=("read",))


def moments(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [each["moment"] for each in answer.json()["moments"]]


def test_any_schedule_can_be_tried_out(caller: Caller) -> None:
    body = {"schedule": {"trigger": "interval", "interval": 5400}, "count": 2, "after": "2026-03-02T12:00:00Z"}
    answer = caller.post("triggers/preview", **body)
    assert moments(answer) == ["2026-03-02T13:30:00Z", "2026-03-02T15:00:00Z"]
    assert answer.json()["words"] == "Every hour and 30 minutes" or "1 hour" in answer.json()["words"]


def test_a_note_says_where_clocks_change(caller: Caller) -> None:
    answer = caller.post("triggers/preview", schedule=BERLIN, count=3, after="2026-03-28T00:00:00Z")
    assert moments(answer) == ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    plain, skipped, _ = answer.json()["moments"]
    assert plain["notes"] == []
    assert skipped["local"] == "2026-03-29T03:00:00+02:00"
    assert any("forward" in note for note in skipped["notes"])
    assert any("in place of a time that the clocks skip" in note for note in skipped["notes"])


def test_a_calendar_says_what_it_takes_out(caller: Caller) -> None:
    calendar = Calendar.objects.create(id="ops", name="Ops")
    Window.objects.create(calendar=calendar, name="Freeze", start_at=NOON, end_at=NOON + timedelta(days=1))
    body = {"schedule": {"trigger": "cron", "cron": "0 0 * * *"}, "calendars": ["ops"], "count": 2}
    first, second = caller.post("triggers/preview", **body, after="2026-03-02T12:00:00Z").json()["moments"]
    assert (first["runs"], second["runs"]) == (False, True)
    assert "Freeze" in first["notes"][0]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"schedule": {"trigger": "cron", "cron": "0 2 31 2 *"}}, "schedule.cron"),
        ({"schedule": {"trigger": "cron", "cron": "0 2 * * *", "run_at": "2026-11-21T02:00:00Z"}}, "schedule.run_at"),
        ({"schedule": BERLIN, "count": 201}, "count"),
        ({"schedule": BERLIN, "calendars": ["nowhere"]}, "calendars"),
        ({"schedule": BERLIN, "job": "x"}, "job"),
        ({}, "body"),
    ],
)
def test_a_schedule_that_names_no_moment_is_refused(caller: Caller, given: dict[str, Any], field: str) -> None:
    assert wrong_fields(caller.post("triggers/preview", **given)) == [field]


def test_a_manual_and_a_spent_schedule_have_no_moments(caller: Caller) -> None:
    assert moments(caller.post("triggers/preview", schedule={"trigger": "manual"})) == []
    date = {"trigger": "date", "run_at": "2020-01-01T00:00:00Z"}
    assert moments(caller.post("triggers/preview", schedule=date)) == []


def test_a_job_is_previewed_as_the_engine_will_fire_it(caller: Caller) -> None:
    job = make_job(cron="*/7 * * * *")
    now = timezone.now()
    answer = caller.get(f"jobs/{job.pk}/preview", count=3, after=now.isoformat())
    assert moments(answer) == [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in triggers.preview(job.schedule, 3, now)]
    assert wrong_fields(caller.get(f"jobs/{job.pk}/preview", count=0)) == ["count"]
    assert caller.get("jobs/no-such/preview").status_code == 404


def test_a_moment_that_was_skipped_beforehand_does_not_run(caller: Caller) -> None:
    job = make_job(next_run_time=NOON)
    store.skip_next(job, by="ada", now=NOON - timedelta(minutes=1), reason="Stocktaking.")
    answer = caller.get(f"jobs/{job.pk}/preview", count=2, after=(NOON - timedelta(seconds=1)).isoformat())
    first, second = answer.json()["moments"]
    assert (first["runs"], second["runs"]) == (False, True)
    assert first["notes"] == ["Skipped by ada. Stocktaking."]


def test_without_a_sight_of_runs_the_preview_has_no_reason_of_any() -> None:
    job = make_job(next_run_time=NOON)
    store.skip_next(job, by="ada", now=NOON - timedelta(minutes=1), reason="Stocktaking.")
    answer = Caller("view_job").get(f"jobs/{job.pk}/preview", count=1, after=(NOON - timedelta(seconds=1)).isoformat())
    [only] = answer.json()["moments"]
    assert (only["runs"], only["notes"]) == (False, ["decided already"])


# explain


def test_a_job_tells_when_it_runs_next_and_why_not_before(caller: Caller) -> None:
    make_job(id="nightly", paused_at=NOON, paused_by="ada", paused_reason="Stocktaking.", next_run_time=None)
    told = caller.get("jobs/nightly/explain").json()
    assert (told["job"], told["answer"]) == ("nightly", None)
    assert told["outlook"]["verdict"] == "Paused"
    assert any("ada" in sentence and "Stocktaking." in sentence for sentence in told["outlook"]["sentences"])


def test_a_job_tells_what_became_of_a_moment(caller: Caller) -> None:
    job = make_job(id="nightly", next_run_time=NOON)
    store.pause(job, by="ada", now=NOON - timedelta(minutes=1), reason="Stocktaking.")
    store.resume(job, by="ada", now=NOON + timedelta(minutes=2))
    told = caller.get("jobs/nightly/explain", at=NOON.isoformat()).json()["answer"]
    assert told["moment"] == "2026-03-02T12:00:00Z"
    assert told["severity"] == "notable"
    assert any("Stocktaking." in sentence for sentence in told["sentences"])
    assert told["executions"] == [run.pk for run in job.executions.filter(scheduled_for=NOON)]


@pytest.mark.parametrize("at", ["", "soon", "25:61", "9999-12-31T23:59:59Z"])
def test_what_names_no_moment_is_refused_with_the_forms_that_do(caller: Caller, at: str) -> None:
    make_job(id="nightly")
    answer = caller.get("jobs/nightly/explain", at=at)
    assert wrong_fields(answer) == ["at"]
    assert "yesterday 02:00" in answer.json()["detail"]
