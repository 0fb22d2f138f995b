"""Backfills over REST: a look first, then the same moments; and their end."""

from typing import Any

import pytest

from scheduling.models import Backfill, BackfillState, Execution, Job, State
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db
MAY = ("view_job", "view_backfill", "add_backfill", "stop_backfill", "run_job", "view_execution")
RANGE = {"job": "nightly", "first_at": "2026-03-02T11:58:00Z", "last_at": "2026-03-02T12:00:00Z"}


@pytest.fixture
def caller() -> Caller:
    return Caller(*MAY)


@pytest.fixture
def job() -> Job:
    return make_job(id="nightly")


def begun(caller: Caller, **options: Any) -> int:
    answer = caller.post("backfills", **RANGE, **options)
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def test_a_dry_run_tells_each_moment_and_begins_nothing(caller: Caller, job: Job) -> None:
    ran = make_execution(job, state=State.SUCCEEDED, scheduled_for=NOON, started_at=NOON, finished_at=NOON)
    answer = caller.post("backfills", **RANGE, dry_run=True)
    told = answer.json()
    assert (answer.status_code, told["total"], told["settled"], told["to_run"]) == (200, 3, 1, 2)
    assert [(each["moment"], each["runs"]) for each in told["moments"]] == [
        ("2026-03-02T11:58:00Z", True),
        ("2026-03-02T11:59:00Z", True),
        ("2026-03-02T12:00:00Z", False),
    ]
    assert (told["moments"][2]["state"], told["moments"][2]["run"]) == ("succeeded", ran.pk)
    assert all(each["runs"] for each in caller.post("backfills", **RANGE, dry_run=True, again=True).json()["moments"])
    assert not Backfill.objects.exists()


def test_runs_are_named_only_to_who_may_see_them(job: Job) -> None:
    make_execution(job, state=State.SKIPPED, scheduled_for=NOON, finished_at=NOON, reason="Stocktaking.")
    blind, seeing = Caller(*(set(MAY) - {"view_execution"})), Caller(*MAY)
    found = seeing.post("backfills", **RANGE, dry_run=True).json()["moments"]
    assert [each["reason"] for each in found if each["run"]] == ["Stocktaking."]
    moments = blind.post("backfills", **RANGE, dry_run=True).json()["moments"]
    assert [(each["run"], each["reason"]) for each in moments] == [(None, "")] * 3


def test_a_key_is_refused_since_a_second_request_would_begin_a_second_backfill(caller: Caller, job: Job) -> None:
    assert wrong_fields(caller.send("POST", "backfills", RANGE, Idempotency_Key="a")) == ["Idempotency-Key"]
    assert not Backfill.objects.exists()


