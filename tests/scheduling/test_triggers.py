"""Schedules to moments: what runs, what is refused and with which words, and what it costs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.exceptions import InvalidTrigger
from scheduling.triggers import (
    Kind,
    Schedule,
    check,
    moments_between,
    next_after,
    preview,
    shown_in,
    trigger_of,
)

NOW = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)  # a Sunday
ONE_DAY = timedelta(days=1)
STEADY = settings(deadline=None, derandomize=True)


def cron(text: str, timezone: str = "UTC", **more: Any) -> Schedule:
    return Schedule(Kind.CRON, cron=text, timezone=timezone, **more)


def every(interval: timedelta | None, **more: Any) -> Schedule:
    return Schedule(Kind.INTERVAL, interval=interval, **more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def walked(schedule: Schedule, first: datetime, until: datetime) -> list[datetime]:
    """All moments in [first, until], one next_after at a time."""

    def walk() -> Iterator[datetime]:
        moment = next_after(schedule, first - timedelta(microseconds=1))
        while moment and moment <= until:
            yield moment
            moment = next_after(schedule, moment)

    return list(walk())


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("*/15 * * * *", ["2026-05-03 10:15", "2026-05-03 10:30"]),
        ("5/15 * * * *", ["2026-05-03 10:05", "2026-05-03 10:20"]),
        ("0 2 * * 0", ["2026-05-10 02:00", "2026-05-17 02:00"]),
        ("0 2 * * 7", ["2026-05-10 02:00", "2026-05-17 02:00"]),
        ("0 2 * * sun", ["2026-05-10 02:00", "2026-05-17 02:00"]),
        ("0 2 * * fri-sun", ["2026-05-08 02:00", "2026-05-09 02:00", "2026-05-10 02:00", "2026-05-15 02:00"]),
        ("30 0 10 * * *", ["2026-05-03 10:00:30", "2026-05-04 10:00:30"]),
        ("*/20 0 10 * * *", ["2026-05-03 10:00:20", "2026-05-03 10:00:40", "2026-05-04 10:00:00"]),
        ("0 0 L * *", ["2026-05-31", "2026-06-30", "2026-07-31"]),
        ("0 0 LW * *", ["2026-05-29", "2026-06-30", "2026-07-31"]),
        ("0 0 * * 5L", ["2026-05-29", "2026-06-26"]),
        ("0 0 * * friL", ["2026-05-29", "2026-06-26"]),
        ("0 0 * * 5#2", ["2026-05-08", "2026-06-12"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
        ("0 0 1 jan,jul *", ["2026-07-01", "2027-01-01"]),
        ("@yearly", ["2027-01-01", "2028-01-01"]),
        ("@Monthly", ["2026-06-01", "2026-07-01"]),
        ("@weekly", ["2026-05-10", "2026-05-17"]),
        ("@midnight", ["2026-05-04", "2026-05-05"]),
        ("@hourly", ["2026-05-03 11:00", "2026-05-03 12:00"]),
        ("0 0 10 * 1", ["2026-05-04", "2026-05-10", "2026-05-11"]),  # the 10th or a Monday
        ("0 0 */2 * 1", ["2026-05-11", "2026-05-25"]),  # a star: odd days that are Mondays
        ("hour=2 day_of_week=0", ["2026-05-04 02:00", "2026-05-11 02:00"]),  # APScheduler's Monday
        ("day=13 day_of_week=fri", ["2026-11-13", "2027-08-13"]),  # both
        ("week=*/2 day_of_week=mon hour=7 minute=30", ["2026-05-04 07:30", "2026-05-18 07:30"]),
        ("year=2090", ["2090-01-01"]),
    ],
)
def test_an_expression_means_what_crontab_means(text: str, moments: list[str]) -> None:
    check(cron(text))
    assert preview(cron(text), len(moments), NOW) == [at(moment) for moment in moments]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Write a crontab expression"),
        ("75 * * * *", "minute 75 is outside 0-59"),
        ("0 24 * * *", "hour 24 is outside 0-23"),
        ("0 0 0 * *", "day of the month 0 is outside 1-31"),
        ("0 0 * * 8", "day of the week 8 is outside 0-7"),
        ("99 0 0 * * *", "second 99 is outside"),
        ("* * * *", "has 4 fields; write 5"),
        ("* * * * * * *", "has 7 fields; write 5"),
        ("daily", "has 1 field; write 5"),
        ("@reboot", "run at start-up"),
        ("@often", "'@often' is not known; write one of @yearly"),
        ("0 0 * * monday", "'MONDAY' is no day of the week; .* a name such as mon"),
        ("0 0 * foo *", "'FOO' is no month"),
        ("0 0 ? * *", r"'\?' is no day of the month; write \*"),
        ("0 0 L-3 * *", "'L-3' is no day of the month"),
        ("0 0 * * 5#6", "'5#6' is no day of the week"),
        ("5,,6 * * * *", "The minute has a comma with nothing beside it"),
        ("0 22-2 * * *", "hour range 22-2 runs backwards; write 22-23,0-2"),
        ("*/0 * * * *", "step of the minute is 0"),
        ("*/90 * * * *", "step 90 of the minute goes beyond 0-59.*choose an interval"),
        ("٣ * * * *", "is no minute"),  # a digit, but not of a crontab
        ("9" * 150 + " * * * *", "is no minute"),
        ("0," * 100 + "0 * * * *", "209 characters; at most 200"),
        ("0 0 31 2 *", "never matches"),
        ("0 0 30 2 *", "never matches"),
        ("0 0 31 4,6,9,11 *", "never matches"),
        ("0 0 */15 * 1#2", "never matches"),
        ("month=2 day=30", "never matches"),
        ("week=1 month=6", "never matches"),
        ("year=1999", "never matches"),
        ("hour=75", "hour=75: .*75"),
        ("hours=2", "'hours' is not known; write year="),
        ("2 hour=2", "'2' is not known"),
        ("hour=2 hour=3", "given twice"),
        ("day_of_week=mon/2", "no step can follow a name"),
        ("hour=2 start_date=2020-01-01", "'start_date' is not known"),
    ],
)
def test_a_wrong_expression_is_refused_and_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(InvalidTrigger, match=said) as refused:
        check(cron(text))
    assert refused.value.field == "cron"
    with pytest.raises(InvalidTrigger):
        next_after(cron(text), NOW)


def test_a_rhythm_that_only_names_a_time_that_is_skipped_never_matches() -> None:
    text = "*/10 2 * 3 0L"  # the night on which Berlin has no such hour
    check(cron(text))
    with pytest.raises(InvalidTrigger, match=r"never matches in Europe/Berlin"):
        check(cron(text, "Europe/Berlin"))
    assert next_after(cron(text, "Europe/Berlin"), NOW) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Berln", "write Europe/Berlin"),
        ("europe/berlin", "write Europe/Berlin"),
        ("New York", "write America/New_York"),
        ("", "a name such as Europe/Berlin"),
        ("../../etc/passwd", "no known time zone"),
        ("/etc/localtime", "no known time zone"),
        ("Europe", "no known time zone"),
        ("x" * 5000, "no known time zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_what_may_have_been_meant(name: str, said: str) -> None:
    with pytest.raises(InvalidTrigger, match=said) as refused:
        check(cron("0 2 * * *", name))
    assert refused.value.field == "timezone"


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (every(None), "interval"),
        (every(timedelta(milliseconds=999)), "interval"),
        (every(timedelta(days=-1)), "interval"),
        (every(timedelta.max), "interval"),
        (Schedule(Kind.DATE), "run_at"),
        (Schedule(Kind.DATE, run_at=datetime(2026, 1, 1)), "run_at"),  # noqa: DTZ001
        (Schedule(Kind.DATE, run_at=NOW, end_at=NOW - ONE_DAY), "run_at"),
        (Schedule(Kind.DATE, run_at=NOW, start_at=NOW + ONE_DAY), "run_at"),
        (cron("0 2 * * *", start_at=NOW, end_at=NOW - ONE_DAY), "end_at"),
        (cron("0 2 * * *", start_at=NOW, end_at=NOW + timedelta(hours=1)), "end_at"),
        (cron("year=2020", start_at=NOW), "start_at"),
        (every(ONE_DAY, anchor=NOW, end_at=NOW), "end_at"),
    ],
)
def test_a_schedule_that_names_no_moment_is_refused(schedule: Schedule, field: str) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        check(schedule)
    assert refused.value.field == field


def test_what_belongs_to_another_kind_is_left_alone() -> None:
    leftovers: dict[str, Any] = {"run_at": NOW - 9 * ONE_DAY, "anchor": NOW, "interval": timedelta(0)}
    nightly = cron("0 2 * * *", start_at=NOW, **leftovers)
    check(nightly)
    assert next_after(nightly, NOW - 20 * ONE_DAY) == at("2026-05-04 02:00")
    assert trigger_of(nightly).get_next_fire_time(None, NOW) == at("2026-05-04 02:00")
    check(every(ONE_DAY, cron="nonsense"))


def test_start_and_end_are_both_included() -> None:
    window = cron("0 * * * *", start_at=NOW, end_at=NOW + timedelta(hours=2))
    hours = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    assert preview(window, 9, NOW - ONE_DAY) == hours
    assert next_after(window, hours[-1]) is None
    assert moments_between(window, NOW - ONE_DAY, NOW + ONE_DAY, 9) == (hours, 3)
    assert next_after(replace(window, start_at=NOW + timedelta(seconds=0.5)), NOW - ONE_DAY) == hours[1]


def test_an_interval_keeps_to_its_grid() -> None:
    anchored = every(timedelta(minutes=7), anchor=NOW)
    assert preview(anchored, 2, NOW - ONE_DAY) == [NOW + timedelta(minutes=7), NOW + timedelta(minutes=14)]
    late = NOW + timedelta(minutes=7 * 1_000_000, seconds=3)
    assert next_after(anchored, late) == NOW + timedelta(minutes=7 * 1_000_001)
    started = replace(anchored, start_at=NOW - timedelta(minutes=1))
    assert preview(started, 2, NOW - ONE_DAY) == [NOW - timedelta(minutes=1), NOW + timedelta(minutes=6)]
    assert next_after(every(timedelta(minutes=15)), NOW) == NOW + timedelta(minutes=15)


def test_an_interval_goes_by_real_time_whatever_the_clocks_do() -> None:
    hourly = every(timedelta(hours=1), anchor=at("2026-03-28"), timezone="Europe/Berlin")
    moments = preview(hourly, 60, at("2026-03-28"))
    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(hours=1)}


def test_a_date_comes_once_and_a_manual_schedule_never() -> None:
    once = Schedule(Kind.DATE, run_at=NOW)
    check(once)
    assert next_after(once, NOW - ONE_DAY) == NOW
    assert next_after(once, NOW) is None
    assert moments_between(once, NOW - ONE_DAY, NOW, 5) == ([NOW], 1)
    assert moments_between(once, NOW + ONE_DAY, NOW + 2 * ONE_DAY, 5) == ([], 0)
    manual = Schedule(Kind.MANUAL)
    check(manual)
    assert next_after(manual, NOW) is None
    assert preview(manual, 5, NOW) == []
    assert moments_between(manual, NOW, NOW + ONE_DAY, 5) == ([], 0)


def test_a_moment_may_come_in_any_zone_and_leaves_in_utc() -> None:
    there = shown_in(cron("0 2 * * *", "Asia/Tokyo"), NOW)
    assert there.isoformat() == "2026-05-03T19:00:00+09:00"
    once = Schedule(Kind.DATE, run_at=there + ONE_DAY)
    for schedule in (cron("* * * * *"), every(ONE_DAY, anchor=there), once):
        assert [moment.tzinfo for moment in preview(schedule, 1, there)] == [UTC]


SCHEDULES = st.sampled_from(
    [
        cron("*/5 * * * *", "Australia/Lord_Howe"),
        cron("30 2 * * *", "Europe/Berlin"),
        cron("0,30 0-3 * * *", "Asia/Beirut"),
        cron("*/13 7 * * * *", "America/New_York", end_at=at("2026-11-02")),
        cron("week=*/2 day_of_week=sun hour=*/2", "Europe/Berlin", start_at=at("2026-01-04")),
        every(timedelta(minutes=11), anchor=at("2026-03-01")),
        every(timedelta(seconds=4000.25), start_at=at("2026-03-29 00:00:00.5")),
        Schedule(Kind.DATE, run_at=at("2026-10-25 00:30")),
    ]
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@STEADY
@given(SCHEDULES, MOMENTS)
def test_moments_go_forward_and_the_preview_is_the_engine(schedule: Schedule, now: datetime) -> None:
    shown = preview(schedule, 5, now)
    assert all(earlier < later for earlier, later in pairwise([now, *shown]))
    moment: datetime | None = now
    for expected in shown:
        assert moment
        moment = next_after(schedule, moment)
        assert moment == expected


@STEADY
@given(SCHEDULES, MOMENTS, st.integers(0, 3 * 86_400), st.integers(0, 60))
def test_the_moments_of_a_gap_are_those_of_a_walk(
    schedule: Schedule, first: datetime, seconds: int, limit: int
) -> None:
    until = first + timedelta(seconds=seconds)
    moments = walked(schedule, first, until)
    latest = moments[max(0, len(moments) - limit) :]
    assert moments_between(schedule, first, until, limit) == (latest, len(moments))


def test_a_long_gap_is_counted_exactly() -> None:
    decade = (at("2016-01-01"), at("2026-01-01") - timedelta(seconds=1))
    days = 3653
    assert moments_between(cron("* * * * * *"), *decade, 0) == ([], days * 86_400)
    assert moments_between(every(timedelta(seconds=1)), *decade, 0) == ([], days * 86_400)
    assert moments_between(cron("30 2 * * *", "Europe/Berlin"), *decade, 0) == ([], days)
    assert moments_between(cron("0 * * * *", "Europe/Berlin"), *decade, 0) == ([], days * 24)


def test_beyond_fifty_years_the_count_is_estimated() -> None:
    _, count = moments_between(cron("0 2 * * *"), at("1826-01-01"), at("2026-01-01"), 5)
    assert count == pytest.approx(200 * 365.2425, rel=0.001)


@pytest.mark.parametrize(
    "schedule",
    [
        cron("* * * * * *", "Europe/Berlin"),
        cron("* * * * * *", "Australia/Lord_Howe"),
        cron("second=* week=*/2", "Europe/Berlin"),
        cron("0-59 0-59 0-23 * * *", "America/New_York"),
        every(timedelta(seconds=1), anchor=at("1970-01-01")),
    ],
)
def test_neither_a_long_gap_nor_a_thousand_moments_take_long(schedule: Schedule) -> None:
    began = perf_counter()
    moments, count = moments_between(schedule, NOW - 3650 * ONE_DAY, NOW, 100)
    assert len(moments) == 100
    assert count > 100_000_000
    assert len(preview(schedule, 1000, NOW)) == 1000
    assert perf_counter() - began < 0.5


@pytest.mark.parametrize("field", ["run_at", "start_at", "end_at", "anchor"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("moment", ["0001-01-01", "1970-12-31", "9001-01-01", "9999-12-31T23:59:59"])
def test_a_moment_out_of_reach_is_refused_with_its_field(moment: str, zone: str, field: str) -> None:
    there: dict[str, Any] = {"timezone": zone, field: datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))}
    for schedule in (cron("0 2 * * *", **there), every(ONE_DAY, **there), Schedule(Kind.DATE, **there)):
        with pytest.raises(InvalidTrigger, match="write one from 1971 to 9000") as refused:
            check(schedule)
        assert refused.value.field == field


def test_the_last_moment_is_the_last() -> None:
    end = datetime(9000, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert next_after(every(timedelta(seconds=1)), end) is None
    assert next_after(every(timedelta(seconds=1)), datetime.max.replace(tzinfo=UTC)) is None
    assert next_after(cron("0 2 * * *"), end) is None
    assert next_after(cron("0 2 * * *"), end + ONE_DAY) is None
    assert next_after(every(timedelta(days=36_525), anchor=end), NOW) is None
    assert preview(every(timedelta(days=36_525), start_at=end), 10, NOW) == [end]
