"""Workers over REST: which live, by their row and by their heartbeat."""

from datetime import timedelta

import pytest
from django.utils import timezone

from scheduling.models import WorkerState
from tests.factories import NOON, make_worker
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Caller:
    return Caller("view_worker")


def test_a_worker_tells_how_it_is_and_what_it_has_to_do(caller: Caller) -> None:
    now = timezone.now()
    worker = make_worker(queues={"default": 4}, running=3, heartbeat_at=now, turned_at=now, version="7.1")
    told = caller.get(f"workers/{worker.pk}").json()
    same = {"id": str(worker.pk), "host": "elsewhere", "pid": 1, "version": "7.1", "state": "alive"}
    assert (same | {"queues": {"default": 4}, "slots": 4, "running": 3}).items() <= told.items()
    assert 0 <= told["heartbeat_age"] < 3600


def test_what_a_row_says_of_itself_is_not_believed(caller: Caller) -> None:
    now = timezone.now()
    silent = make_worker(started_at=NOON)
    stalled = make_worker(started_at=NOON - timedelta(hours=1), heartbeat_at=now, turned_at=now - timedelta(hours=1))
    found = caller.get("workers").json()["items"]
    assert [(each["id"], each["state"]) for each in found] == [(str(silent.pk), "silent"), (str(stalled.pk), "stalled")]


def test_the_latest_start_comes_first_and_pages_lose_no_tie(caller: Caller) -> None:
    latest = make_worker(started_at=NOON + timedelta(days=1))
    same = {str(make_worker(started_at=NOON).pk) for _ in range(4)}
    found = [each["id"] for each in caller.pages("workers", limit=2)]
    assert found[0] == str(latest.pk)
    assert (set(found[1:]), len(found)) == (same, 5)


def test_workers_are_narrowed_by_state(caller: Caller) -> None:
    gone = make_worker(state=WorkerState.DEAD, stopped_at=NOON)
    make_worker()
    assert ids(caller.get("workers", state=["dead", "stopped"])) == [str(gone.pk)]
    assert wrong_fields(caller.get("workers", state="asleep")) == ["state"]
    assert wrong_fields(caller.get("workers", cursor="2026-03-02T12:00:00~me")) == ["cursor"]
    assert wrong_fields(caller.get("workers", host="a")) == ["host"]


def test_a_longer_list_takes_no_more_queries(caller: Caller) -> None:
    make_worker()
    few = queries(lambda: caller.get("workers"))
    for _ in range(5):
        make_worker()
    assert queries(lambda: caller.get("workers")) == few


def test_a_worker_that_is_not_there_is_a_404(caller: Caller) -> None:
    assert caller.get("workers/00000000-0000-4000-8000-000000000000").status_code == 404
    assert wrong_fields(caller.get("workers/me")) == ["worker_id"]


def test_workers_are_for_who_may_see_them() -> None:
    assert Caller("view_job").get("workers").status_code == 403
