"""/api/tasks as the source system's guide has it: sync, analyze, pipeline, worker/status; and cancel."""

from typing import Any

import pytest

from scheduling.models import Execution, Job, State, Why
from tests.factories import NOON, make_execution, make_worker
from tests.scheduling.api.caller import Caller, wrong_fields

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

RUN = ("view_job", "run_job")
SEE = ("view_execution",)
STARTS = ("/api/tasks/sync", "/api/tasks/analyze", "/api/tasks/pipeline")
STATUS, CANCEL = "/api/tasks/worker/status", "/api/tasks/cancel"


@pytest.mark.parametrize(
    ("path", "body", "arguments"),
    [
        ("sync", {"backfill_days": 7}, {"stages": ["sync"], "backfill_days": 7}),
        ("sync", {"backfill_days": None}, {"stages": ["sync"]}),
        ("sync", None, {"stages": ["sync"]}),
        ("analyze", {"batch_size": 500}, {"stages": ["analyze"], "batch_size": 500}),
        ("analyze", {}, {"stages": ["analyze"]}),
        (
            "pipeline",
            {"backfill_days": 7, "batch_size": 500},
            {"stages": ["sync", "analyze", "cluster", "trends"], "backfill_days": 7, "batch_size": 500},
        ),
    ],
)
def test_a_run_is_started(job: Job, path: str, body: dict[str, Any] | None, arguments: dict[str, Any]) -> None:
    caller = Caller(*RUN)
    answer = caller.send("POST", f"/api/tasks/{path}", body)
    assert answer.status_code == 200, answer.content
    run = Execution.objects.get()
    assert answer.json() == {
        "status": "started",
        "message": f"Run #{run.pk} is queued: {', '.join(arguments['stages'])}.",
        "execution": run.pk,
        "stages": arguments["stages"],
    }
    assert (run.arguments, run.why, run.requested_by) == (arguments, Why.API, caller.who)


@pytest.mark.parametrize("path", STARTS)
def test_a_second_start_is_refused_and_names_the_run(job: Job, path: str) -> None:
    first = make_execution(job, state=State.RUNNING, started_at=NOON, worker=make_worker())
    answer = Caller(*RUN).post(path)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["type"], told["title"]) == ("urn:rota:already-running", "Already running.")
    assert f"#{first.pk} is running" in told["detail"]
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sync", {"backfill_days": 0}, "backfill_days"),
        ("sync", {"backfill_days": 3651}, "backfill_days"),
        ("sync", {"backfill_days": "many"}, "backfill_days"),
        ("sync", {"batch_size": 5}, "batch_size"),
        ("analyze", {"batch_size": -1}, "batch_size"),
        ("analyze", {"batch_size": 100_001}, "batch_size"),
        ("pipeline", {"backfill_days": 7, "stages": ["sync"]}, "stages"),
    ],
)
def test_what_makes_no_sense_is_refused(job: Job, path: str, body: dict[str, Any], field: str) -> None:
    assert wrong_fields(Caller(*RUN).send("POST", f"/api/tasks/{path}", body)) == [field]
    assert not Execution.objects.exists()


def test_without_the_job_it_is_said_what_to_do() -> None:
    answer = Caller(*RUN).post("/api/tasks/pipeline")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:rota:not-configured")
    assert "manage.py syncjobs" in answer.json()["detail"]


def test_each_door_asks_for_its_permission_and_its_scope(job: Job) -> None:
    for path in STARTS:
        assert Caller("view_job").post(path).status_code == 403
        assert Caller("run_job").post(path).status_code == 403
        assert Caller(*RUN, scopes=("read",)).post(path).status_code == 403
    assert Caller(*RUN).post(CANCEL).status_code == 403
    assert Caller("cancel_execution").post(CANCEL).status_code == 403
    assert Caller(*RUN).get(STATUS).status_code == 403
    assert not Execution.objects.exists()


def test_a_run_is_cancelled(job: Job) -> None:
    caller = Caller(*SEE, "cancel_execution")
    answer = caller.post(CANCEL)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rota:nothing-running")
    waiting = make_execution(job)
    told = caller.post(CANCEL, reason="Not now.").json()
    assert told == {"status": "cancelled", "message": f"Run #{waiting.pk} is cancelled.", "execution": waiting.pk}
    going = make_execution(job, state=State.RUNNING, started_at=NOON, worker=make_worker())
    assert caller.post(CANCEL).json()["status"] == "stopping"
    going.refresh_from_db()
    assert going.cancel_requested_by == caller.who


def test_the_status_has_what_it_had_and_the_stages(job: Job) -> None:
    told = Caller(*SEE).get(STATUS).json()
    assert (told["status"], told["progress"], told["message"], told["stages"]) == ("idle", None, "", [])
    run = make_execution(
        job, state=State.RUNNING, started_at=NOON, worker=make_worker(), progress=0.42, progress_text="analyze 120/500"
    )
    told = Caller(*SEE).get(STATUS).json()
    assert told["status"] == "running"
    assert (told["progress"], told["message"], told["execution"]) == (0.42, "analyze 120/500", run.pk)
    assert (told["job"], told["task"]) == ("daily_sync", "tasks.tickets.tasks.pipeline")
    assert (told["started_at"], told["finished_at"], told["result"]) == ("2026-03-02T12:00:00Z", None, None)
    assert [each["name"] for each in told["stages"]] == ["sync", "analyze", "cluster", "trends"]
    assert set(told["stages"][0]) == {"name", "status", "progress", "processed", "failed", "message", "record"}


def test_secrets_in_what_went_wrong_are_not_told(job: Job, settings: Any) -> None:
    settings.ZENDESK_API_TOKEN = "a-very-secret-token"
    error = "401 with api_token=a-very-secret-token"
    make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON, error_message=error)
    told = Caller(*SEE).get(STATUS).json()
    assert told["status"] == "failed"
    assert "a-very-secret-token" not in str(told)
