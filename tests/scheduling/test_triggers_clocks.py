"""What schedules do when clocks change, told by hand and against a walk through every real minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduling.triggers import Kind, Schedule, moments_between, next_after
from tests.scheduling.oracle import Walk, oracle

TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
STEADY = settings(deadline=None, derandomize=True)

CHANGES = [  # a zone, and a moment (UTC) about which its clocks change
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("America/St_Johns", "2010-11-07T02:31"),  # from 00:01 back to 23:01 of the day before
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Antarctica/Troll", "2026-03-29T01:00"),  # by two hours
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Africa/Casablanca", "2026-02-15T02:00"),  # for Ramadan
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),  # the day that was skipped
    ("America/Santiago", "2026-04-05T03:00"),  # at midnight
    ("America/Santiago", "2026-09-06T04:00"),
    ("Asia/Beirut", "2026-03-28T22:00"),
    ("Asia/Beirut", "2026-10-24T21:00"),
    ("Asia/Tokyo", "2026-03-29T01:00"),  # never
]


def cron(text: str, timezone: str) -> Schedule:
    return Schedule(Kind.CRON, cron=text, timezone=timezone)


def runs(schedule: Schedule, first: datetime, until: datetime) -> list[datetime]:
    """The moments from `first` up to but not including `until`, one next_after at a time."""

    def walk() -> Iterator[datetime]:
        moment = next_after(schedule, first - TICK)
        while moment and moment < until:
            yield moment
            moment = next_after(schedule, moment)

    return list(walk())


@pytest.mark.parametrize(
    ("timezone", "text", "first", "until", "told"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28", "2026-03-31", "28 02:30+01 29 03:00+02 30 02:30+02"),
        ("Europe/Berlin", "0 3 * * *", "2026-03-28", "2026-03-31", "28 03:00+01 29 03:00+02 30 03:00+02"),
        ("Europe/Berlin", "0,20,40 2 * * *", "2026-03-29", "2026-03-30", "29 03:00+02"),
        ("Europe/Berlin", "30 2,3 * * *", "2026-03-29", "2026-03-30", "29 03:00+02 29 03:30+02"),
        ("Europe/Berlin", "0 2,3 * * *", "2026-03-29", "2026-03-30", "29 03:00+02"),
        ("Europe/Berlin", "15 30 2 * * *", "2026-03-29", "2026-03-30", "29 03:00+02"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24", "2026-10-27", "24 02:30+02 25 02:30+02 26 02:30+01"),
        ("Europe/Berlin", "15,45 2 * * *", "2026-10-25", "2026-10-26", "25 02:15+02 25 02:45+02"),
        ("Europe/Berlin", "hour=2 minute=30", "2026-03-29", "2026-03-30", "29 03:00+02"),
        ("Europe/Berlin", "hour=2 minute=30 week=*", "2026-10-25", "2026-10-26", "25 02:30+02"),
        (
            "Europe/Berlin",
            "30 * * * *",
            "2026-10-25T01:00",
            "2026-10-25T04:00",
            "25 01:30+02 25 02:30+02 25 02:30+01 25 03:30+01",
        ),
        (
            "Europe/Berlin",
            "*/30 1-3 * * *",
            "2026-03-29",
            "2026-03-30",
            "29 01:00+01 29 01:30+01 29 03:00+02 29 03:30+02",
        ),
        ("Europe/Berlin", "0 0 * * *", "2026-03-28", "2026-03-31", "28 00:00+01 29 00:00+01 30 00:00+02"),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31",
            "2026-11-03",
            "31 01:30-04 01 01:30-04 02 01:30-05",
        ),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04", "2026-10-06", "04 02:30+11 05 02:15+11"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-05", "2026-04-07", "05 01:45+11 06 01:45+1030"),
        ("Antarctica/Troll", "30 1 * * *", "2026-03-29", "2026-03-31", "29 03:00+02 30 01:30+02"),
        ("Antarctica/Troll", "30 1 * * *", "2026-10-25", "2026-10-27", "25 01:30+02 26 01:30+00"),
        ("Asia/Beirut", "0 0 * * *", "2026-03-28", "2026-03-31", "28 00:00+02 29 01:00+03 30 00:00+03"),
        ("Asia/Beirut", "30 23 * * *", "2026-10-24", "2026-10-26", "24 23:30+03 25 23:30+02"),
        ("America/Santiago", "0 0 * * *", "2026-09-05", "2026-09-08", "05 00:00-04 06 01:00-03 07 00:00-03"),
        ("America/Santiago", "30 23 * * *", "2026-04-04", "2026-04-06", "04 23:30-03 05 23:30-04"),
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29",
            "2012-01-02",
            "29 09:00-10 31 00:00+14 31 09:00+14 01 09:00+14",
        ),
        ("Pacific/Apia", "0 9 30 12 *", "2011-12-01", "2012-12-31", "31 00:00+14 30 09:00+14"),
    ],
)
def test_a_change_of_clocks(timezone: str, text: str, first: str, until: str, told: str) -> None:
    zone = ZoneInfo(timezone)
    begin, end = (datetime.fromisoformat(moment).replace(tzinfo=zone) for moment in (first, until))
    found = [f"{run.astimezone(zone):%d %H:%M%z}" for run in runs(cron(text, timezone), begin, end)]
    assert [run.removesuffix("00") if run[-5] in "+-" else run for run in found] == told_apart(told)


def told_apart(told: str) -> list[str]:
    words = told.split()
    return [" ".join(pair) for pair in zip(words[::2], words[1::2], strict=True)]


@pytest.mark.parametrize(("timezone", "around"), CHANGES)
@pytest.mark.parametrize(
    ("text", "rhythm"),
    [("*/5 * * * *", 5 * MINUTE), ("*/10 * * * *", 10 * MINUTE), ("*/20 * * * * *", 20 * SECOND)],
)
def test_a_rhythm_goes_by_real_time(timezone: str, around: str, text: str, rhythm: timedelta) -> None:
    middle = datetime.fromisoformat(around).replace(tzinfo=UTC)
    found = runs(cron(text, timezone), middle - 3 * HOUR, middle + 3 * HOUR)
    if timezone == "America/St_Johns":  # its clocks changed at a minute past midnight
        found = [run for run in found if abs(run - middle) > 2 * MINUTE]
        assert len(found) >= 6 * HOUR / rhythm - 24
    else:
        assert {later - earlier for earlier, later in pairwise(found)} == {rhythm}


def test_an_hour_is_a_real_hour() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        begin = datetime.fromisoformat(day).replace(tzinfo=UTC) - 12 * HOUR
        found = runs(cron("0 * * * *", "Europe/Berlin"), begin, begin + 48 * HOUR)
        assert {later - earlier for earlier, later in pairwise(found)} == {HOUR}
        assert len(found) == 48


@cache
def clock(timezone: str, around: str, step: timedelta, before: timedelta) -> Walk:
    """Each real minute or second about a change, and what a clock on the wall shows then."""
    zone, middle = ZoneInfo(timezone), datetime.fromisoformat(around).replace(tzinfo=UTC)
    moments = (middle + number * step for number in range(-int(before / step), int(before / step)))
    return [(moment, moment.astimezone(zone).replace(tzinfo=None)) for moment in moments]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(st.integers(low, high - 1), number).map(sorted).filter(lambda span: span[0] < span[1])
    term = st.one_of(
        number.map(str),
        spans.map(lambda span: f"{span[0]}-{span[1]}"),
        st.tuples(spans, st.integers(1, 9)).map(lambda given: f"{given[0][0]}-{given[0][1]}/{given[1]}"),
        st.tuples(number, st.integers(1, 9)).map(lambda given: f"{given[0]}/{given[1]}"),
    )
    stars = st.one_of(st.just("*"), st.integers(1, 9).map(lambda step: f"*/{step}".replace("*/9", "*/7")))
    return st.one_of(stars, term, st.lists(term, min_size=2, max_size=3).map(",".join))


DAYS = st.sampled_from(["* * *"] * 6 + ["* * 0", "* * 6,7", "*/2 * *", "30 * 5", "24-31 3,10,12 *", "1-7 4,9,11 6"])
EXPRESSIONS = st.tuples(field(0, 59), st.one_of(field(0, 4), field(0, 23)), DAYS).map(" ".join)


@STEADY
@given(EXPRESSIONS, st.sampled_from(CHANGES))
@example("0-59/7 0-3 * * *", ("Pacific/Apia", "2011-12-30T10:00"))
@example("4-4/7 2-2 * * *", ("Europe/Berlin", "2026-03-29T01:00"))
@example("0 0,23 * * *", ("America/St_Johns", "2010-11-07T02:31"))
@example("* 0,23 * * *", ("America/St_Johns", "2010-11-07T02:31"))
@example("0-59 1 * * *", ("Australia/Lord_Howe", "2026-04-04T15:00"))
def test_no_moment_is_missed_or_invented_about_a_change(text: str, change: tuple[str, str]) -> None:
    walk = clock(*change, MINUTE, 36 * HOUR)
    expected = [moment for moment in oracle(text, walk, MINUTE) if moment >= walk[0][0] + 4 * HOUR]
    first, until = walk[0][0] + 4 * HOUR, walk[-1][0] + MINUTE
    assert runs(cron(text, change[0]), first, until) == expected
    in_one = moments_between(cron(text, change[0]), first, until - TICK, 10)
    assert in_one == (expected[-10:], len(expected))


@settings(STEADY, max_examples=30)
@given(field(0, 59), field(0, 59), field(0, 4), st.sampled_from([c for c in CHANGES if "Apia" not in c[0]]))
def test_nor_by_the_second(second: str, minute: str, hour: str, change: tuple[str, str]) -> None:
    text = f"{second} {minute} {hour} * * *"
    walk = clock(*change, SECOND, 150 * MINUTE)
    expected = oracle(text, walk, SECOND)
    found, count = moments_between(cron(text, change[0]), walk[1][0], walk[-1][0], 20_000)
    assert (found, count) == (expected, len(expected))
    assert all(next_after(cron(text, change[0]), moment - TICK) == moment for moment in found[:50])


@STEADY
@given(EXPRESSIONS, st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
@example("0 0 29 2 *", datetime(2096, 3, 1))  # noqa: DTZ001
def test_without_changes_the_moments_are_those_of_cronsim(text: str, wall: datetime) -> None:
    moment = wall.replace(tzinfo=UTC)
    assert next_after(cron(text, "UTC"), moment) == next(CronSim(text, moment))
