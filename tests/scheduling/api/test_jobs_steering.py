"""Jobs steered over REST: run, pause, snooze, resume, skip, recompute, back to the code."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling import store, sync
from scheduling.models import Backfill, Change, Execution, Job, State
from scheduling.registry import Declaration
from scheduling.triggers import Kind, Schedule
from tests.factories import ECHO, NOON
from tests.scheduling.api.caller import Caller, wrong_fields

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def caller() -> Caller:
    return Caller("view_job", "pause_job", "run_job", "change_job")


@pytest.fixture
def job() -> Job:
    """Hourly; its next run is to come."""
    return store.create(
        Job(id="nightly", name="Nightly", task=ECHO, trigger="cron", cron="0 * * * *"), by="test", now=timezone.now()
    )


def last_change() -> Change:
    return Change.objects.filter(job="nightly").latest("id")


def test_a_run_may_be_put_off_and_a_paused_job_runs_all_the_same(caller: Caller, job: Job) -> None:
    store.pause(job, by="ada", now=timezone.now())
    later = timezone.now().replace(microsecond=0) + HOUR
    answer = caller.post("jobs/nightly/run", run_after=later.isoformat())
    assert answer.status_code == 201
    assert answer.json()["run_after"] == f"{later:%Y-%m-%dT%H:%M:%SZ}"
    assert Execution.objects.get(why="api").state == State.QUEUED


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"arguments": {"valeu": 1}}, "arguments"),
        ({"arguments": {"value": "••••••"}}, "arguments.value"),
        ({"arguments": []}, "arguments"),
        ({"run_after": "tomorrow"}, "run_after"),
        ({"argumnts": {}}, "argumnts"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(caller: Caller, job: Job, body: dict[str, Any], field: str) -> None:
    assert wrong_fields(caller.post("jobs/nightly/run", **body)) == [field]
    assert not Execution.objects.exists()


def test_a_pause_is_for_good_or_until_a_moment(caller: Caller, job: Job) -> None:
    told = caller.post("jobs/nightly/pause", reason="Stocktaking.").json()
    assert (told["standing"], told["next_run_time"], told["pause"]["until"]) == ("paused", None, None)
    assert (told["pause"]["by"], told["pause"]["reason"]) == (caller.who, "Stocktaking.")
    end = timezone.now().replace(microsecond=0) + HOUR
    told = caller.post("jobs/nightly/pause", until=end.isoformat()).json()
    assert told["pause"]["until"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert (last_change().action, last_change().by) == ("paused", caller.who)


def test_a_snooze_needs_an_end(caller: Caller, job: Job) -> None:
    before = timezone.now()
    assert caller.send("POST", "jobs/nightly/snooze", {"for": 3600}).status_code == 200
    until = Job.objects.get().paused_until
    assert until is not None
    assert before + HOUR <= until <= timezone.now() + HOUR
    assert wrong_fields(caller.post("jobs/nightly/snooze", reason="x")) == ["for"]
    assert wrong_fields(caller.post("jobs/nightly/snooze", until="2020-01-01T00:00:00Z")) == ["until"]
    assert caller.send("POST", "jobs/nightly/snooze", {"for": 60, "until": "2090-01-01T00:00:00Z"}).status_code == 422
    assert caller.post("jobs/nightly/snooze").status_code == 422


@pytest.mark.parametrize(("missed", "queued", "backfills"), [("none", 0, 0), ("latest", 1, 0), ("all", 0, 1)])
def test_a_resumed_job_makes_up_for_what_is_asked(
    caller: Caller, job: Job, missed: str, queued: int, backfills: int
) -> None:
    now = timezone.now()
    store.pause(job, by="ada", now=now)
    Job.objects.update(paused_at=now - 3 * HOUR, fired_until=now - 3 * HOUR)
    told = caller.post("jobs/nightly/resume", missed=missed, reason="Done.").json()
    assert (told["standing"], told["pause"]) == ("armed", None)
    runs = Execution.objects.filter(job="nightly")
    assert (runs.queued().count(), Backfill.objects.count()) == (queued, backfills)
    assert runs.filter(state=State.SKIPPED).count() == 3 - queued
    assert wrong_fields(caller.post("jobs/nightly/resume", missed="some")) == ["missed"]


def test_to_resume_what_was_not_paused_changes_nothing(caller: Caller, job: Job) -> None:
    before = Job.objects.values().get()
    assert caller.post("jobs/nightly/resume").status_code == 200
    assert Job.objects.values().get() == before


def test_the_next_run_is_skipped_and_told(caller: Caller, job: Job) -> None:
    told = caller.post("jobs/nightly/skip", reason="Stocktaking.").json()
    skipped = Execution.objects.get(job="nightly")
    assert (skipped.state, skipped.reason) == (State.SKIPPED, f"Skipped by {caller.who}. Stocktaking.")
    assert skipped.scheduled_for == job.next_run_time
    assert told["skipped"] == f"{job.next_run_time:%Y-%m-%dT%H:%M:%SZ}"
    assert told["next_run_time"] == f"{job.next_run_time + HOUR:%Y-%m-%dT%H:%M:%SZ}"  # type: ignore[operator]


def test_a_job_without_a_next_run_has_none_to_skip(caller: Caller, job: Job) -> None:
    store.pause(job, by="ada", now=timezone.now())
    answer = caller.post("jobs/nightly/skip")
    assert answer.status_code == 409
    assert "Paused by ada" in answer.json()["detail"]


def test_a_schedule_that_went_wrong_is_computed_anew(caller: Caller, job: Job) -> None:
    Job.objects.update(next_run_time=timezone.now() + timedelta(days=400))
    told = caller.post("jobs/nightly/recompute", reason="The clock was wrong.").json()
    assert told["next_run_time"] == f"{job.next_run_time:%Y-%m-%dT%H:%M:%SZ}"
    assert (last_change().action, last_change().reason) == ("recomputed", "The clock was wrong.")


def test_an_edited_job_goes_back_to_the_code(caller: Caller) -> None:
    sync.bring(Declaration("nightly", ECHO, Schedule(Kind.CRON, cron="0 2 * * *"), {"name": "As in code"}), NOON)
    Job.objects.update(name="Edited")
    told = caller.post("jobs/nightly/back-to-code").json()
    assert (told["name"], told["edited"]) == ("As in code", [])


def test_a_job_that_no_code_defines_cannot_go_back_to_it(caller: Caller, job: Job) -> None:
    assert caller.post("jobs/nightly/back-to-code").status_code == 409


@pytest.mark.parametrize("deed", ["run", "pause", "resume", "skip", "recompute", "back-to-code"])
def test_a_job_that_is_not_there_cannot_be_steered(caller: Caller, deed: str) -> None:
    assert caller.post(f"jobs/no-such/{deed}").status_code == 404
    assert caller.post(f"jobs/no%00such/{deed}").status_code in (404, 422)


def test_a_token_that_may_only_look_steers_nothing(job: Job) -> None:
    watcher = Caller("view_job", "pause_job", "run_job", scopes=("read",))
    for deed in ("run", "pause", "resume", "skip"):
        answer = watcher.post(f"jobs/nightly/{deed}")
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:rota:insufficient-scope")
    assert watcher.get("jobs/nightly").json()["standing"] == "armed"


def test_a_text_that_is_too_long_is_told_in_characters(caller: Caller, job: Job) -> None:
    answer = caller.post("jobs/nightly/pause", reason="x" * 501)
    assert answer.json()["errors"] == [{"field": "reason", "detail": "It must have at most 500 characters."}]
