"""The clock of the database's server is everyone's clock, and a clock that is set bends no span."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from scheduling.clock import QUERIES, Clock, steady

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
ROUND = timedelta(seconds=5)  # nothing here takes as long


@pytest.fixture
def compared() -> Clock:
    """A clock that has asked the database's server, where there is one."""
    clock = Clock()
    clock.compare()
    return clock


@pytest.fixture(params=[DAY, -DAY, 3653 * DAY], ids=["a day on", "a day back", "ten years on"])
def jump(request: pytest.FixtureRequest) -> timedelta:
    jump: timedelta = request.param
    return jump


def served() -> bool:
    return connection.vendor != "sqlite"


def near(moment: datetime, other: datetime) -> bool:
    return abs(moment - other) < ROUND


def test_without_a_difference_the_time_is_this_hosts(compared: Clock) -> None:
    assert compared.compare() == timedelta()
    assert abs(compared.now() - datetime.now(UTC)) < timedelta(seconds=0.5)
    assert compared.now().tzinfo is UTC


def test_a_host_whose_clock_is_wrong_goes_by_the_databases(jump: timedelta) -> None:
    if not served():
        pytest.skip("SQLite has no clock but ours")
    clock, right = Clock(), datetime.now(UTC)
    with time_machine.travel(right + jump):
        assert near(right + clock.compare(), right - jump)
        assert near(clock.now(), right)
    assert clock.compare() == timedelta()


def test_a_clock_set_between_two_comparisons_does_not_move_the_servers_time(compared: Clock, jump: timedelta) -> None:
    right = datetime.now(UTC)
    with time_machine.travel(right + jump):
        assert near(compared.now(), right if served() else right + jump)


def test_a_span_is_as_long_as_it_was_whatever_clock_was_set(compared: Clock, jump: timedelta) -> None:
    began = steady() - 3600
    with time_machine.travel(datetime.now(UTC) + jump):
        ended = steady()
        assert timedelta(seconds=ended - began) - timedelta(hours=1) < ROUND
        assert near(compared.at(began) + timedelta(seconds=ended - began), compared.now())


def test_only_the_clock_that_rules_is_said_to_have_jumped(compared: Clock, jump: timedelta) -> None:
    assert compared.jumped() == timedelta()
    with time_machine.travel(datetime.now(UTC) + jump):
        compared.compare()
        seen = compared.jumped()
        assert abs(seen - (timedelta() if served() else jump)) < ROUND
        assert compared.jumped() == timedelta()
    assert abs(compared.jumped() + seen) < ROUND


def test_the_clock_of_the_server_may_be_set_too(compared: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    if not served():
        pytest.skip("SQLite has no clock but ours")
    on = {"postgresql": " + interval '1 day'", "mysql": " + INTERVAL 1 DAY"}[connection.vendor]
    monkeypatch.setitem(QUERIES, connection.vendor, QUERIES[connection.vendor] + on)
    compared.jumped()
    assert abs(compared.compare() - DAY) < ROUND
    assert abs(compared.jumped() - DAY) < ROUND


def test_a_correction_is_no_jump(compared: Clock) -> None:
    compared.jumped()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=50)):
        assert compared.jumped() == timedelta()
