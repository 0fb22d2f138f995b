"""Queues over REST: how full each is; pause one, and let it go on."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling import store
from scheduling.models import Change, Execution, Queue, State
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.api.caller import Caller, queries, wrong_fields

pytestmark = pytest.mark.django_db
MAY = ("view_queue", "pause_queue")


@pytest.fixture
def caller() -> Caller:
    store.ensure_queues()
    return Caller(*MAY)


def test_a_queue_tells_how_full_it_is_and_who_serves_it(caller: Caller) -> None:
    now = timezone.now()
    worker = make_worker(queues={"default": 6}, slots=6, heartbeat_at=now, turned_at=now)
    make_worker(queues={"default": 9})  # silent since long ago
    job = make_job()
    make_execution(job, state=State.RUNNING, worker=worker, started_at=NOON)
    make_execution(job)
    make_execution(job)
    found = {each["name"]: each for each in caller.get("queues").json()["items"]}
    told = {"workers": 1, "places": 6, "running": 1, "waiting": 2, "jobs": 1, "pause": None}
    assert told.items() <= found["default"].items()
    assert caller.get("queues/default").json() == found["default"]
    assert (found["light"]["executor"], found["light"]["waiting"]) == ("threads", 0)


def test_more_queues_and_runs_take_no_more_queries(caller: Caller) -> None:
    few = queries(lambda: caller.get("queues"))
    for number in range(3):
        Queue.objects.create(name=f"former-{number}", paused_at=NOON)
        make_execution(queue=f"former-{number}")
    assert queries(lambda: caller.get("queues")) == few


def test_a_pause_says_until_when_by_whom_and_why(caller: Caller) -> None:
    end = timezone.now() + timedelta(days=2)
    told = caller.post("queues/default/pause", reason="The disk is full.", until=end.isoformat()).json()["pause"]
    assert (told["by"], told["reason"]) == (caller.who, "The disk is full.")
    queue = Queue.objects.get(pk="default")
    assert (queue.paused_until, queue.paused_by) == (end, caller.who)
    change = Change.objects.get(subject="queue default")
    assert (change.action, change.by, change.reason) == ("paused", caller.who, "The disk is full.")


def test_a_pause_for_some_seconds_ends_by_itself(caller: Caller) -> None:
    assert caller.post("queues/default/pause", **{"for": 90}).status_code == 200
    queue = Queue.objects.get(pk="default")
    assert queue.paused_at is not None
    assert queue.paused_until == queue.paused_at + timedelta(seconds=90)


def test_without_a_body_it_is_for_good_and_a_second_pause_changes_the_end(caller: Caller) -> None:
    first = caller.post("queues/default/pause").json()["pause"]
    assert first["until"] is None
    second = caller.post("queues/default/pause", **{"for": 90}).json()["pause"]
    assert second["until"]
    assert second["since"] == first["since"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"for": 60, "until": "2030-01-01T00:00:00Z"}, "body"),
        ({"for": 0}, "for"),
        ({"for": 1e12}, "for"),
        ({"until": "2030-01-01"}, "until"),
        ({"until": "0001-01-01T00:00:00+05:00"}, "until"),
        ({"minutes": 5}, "minutes"),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused(caller: Caller, body: dict[str, Any], field: str) -> None:
    assert wrong_fields(caller.post("queues/default/pause", **body)) == [field]
    assert not Queue.objects.paused().exists()


def test_an_end_that_has_passed_is_refused(caller: Caller) -> None:
    answer = caller.post("queues/default/pause", until="2020-01-01T00:00:00Z")
    assert answer.status_code in (409, 422)
    assert "has passed" in answer.json()["detail"]


def test_what_was_missed_meanwhile_runs_if_asked_for(caller: Caller) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    make_job(next_run_time=now - timedelta(minutes=3), fired_until=now - timedelta(minutes=3, seconds=1))
    Queue.objects.filter(pk="default").update(paused_at=now - timedelta(minutes=4))
    answer = caller.post("queues/default/resume", missed="latest", reason="The disk is empty.")
    assert (answer.status_code, answer.json()["pause"], answer.json()["waiting"]) == (200, None, 1)
    latest = Execution.objects.get(state=State.QUEUED)
    assert latest.scheduled_for is not None
    assert latest.scheduled_for >= now
    assert Execution.objects.filter(state=State.SKIPPED, cause="queue").exists()


def test_to_resume_what_is_not_paused_changes_nothing(caller: Caller) -> None:
    assert caller.post("queues/default/resume").json()["pause"] is None
    assert not Change.objects.filter(subject="queue default").exists()
    assert wrong_fields(caller.post("queues/default/resume", missed="some")) == ["missed"]


def test_an_unknown_queue_is_told_which_there_are(caller: Caller) -> None:
    for answer in (
        caller.get("queues/heavy"),
        caller.post("queues/heavy/pause"),
        caller.post("queues/heavy/resume"),
    ):
        assert answer.status_code == 404
        assert "default, light" in answer.json()["detail"]
    assert wrong_fields(caller.get("queues/a%00")) == ["name"]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_to_steer_a_queue_needs_its_permission_and_the_scope_run(caller: Caller, verb: str) -> None:
    assert "pause_queue" in Caller("view_queue").post(f"queues/default/{verb}").json()["detail"]
    assert Caller(*MAY, scopes=("read", "write")).post(f"queues/default/{verb}").status_code == 403
    assert not Queue.objects.paused().exists()
