"""Runs over REST: every filter, every page once, and the two orders that can be given to a run."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduling.api import paging
from scheduling.models import Backfill, Cause, Execution, State, Why
from tests.factories import ECHO, NOON, make_execution, make_job, make_worker
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MAY = ("view_execution", "view_job", "cancel_execution", "run_job")


def ended(hours: float = 0, state: State = State.SUCCEEDED, **columns: Any) -> Execution:
    """A run that started and ended so many hours after noon."""
    moment = NOON + hours * HOUR
    times = {"started_at": moment, "finished_at": moment + timedelta(seconds=90), "scheduled_for": moment}
    return make_execution(state=state, worker=make_worker(), **{**times, **columns})


@pytest.fixture
def caller() -> Caller:
    return Caller(*MAY)


def test_the_list_is_newest_first_and_its_pages_have_each_run_once(caller: Caller) -> None:
    wanted = [make_execution().pk for _ in range(5)][::-1]
    first = caller.get("executions", limit=2).json()
    make_execution()  # what comes in meanwhile moves nothing
    rest = caller.pages("executions", limit=2, cursor=first["next"])
    assert [row["id"] for row in first["items"] + rest] == wanted


def rows_for_filters() -> tuple[Execution, Execution]:
    """A run that each filter below finds, and one that none of them does."""
    backfill = Backfill.objects.create(job=make_job(id="nightly"), first_at=NOON, last_at=NOON)
    wanted = ended(
        5,
        State.FAILED,
        job_id="nightly",
        task="tests.workload.tasks.fail",
        cause=Cause.LATE,
        why=Why.API,
        queue="light",
        backfill=backfill,
        stands_for=NOON,
    )
    return wanted, ended(0, job_id="other", cause=Cause.MISSED)


FILTERS: list[dict[str, Any]] = [
    {"job": "nightly"},
    {"task": "tests.workload.tasks.fail"},
    {"state": "failed"},
    {"state": ["failed", "lost"]},
    {"cause": ["late", "overlap"]},
    {"why": "api"},
    {"queue": "light"},
    {"scheduled_since": "2026-03-02T17:00:00Z"},
    {"started_since": "2026-03-02T18:00:00+01:00"},
    {"finished_since": "2026-03-02T17:01:30Z"},
    {"job": "nightly", "state": "failed", "why": "api", "finished_since": "2026-03-02T12:30:00Z"},
]


@pytest.mark.parametrize("query", FILTERS, ids=lambda query: "+".join(query))
def test_a_filter_finds_what_it_names(caller: Caller, query: dict[str, Any]) -> None:
    wanted, _ = rows_for_filters()
    assert ids(caller.get("executions", **query)) == [wanted.pk]


@pytest.mark.parametrize("name", ["scheduled", "started", "finished"])
def test_until_leaves_its_own_moment_out(caller: Caller, name: str) -> None:
    late, early = rows_for_filters()
    column = {"scheduled": "scheduled_for", "started": "started_at", "finished": "finished_at"}[name]
    assert ids(caller.get("executions", **{f"{name}_until": getattr(late, column).isoformat()})) == [early.pk]


def test_worker_backfill_and_root_lead_to_their_runs(caller: Caller) -> None:
    wanted, _ = rows_for_filters()
    again = make_execution(root=wanted, attempt=2, why=Why.RETRY)
    assert ids(caller.get("executions", worker=wanted.worker_id)) == [wanted.pk]
    assert ids(caller.get("executions", backfill=wanted.backfill_id)) == [wanted.pk]
    assert ids(caller.get("executions", root=wanted.pk)) == [again.pk, wanted.pk]
    assert ids(caller.get("executions", worker=uuid4())) == []


def test_asked_for_by_its_end_the_list_goes_by_it_and_no_tie_is_lost(caller: Caller) -> None:
    """Half of them end at the same moment, and the oldest row ends last."""
    last = ended(9)
    same = [ended(3) for _ in range(4)]
    first = ended(1)
    make_execution()  # has not ended
    wanted = [last.pk, *(run.pk for run in reversed(same)), first.pk]
    found = caller.pages("executions", limit=2, finished_since=NOON.isoformat())
    assert [row["id"] for row in found] == wanted


def test_of_several_states_the_pages_have_each_run_once_and_in_order(caller: Caller) -> None:
    states = [State.FAILED, State.LOST, State.FAILED, State.SUCCEEDED, State.LOST, State.LOST, State.FAILED]
    wanted = [run.pk for run in [ended(state=state) for state in states] if run.state != State.SUCCEEDED]
    found = caller.pages("executions", limit=2, state=["failed", "lost", "failed"])
    assert [row["id"] for row in found] == wanted[::-1]
    assert ids(caller.get("executions", state=["failed", "lost"], cursor=wanted[2])) == [wanted[1], wanted[0]]


def test_where_no_index_leads_a_page_looks_through_a_part_and_the_next_goes_on(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "REACH", 3)
    rare = [make_execution(why=Why.API) for _ in range(2)]
    for _ in range(8):
        make_execution(why=Why.SCHEDULE)
    first = caller.get("executions", why="api").json()
    assert first["items"] == []
    assert first["next"]
    assert [row["id"] for row in caller.pages("executions", why="api")] == [rare[1].pk, rare[0].pk]
    assert [row["id"] for row in caller.pages("executions", why="api", limit=1)] == [rare[1].pk, rare[0].pk]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"stat": "failed"}, "stat"),
        ({"state": "fine"}, "state"),
        ({"finished_since": "yesterday"}, "finished_since"),
        ({"finished_since": "2026-03-02T12:00:00"}, "finished_since"),
        ({"started_until": "9999-12-31T23:59:59-12:00"}, "started_until"),
        ({"limit": 501}, "limit"),
        ({"backfill": 2**63}, "backfill"),
        ({"job": "a\x00"}, "job"),
        ({"worker": "me"}, "worker"),
        ({"cursor": "2026-03-02T12:00:00~1"}, "cursor"),
        ({"cursor": str(2**63)}, "cursor"),
        ({"cursor": "1", "finished_since": "2026-03-02T12:00:00Z"}, "cursor"),
        ({"cursor": "2026-03-02T12:00:00~\x00", "finished_since": "2026-03-02T12:00:00Z"}, "cursor"),
        ({"cursor": f"2026-03-02T12:00:00~{2**63}", "finished_since": "2026-03-02T12:00:00Z"}, "cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(caller: Caller, query: dict[str, Any], field: str) -> None:
    assert wrong_fields(caller.get("executions", **query)) == [field]


def test_a_longer_list_takes_no_more_queries(caller: Caller) -> None:
    job = make_job()
    make_execution(job)
    few = queries(lambda: caller.get("executions"))
    for hours in range(10):
        ended(hours, job_id=job.pk)
    assert queries(lambda: caller.get("executions")) == few


def test_a_run_is_told_whole_without_its_secrets(caller: Caller) -> None:
    job = make_job(arguments={"value": {"password": "hunter2-and-more"}}, max_attempts=3)
    run = ended(
        0.5,
        State.FAILED,
        **{**job.snapshot(), "job_id": job.pk},
        scheduled_for=NOON,
        error_class="builtins.ValueError",
        error_message="no such row; token=abcdefgh12345",
        traceback="Traceback: password='hunter2-and-more'",
        result={"api_key": "abcdefgh12345", "rows": 3},
    )
    again = make_execution(job, root=run, attempt=2, why=Why.RETRY)
    answer = caller.get(f"executions/{run.pk}")
    told = answer.json()
    assert b"hunter2" not in answer.content
    assert b"abcdefgh12345" not in answer.content
    assert told["result"]["rows"] == 3
    assert told["error"]["type"] == "builtins.ValueError"
    assert (told["lateness"], told["duration"], told["is_final"]) == (1800, 90, True)
    assert (told["scheduled_for"], told["job"]) == ("2026-03-02T12:00:00Z", job.pk)
    assert [(each["id"], each["attempt"]) for each in told["attempts"]] == [(run.pk, 1), (again.pk, 2)]
    assert caller.get(f"executions/{again.pk}").json()["root"] == run.pk


def test_a_run_that_is_not_there_is_a_404(caller: Caller) -> None:
    for path in ("executions/7", "executions/7/log", "executions/7/explain"):
        assert caller.get(path).status_code == 404
    for path in ("executions/7/cancel", "executions/7/retry"):
        assert caller.post(path).status_code == 404
    assert wrong_fields(caller.get("executions/seven")) == ["execution_id"]


def test_a_waiting_run_is_cancelled_once_and_for_all(caller: Caller) -> None:
    run = make_execution()
    answer = caller.post(f"executions/{run.pk}/cancel", reason="Not today.")
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "cancelled", "Not today.")
    assert answer.json()["cancel_requested_by"] == caller.who
    again = caller.post(f"executions/{run.pk}/cancel", reason="Once more.")
    assert (again.status_code, again.json()["reason"]) == (200, "Not today.")


def test_a_running_one_is_told_to_stop(caller: Caller) -> None:
    run = make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    for _ in range(2):
        answer = caller.post(f"executions/{run.pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "running")
        assert answer.json()["cancel_requested_by"] == caller.who


def test_what_has_ended_cannot_be_cancelled(caller: Caller) -> None:
    answer = caller.post(f"executions/{ended().pk}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rota:ended")
    assert "succeeded" in answer.json()["detail"]


def test_a_reason_is_refused_if_it_is_too_long_or_misspelt(caller: Caller) -> None:
    run = make_execution()
    assert wrong_fields(caller.post(f"executions/{run.pk}/cancel", reason="x" * 501)) == ["reason"]
    assert wrong_fields(caller.post(f"executions/{run.pk}/cancel", raeson="x")) == ["raeson"]
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_a_retry_is_a_run_of_its_own_at_its_own_address(caller: Caller) -> None:
    run = ended(state=State.FAILED, arguments={"value": 5})
    answer = caller.post(f"executions/{run.pk}/retry")
    assert answer.status_code == 201
    again = caller.get(answer["Location"]).json()
    assert (again["id"], again["arguments"], again["requested_by"]) == (answer.json()["id"], {"value": 5}, caller.who)
    assert (again["state"], again["task"], again["stands_for"]) == ("queued", ECHO, "2026-03-02T12:00:00Z")
    assert (again["why"], again["reason"]) == ("api", f"Run again of #{run.pk}.")


def test_a_retry_tells_its_reason_and_refuses_what_it_does_not_know(caller: Caller) -> None:
    run = ended(state=State.FAILED)
    answer = caller.post(f"executions/{run.pk}/retry", reason="The feed is back.")
    assert answer.json()["reason"] == f"Run again of #{run.pk}. The feed is back."
    assert wrong_fields(caller.post(f"executions/{run.pk}/retry", arguments={})) == ["arguments"]
    assert Execution.objects.count() == 2


def test_what_has_not_ended_is_run_a_second_time_only_if_that_is_meant(caller: Caller) -> None:
    run = make_execution()
    answer = caller.post(f"executions/{run.pk}/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rota:open")
    assert "even_if_open" in answer.json()["detail"]
    assert Execution.objects.count() == 1
    assert caller.post(f"executions/{run.pk}/retry", even_if_open=True).status_code == 201


def test_a_retry_sent_twice_with_one_key_is_one_run(caller: Caller) -> None:
    run = ended(state=State.FAILED)
    address = f"executions/{run.pk}/retry"
    first, again = (caller.send("POST", address, {"reason": "x"}, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["id"], again["Idempotent-Replayed"]) == (first.json()["id"], "true")
    assert wrong_fields(caller.send("POST", address, {"reason": "y"}, Idempotency_Key="k")) == ["Idempotency-Key"]
    assert Execution.objects.count() == 2


def test_any_run_is_explained(caller: Caller) -> None:
    job = make_job()
    late = caller.get(f"executions/{ended(1, job_id=job.pk, scheduled_for=NOON).pk}/explain").json()
    assert late["verdict"] == "Ran 1 h late"
    assert late["moment"] == "2026-03-02T12:00:00Z"
    waits = caller.get(f"executions/{make_execution().pk}/explain").json()
    assert (waits["verdict"], waits["severity"]) == ("Waits to start", "open")
    by_hand = caller.get(f"executions/{ended(scheduled_for=None, why=Why.RUN_NOW).pk}/explain").json()
    assert by_hand["verdict"] == "Ran on time"


@pytest.mark.parametrize(("verb", "permission"), [("cancel", "cancel_execution"), ("retry", "run_job")])
def test_an_order_needs_its_permission_and_the_scope_run(verb: str, permission: str) -> None:
    run = make_execution()
    seeing = Caller("view_execution")
    assert permission in seeing.post(f"executions/{run.pk}/{verb}").json()["detail"]
    reading = Caller("view_execution", permission, scopes=("read",))
    assert reading.post(f"executions/{run.pk}/{verb}").json()["type"] == "urn:rota:insufficient-scope"
    assert Execution.objects.get().state == State.QUEUED