def test_it_begins_with_what_was_asked_for(caller: Caller, job: Job) -> None:
    answer = caller.post("backfills", **RANGE, newest_first=True, at_once=2, per_minute=30, reason="The feed was down.")
    assert answer.status_code == 201
    told = caller.get(answer["Location"]).json()
    assert told == answer.json()
    wanted = {"job": "nightly", "state": "going", "newest_first": True, "at_once": 2, "per_minute": 30}
    assert (wanted | {"reason": "The feed was down.", "requested_by": caller.who}).items() <= told.items()
    assert (told["progress"]["total"], told["progress"]["to_come"], told["progress"]["ended"]) == (3, 3, 0)
    assert Backfill.objects.get().to_run[0] == "2026-03-02T12:00:00+00:00"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"job": "nigthly"}, "job"),
        ({"last_at": "2026-03-02T11:00:00Z"}, "last_at"),
        ({"last_at": "2999-01-01T00:00:00Z"}, "last_at"),
        ({"first_at": "1971-01-01T00:00:00Z"}, "last_at"),  # too many moments
        ({"first_at": "2026-03-02"}, "first_at"),
        ({"at_once": 0}, "at_once"),
        ({"per_minute": 2**31}, "per_minute"),
        ({"dryrun": True}, "dryrun"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_cannot_be_backfilled_names_the_field(
    caller: Caller, job: Job, body: dict[str, Any], field: str, dry_run: bool
) -> None:
    assert wrong_fields(caller.post("backfills", **{**RANGE, **body, "dry_run": dry_run})) == [field]
    assert not Backfill.objects.exists()


def test_a_range_without_a_moment_and_one_without_work_say_so(caller: Caller, job: Job) -> None:
    between = {**RANGE, "first_at": "2026-03-02T11:58:10Z", "last_at": "2026-03-02T11:58:20Z"}
    answer = caller.post("backfills", **between)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rota:invalid-range")
    make_execution(job, state=State.SUCCEEDED, scheduled_for=NOON, started_at=NOON, finished_at=NOON)
    settled = caller.post("backfills", **{**RANGE, "first_at": RANGE["last_at"]})
    assert (settled.status_code, settled.json()["type"]) == (409, "urn:rota:nothing-to-run")


def test_the_schedule_keeps_a_place_of_its_queue(caller: Caller, job: Job) -> None:
    answer = caller.post("backfills", **RANGE, at_once=99)
    assert answer.status_code == 409
    assert "keeps a place" in answer.json()["detail"]


def test_one_that_is_stopped_stays_so(caller: Caller, job: Job) -> None:
    number = begun(caller)
    told = caller.post(f"backfills/{number}/stop", reason="Enough.").json()
    assert (told["state"], told["ended_by"], told["ended_reason"]) == ("stopped", caller.who, "Enough.")
    again = caller.post(f"backfills/{number}/stop", reason="Once more.")
    assert (again.status_code, again.json()["ended_reason"]) == (200, "Enough.")


def test_what_runs_is_stopped_if_asked_for(caller: Caller, job: Job) -> None:
    number = begun(caller)
    run = make_execution(job, backfill_id=number, stands_for=NOON)
    caller.post(f"backfills/{number}/stop", running=True)
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert Execution.objects.count() == 1


def test_one_that_is_done_cannot_be_stopped(caller: Caller, job: Job) -> None:
    number = begun(caller)
    Backfill.objects.update(state=BackfillState.DONE, ended_at=NOON)
    answer = caller.post(f"backfills/{number}/stop")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rota:ended")


def test_backfills_are_narrowed_and_come_in_pages(caller: Caller, job: Job) -> None:
    other = make_job(id="hourly")
    first, second = begun(caller), begun(caller)
    third = Backfill.objects.create(job=other, first_at=NOON, last_at=NOON, state=BackfillState.DONE).pk
    assert ids(caller.get("backfills", job="nightly")) == [second, first]
    assert ids(caller.get("backfills", state=["done", "stopped"])) == [third]
    assert [each["id"] for each in caller.pages("backfills", limit=1)] == [third, second, first]
    assert wrong_fields(caller.get("backfills", queue="default")) == ["queue"]


def test_a_longer_list_takes_no_more_queries(caller: Caller, job: Job) -> None:
    begun(caller)
    few = queries(lambda: caller.get("backfills"))
    for _ in range(4):
        begun(caller)
    assert queries(lambda: caller.get("backfills")) == few


def test_a_backfill_that_is_not_there_is_a_404(caller: Caller) -> None:
    assert caller.get("backfills/7").status_code == 404
    assert caller.post("backfills/7/stop").status_code == 404


@pytest.mark.parametrize("lacking", ["view_job", "add_backfill", "run_job"])
def test_to_begin_one_needs_all_of_its_permissions(job: Job, lacking: str) -> None:
    caller = Caller(*(each for each in MAY if each != lacking))
    for dry_run in (True, False):
        answer = caller.post("backfills", **RANGE, dry_run=dry_run)
        assert answer.status_code == 403
        assert lacking in answer.json()["detail"]
    assert not Backfill.objects.exists()
