"""Jobs over REST: listed, made, changed, deleted; what cannot be kept is refused with the field and the cure."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from scheduling import sync
from scheduling.models import Calendar, Change, Execution, Job, Origin, Overlap, Queue, State, Why
from scheduling.redact import DOTS
from scheduling.registry import Declaration
from scheduling.triggers import Kind, Schedule
from tests.factories import ECHO, NOON, make_execution, make_job
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db
MAY = ("view_job", "add_job", "change_job", "delete_job", "view_execution")
ENDED: dict[str, Any] = {"state": State.SUCCEEDED, "started_at": NOON, "finished_at": NOON}
NEW = {"id": "nightly", "task": ECHO, "schedule": {"trigger": "cron", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}}


@pytest.fixture
def caller() -> Caller:
    return Caller(*MAY)


def row(job_id: str = "nightly") -> Job:
    return Job.objects.get(pk=job_id)


# list


def test_a_listed_job_tells_when_it_runs_next_how_it_stands_and_how_it_went(caller: Caller) -> None:
    job = make_job(id="nightly", name="Nightly", cron="0 2 * * *", tags=["media"])
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    make_execution(job)
    (told,) = caller.get("jobs").json()["items"]
    assert (told["id"], told["name"], told["standing"]) == ("nightly", "Nightly", "armed")
    assert told["words"] == job.words
    assert parse_datetime(told["next_run_time"]) == NOON
    assert told["next_run_time"].endswith("Z")
    assert (told["last_run"]["id"], told["last_run"]["state"]) == (run.pk, "failed")
    assert caller.get(told["links"]["self"]).json() == told


def test_runs_are_told_only_to_who_may_see_them() -> None:
    make_execution(make_job(id="nightly"), **ENDED)
    watcher = Caller("view_job")
    assert watcher.get("jobs/nightly").json()["last_run"] is None
    assert [job["last_run"] for job in watcher.get("jobs").json()["items"]] == [None]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "NIGHT"}, ["nightly"]),
        ({"search": "%"}, []),
        ({"tag": "media"}, ["nightly"]),
        ({"tag": "med"}, []),
        ({"queue": "light"}, ["gone"]),
        ({"task": ECHO}, ["asked", "gone", "nightly"]),
        ({"task": "no.such"}, []),
        ({"paused": "true"}, ["asked"]),
        ({"paused": "false"}, ["gone", "nightly"]),
        ({"parked": "true"}, ["gone"]),
        ({"standing": "armed"}, ["nightly"]),
        ({"standing": "parked"}, ["gone"]),
        ({"standing": "paused", "queue": "light"}, []),
    ],
)
def test_a_list_can_be_narrowed(caller: Caller, query: dict[str, str], found: list[str]) -> None:
    make_job(id="nightly", tags=["media", "films"])
    make_job(id="gone", queue="light", parked_reason="Its task is gone.", next_run_time=None)
    make_job(id="asked", paused_at=NOON, next_run_time=None)
    assert ids(caller.get("jobs", **query)) == found


def test_a_job_of_a_paused_queue_is_held(caller: Caller) -> None:
    make_job(id="nightly")
    Queue.objects.update_or_create(name="default", defaults={"paused_at": NOON})
    assert [job["standing"] for job in caller.get("jobs", standing="held").json()["items"]] == ["held"]


def test_a_misspelt_filter_is_refused(caller: Caller) -> None:
    assert wrong_fields(caller.get("jobs", stat="paused")) == ["stat"]
    assert wrong_fields(caller.get("jobs", standing="asleep")) == ["standing"]


def test_pages_follow_each_other_without_loss(caller: Caller) -> None:
    for number in range(5):
        make_job(id=f"job-{number}.x")
    assert [job["id"] for job in caller.pages("jobs", limit=2)] == [f"job-{number}.x" for number in range(5)]
    assert caller.get("jobs", limit=5).json()["next"] is None


def test_more_jobs_take_no_more_queries(caller: Caller) -> None:
    make_execution(make_job(), **ENDED)
    few = queries(lambda: caller.get("jobs"))
    for _ in range(12):
        make_execution(make_job(code_definition={"name": "x"}), **ENDED)
    assert queries(lambda: caller.get("jobs")) == few


def test_a_job_whose_schedule_cannot_be_read_hides_no_other(caller: Caller) -> None:
    make_job(id="broken", timezone="Mars/Olympus", parked_reason="Mars?", next_run_time=None)
    make_job(id="nightly")
    broken, _ = caller.get("jobs").json()["items"]
    assert "Mars/Olympus" in broken["words"]


# get


def test_a_job_that_is_not_there_says_which_may_be_meant_or_who_deleted_it(caller: Caller) -> None:
    make_job(id="nightly-import")
    answer = caller.get("jobs/nightly-inport")
    assert answer.status_code == 404
    assert "Did you mean nightly-import?" in answer.json()["detail"]
    caller.delete("jobs/nightly-import?reason=Not+needed.")
    told = caller.get("jobs/nightly-import").json()["detail"]
    assert f"deleted by {caller.who}" in told
    assert "Not needed." in told


def test_all_of_a_job_is_told_spans_in_seconds(caller: Caller) -> None:
    job = make_job(
        trigger="interval",
        cron="",
        interval=timedelta(minutes=90),
        timeout=timedelta(seconds=2.5),
        misfire_grace_time=None,
        paused_at=NOON,
        paused_by="ada",
        paused_reason="Stocktaking.",
        paused_until=NOON + timedelta(days=9000),
        next_run_time=None,
    )
    told = caller.get(f"jobs/{job.pk}").json()
    assert (told["schedule"]["trigger"], told["schedule"]["interval"]) == ("interval", 5400)
    assert (told["timeout"], told["misfire_grace_time"], told["backoff"]) == (2.5, None, 30)
    assert told["standing"] == "paused"
    assert (told["pause"]["by"], told["pause"]["reason"]) == ("ada", "Stocktaking.")
    columns = {field.name for field in Job._meta.local_fields}
    engine = {"anchored_at", "fired_until", "revision", "code_definition"}
    pause = {"paused_at", "paused_until", "paused_by", "paused_reason"}
    assert columns - engine - pause <= told.keys() | told["schedule"].keys()


def test_secrets_among_the_arguments_are_dots(caller: Caller) -> None:
    job = make_job(arguments={"value": 5, "api_key": "hunter2hunter2"})
    answer = caller.get(f"jobs/{job.pk}")
    assert answer.json()["arguments"] == {"value": 5, "api_key": DOTS}
    assert b"hunter2" not in answer.content


# create


def test_a_new_job_is_armed_and_found_where_the_answer_says(caller: Caller) -> None:
    answer = caller.post("jobs", **NEW, arguments={"value": 1}, tags=[" a  b", "a b", ""], reason="As agreed.")
    assert answer.status_code == 201, answer.content
    assert answer["Location"] == "/api/v1/jobs/nightly"
    assert caller.get(answer["Location"]).json() == answer.json()
    assert answer["ETag"] == caller.get(answer["Location"])["ETag"]
    job = row()
    assert (job.origin, job.name, job.tags, job.arguments) == (Origin.API, "Nightly", ["a b"], {"value": 1})
    assert job.next_run_time is not None
    assert job.next_run_time > timezone.now()
    change = Change.objects.get(job="nightly")
    assert (change.action, change.by, change.reason) == ("created", caller.who, "As agreed.")


def test_what_is_left_out_is_as_the_task_says(caller: Caller) -> None:
    caller.post(
        "jobs", **{**NEW, "task": "tests.workload.tasks.sleep_idempotent"}, arguments={"seconds": 1, "path": "x"}
    )
    assert row().idempotent
    assert row().max_attempts == 1
    assert row().misfire_grace_time == timedelta(minutes=15)


def test_a_job_can_be_made_paused(caller: Caller) -> None:
    told = caller.post("jobs", **NEW, paused=True, reason="Not looked at yet.").json()
    assert (told["standing"], told["next_run_time"], told["pause"]["by"]) == ("paused", None, caller.who)
    assert told["pause"]["reason"] == "Not looked at yet."


def test_an_id_is_given_once(caller: Caller) -> None:
    make_job(id="nightly", name="The first")
    answer = caller.post("jobs", **NEW)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "id")
    assert row().name == "The first"


@pytest.mark.parametrize(
    ("given", "field", "cure"),
    [
        ({"id": "a b"}, "id", "pattern"),
        ({"task": "os.system"}, "task", "os.system"),
        ({"arguments": {"valeu": 1}}, "arguments", "valeu"),
        ({"schedule": {"trigger": "cron", "cron": "61 * * * *"}}, "schedule.cron", "61"),
        ({"schedule": {"trigger": "cron"}}, "schedule.cron", "such as 0 2 * * *"),
        ({"schedule": {"trigger": "interval"}}, "schedule.interval", "between a second"),
        ({"schedule": {"trigger": "interval", "interval": 0.5}}, "schedule.interval", "greater than or equal to 1"),
        ({"schedule": {"trigger": "interval", "interval": 60, "cron": "* * * * *"}}, "schedule.cron", "does not go"),
        ({"schedule": {"trigger": "date"}}, "schedule.run_at", "moment"),
        ({"schedule": {"trigger": "date", "run_at": "2026-11-21T02:00:00"}}, "schedule.run_at", "timezone"),
        ({"schedule": {"trigger": "date", "run_at": "9999-01-01T02:00:00Z"}}, "schedule.run_at", "9999"),
        ({"schedule": {"trigger": "cron", "cron": "* * * * *", "timezone": "CETT"}}, "schedule.timezone", "CET"),
        ({"schedule": {"trigger": "sometimes"}}, "schedule.trigger", "cron"),
        ({"schedule": {"cron": "* * * * *"}}, "schedule.trigger", "needed"),
        ({"queue": "fast"}, "queue", "choose from: default"),
        ({"calendars": ["germany"]}, "calendars", "none is made yet"),
        ({"ping": "nobody"}, "ping", "PINGS"),
        ({"priority": 101}, "priority", "100"),
        ({"max_instances": 0}, "max_instances", "1"),
        ({"timeout": 1e300}, "timeout", "less than"),
        ({"cron": "* * * * *"}, "cron", "no such field"),
        ({"arguments": {"value": {"token": DOTS}}}, "arguments.value.token", "leave"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_field_and_cure(
    caller: Caller, given: dict[str, Any], field: str, cure: str
) -> None:
    answer = caller.post("jobs", **{**NEW, **given})
    assert wrong_fields(answer) == [field]
    assert cure.lower() in answer.json()["errors"][0]["detail"].lower()
    assert not Job.objects.exists()


def test_arguments_nest_only_as_deep_as_every_database_keeps(caller: Caller) -> None:
    deep: Any = 1
    for _ in range(24):
        deep = [deep]
    assert caller.post("jobs", **NEW, arguments={"value": deep}).status_code == 201
    assert caller.send("PATCH", "jobs/nightly", {"arguments": {"value": {"x": deep}}}).status_code == 422
    assert caller.send("PATCH", "jobs/nightly", {"arguments": {"value": 1}}).status_code == 200


# change


def test_only_what_is_sent_changes(caller: Caller) -> None:
    before = make_job(id="nightly", timeout=timedelta(minutes=5), calendars=[], next_run_time=NOON)
    body = {"name": "New", "timeout": None, "misfire_grace_time": 0, "overlap": "queue_one", "reason": "Tidied."}
    answer = caller.send("PATCH", "jobs/nightly", body)
    assert answer.status_code == 200, answer.content
    after = row()
    assert (after.name, after.timeout, after.overlap) == ("New", None, Overlap.QUEUE_ONE)
    assert after.misfire_grace_time == timedelta()
    assert (after.cron, after.next_run_time, after.revision) == (before.cron, NOON, before.revision)
    change = Change.objects.get(job="nightly")
    assert (change.by, change.reason) == (caller.who, "Tidied.")
    assert set(change.fields) == {"name", "timeout", "misfire_grace_time", "overlap"}


def test_a_part_of_a_schedule_changes_and_arms_it_anew(caller: Caller) -> None:
    make_job(id="nightly", cron="0 2 * * *", timezone="Europe/Berlin", next_run_time=timezone.now() + timedelta(days=1))
    told = caller.send("PATCH", "jobs/nightly", {"schedule": {"cron": "30 4 * * *"}}).json()
    assert (told["schedule"]["cron"], told["schedule"]["timezone"]) == ("30 4 * * *", "Europe/Berlin")
    upcoming = row().next_run_time
    assert upcoming is not None
    assert upcoming.minute == 30


def test_another_trigger_empties_what_it_does_not_have(caller: Caller) -> None:
    later = timezone.now() + timedelta(days=3)
    make_job(id="nightly", start_at=NOON, end_at=later, next_run_time=later)
    body = {"schedule": {"trigger": "date", "run_at": later.isoformat()}}
    told = caller.send("PATCH", "jobs/nightly", body).json()["schedule"]
    assert (told["cron"], told["start_at"], told["end_at"]) == ("", None, None)
    assert row().next_run_time == row().run_at == later
    assert wrong_fields(caller.send("PATCH", "jobs/nightly", {"schedule": {"interval": 60}})) == ["schedule.interval"]


def test_dots_do_not_overwrite_the_secret_that_they_stand_for(caller: Caller) -> None:
    make_job(id="nightly", arguments={"value": {"password": "hunter2hunter2", "limit": 5}})
    shown = caller.get("jobs/nightly").json()["arguments"]
    answer = caller.send("PATCH", "jobs/nightly", {"arguments": shown})
    assert wrong_fields(answer) == ["arguments.value.password"]
    assert caller.send("PATCH", "jobs/nightly", {"name": "New"}).status_code == 200
    assert row().arguments["value"]["password"] == "hunter2hunter2"


def test_a_change_mends_a_parked_job(caller: Caller) -> None:
    make_job(id="nightly", parked_reason="Its task is gone.", next_run_time=None)
    told = caller.send("PATCH", "jobs/nightly", {"task": ECHO, "name": "Mended"}).json()
    assert (told["standing"], told["parked_reason"]) == ("armed", "")


@pytest.mark.parametrize(
    "given", [{"name": None}, {"schedule": None}, {"id": "other"}, {"next_run_time": None}, {"tags": "a"}]
)
def test_a_change_that_makes_no_sense_is_refused(caller: Caller, given: dict[str, Any]) -> None:
    make_job(id="nightly")
    assert wrong_fields(caller.send("PATCH", "jobs/nightly", given)) == list(given)
    assert not Change.objects.filter(job="nightly").exists()


def test_an_edited_job_of_the_code_names_what_differs(caller: Caller) -> None:
    declared = Declaration("nightly", ECHO, Schedule(Kind.CRON, cron="0 2 * * *"), {"name": "As in code"})
    sync.bring(declared, NOON)
    assert caller.get("jobs/nightly").json()["edited"] == []
    told = caller.send("PATCH", "jobs/nightly", {"priority": 4}).json()
    assert (told["origin"], told["edited"]) == ("code", ["priority"])


# delete


def test_a_deleted_job_leaves_its_history_and_the_reason(caller: Caller) -> None:
    job = make_job(id="nightly")
    run = make_execution(job)
    answer = caller.delete("jobs/nightly?reason=Done+with.")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Job.objects.exists()
    assert Execution.objects.get(pk=run.pk).state == State.CANCELLED
    change = Change.objects.get(job="nightly")
    assert (change.action, change.by, change.reason) == ("deleted", caller.who, "Done with.")
    assert caller.delete("jobs/nightly").status_code == 404


# history


def test_the_history_tells_who_did_what_with_spans_in_seconds(caller: Caller) -> None:
    make_job(id="nightly", timeout=timedelta(minutes=1), arguments={"value": {"password": "hunter2hunter2"}})
    body = {"timeout": 90, "schedule": {"cron": "0 3 * * *"}, "arguments": {"value": 1}, "reason": "Slower now."}
    caller.send("PATCH", "jobs/nightly", body)
    (change,) = caller.get("jobs/nightly/changes").json()["items"]
    assert (change["action"], change["by"], change["reason"]) == ("changed", caller.who, "Slower now.")
    assert change["fields"]["timeout"] == {"old": 60, "new": 90}
    assert change["fields"]["cron"] == {"old": "* * * * *", "new": "0 3 * * *"}
    assert change["fields"]["arguments"]["old"] == {"value": {"password": DOTS}}


def test_the_history_of_a_deleted_job_is_still_told_in_pages(caller: Caller) -> None:
    make_job(id="nightly")
    for name in "abc":
        caller.send("PATCH", "jobs/nightly", {"name": name})
    caller.delete("jobs/nightly")
    actions = [change["action"] for change in caller.pages("jobs/nightly/changes", limit=2)]
    assert actions == ["deleted", "changed", "changed", "changed"]
    assert caller.get("jobs/never-was/changes").status_code == 404


# tasks


def test_the_tasks_that_a_job_may_name_tell_what_they_take(caller: Caller) -> None:
    found = {task["path"]: task for task in caller.get("tasks").json()["items"]}
    slept = found["tests.workload.tasks.sleep"]
    assert [(each["name"], each["required"]) for each in slept["parameters"]] == [("seconds", True), ("path", False)]
    assert slept["parameters"][0]["annotation"] == "float"
    assert slept["parameters"][1]["default"] == ""
    assert "Log and tell progress" in slept["description"]
    assert list(found) == sorted(found)


def test_calendars_are_kept_by_id(caller: Caller) -> None:
    Calendar.objects.create(id="ops", name="Ops")
    assert caller.post("jobs", **NEW, calendars=["ops"]).json()["calendars"] == ["ops"]


def test_a_run_that_was_asked_for_over_rest_says_so(caller: Caller) -> None:
    runner = Caller("view_job", "run_job")
    make_job(id="nightly", arguments={"value": "own"})
    answer = runner.post("jobs/nightly/run", arguments={"value": "other"}, reason="Asked by mail.")
    assert answer.status_code == 201, answer.content
    run = Execution.objects.get()
    assert (run.why, run.requested_by, run.arguments) == (Why.API, runner.who, {"value": "other"})
    assert run.reason == "Asked by mail."
    assert answer.json()["id"] == run.pk
    assert answer["Location"] == f"/api/v1/executions/{run.pk}"
    assert caller.post("jobs/nightly/run").status_code == 403
