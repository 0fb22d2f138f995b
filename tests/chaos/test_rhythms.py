"""The arithmetic by which the checker lists due moments."""

from datetime import timedelta

import pytest

from scheduling import triggers
from scheduling.triggers import Kind, Schedule
from tests.chaos.rhythms import CRONS, EVERY_SECOND, Grid, Never, Seconds
from tests.factories import NOON

MINUTE = timedelta(minutes=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_the_beginning_is_left_out_and_the_end_is_not() -> None:
    assert EVERY_SECOND.due(NOON, NOON + seconds(2)) == [NOON + seconds(1), NOON + seconds(2)]
    assert EVERY_SECOND.due(NOON + seconds(0.5), NOON + seconds(1.5)) == [NOON + seconds(1)]
    assert Seconds("* * * * *", frozenset({0})).due(NOON - seconds(1), NOON + MINUTE) == [NOON, NOON + MINUTE]


def test_a_grid_begins_one_interval_after_its_anchor() -> None:
    grid = Grid(seconds(2.5), NOON)
    assert grid.due(NOON - MINUTE, NOON + seconds(5)) == [NOON + seconds(2.5), NOON + seconds(5)]
    assert grid.due(NOON + seconds(5), NOON + seconds(7.5)) == [NOON + seconds(7.5)]


def test_never_is_never() -> None:
    assert Never().due(NOON, NOON + MINUTE) == []


@pytest.mark.parametrize("rhythm", CRONS, ids=lambda rhythm: rhythm.cron)
def test_the_seconds_told_by_hand_are_those_of_the_cron(rhythm: Seconds) -> None:
    fired = triggers.preview(Schedule(Kind.CRON, cron=rhythm.cron), 120, NOON)
    assert rhythm.due(NOON, fired[-1]) == fired
