"""When a worker lives, and when its loop turns: a heart that beats is not enough."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.health import Health, health, longest_turn, turning
from scheduling.models import WorkerState
from tests.factories import NOON, make_worker

SECOND = timedelta(seconds=1)
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, Health.ALIVE),
        ({"turned_at": NOON - 16 * SECOND}, Health.ALIVE),  # one long turn
        ({"turned_at": NOON - 18 * SECOND}, Health.STALLED),
        ({"turned_at": NOON - 18 * SECOND, "state": WorkerState.STOPPING}, Health.STOPPING),  # it turns no more
        ({"heartbeat_at": NOON - 9 * SECOND, "turned_at": NOON - 60 * SECOND}, Health.SILENT),
        ({"turned_at": NOON - 60 * SECOND, "state": WorkerState.DEAD}, Health.DEAD),
    ],
)
def test_the_row_of_a_worker_tells_how_it_is(columns: dict[str, Any], expected: Health) -> None:
    assert health(make_worker(**columns), NOON) is expected


def test_a_beholder_whose_clock_is_wrong_sees_no_stall() -> None:
    worker = make_worker(heartbeat_at=NOON, turned_at=NOON - SECOND)
    assert health(worker, NOON + 7 * SECOND) is Health.ALIVE
    assert health(worker, NOON - timedelta(hours=1)) is Health.ALIVE


def test_only_those_whose_loop_turns_are_at_work() -> None:
    at_work = make_worker()
    make_worker(turned_at=NOON - timedelta(hours=1))
    make_worker(heartbeat_at=NOON - timedelta(hours=1))
    make_worker(state=WorkerState.STOPPING)
    make_worker(state=WorkerState.STOPPED)
    assert turning(NOON) == [at_work]


def test_the_longest_turn_follows_the_settings(settings: Any) -> None:
    assert longest_turn() == timedelta(seconds=17)
    settings.SCHEDULING = {**settings.SCHEDULING, "POLL": 60}
    assert longest_turn() == timedelta(seconds=76)
