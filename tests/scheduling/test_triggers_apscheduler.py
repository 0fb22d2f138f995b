"""APScheduler's vocabulary: its keywords and trigger objects come in, and ours goes out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from scheduling.exceptions import InvalidTrigger
from scheduling.triggers import Kind, Schedule, next_after, schedule_of, trigger_of

NOW = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"hour": 2}, "0 2 * * *"),
        ({"minute": "*/5"}, "*/5 * * * *"),
        ({"second": "*/10"}, "*/10 * * * * *"),
        ({"hour": 2, "minute": 0, "day_of_week": "sun"}, "0 2 * * 0"),
        ({"hour": 2, "day_of_week": 0}, "0 2 * * 1"),
        ({"hour": 2, "day_of_week": "mon-fri"}, "0 2 * * 1-5"),
        ({"hour": 2, "day_of_week": "sat,sun"}, "0 2 * * 0,6"),
        ({"hour": 2, "day_of_week": "0-6"}, "0 2 * * *"),
        ({"month": "jan-mar"}, "0 0 1 jan-mar *"),
        ({"day": "last", "hour": 4, "minute": 5, "second": 6}, "6 5 4 L * *"),
        ({"day": "2nd fri"}, "0 0 * * 5#2"),
        ({"day": "1st mon, last sun"}, "0 0 * * 1#1,0L"),
        ({"day": "*/2", "day_of_week": "mon"}, "0 0 */2 * 1"),
        ({"day": 13, "day_of_week": "fri"}, "day=13 day_of_week=fri hour=0 minute=0 second=0"),
        ({"day": "2nd fri, 1"}, "day=2nd fri,1 hour=0 minute=0 second=0"),
        ({"year": 2027, "hour": 3}, "year=2027 hour=3 minute=0 second=0"),
        (
            {"week": "*/2", "day_of_week": "mon", "hour": 7, "minute": 30},
            "week=*/2 day_of_week=mon hour=7 minute=30 second=0",
        ),
        ({"crontab": "0 2 * * 0"}, "0 2 * * 0"),
        ({}, "* * * * * *"),
    ],
)
def test_cron_keywords_become_crontab_text_where_it_can_say_them(keywords: dict[str, Any], text: str) -> None:
    schedule, jitter = schedule_of("cron", BERLIN, **keywords)
    assert schedule == Schedule(Kind.CRON, cron=text, timezone=BERLIN)
    assert jitter is None


def terms(*choices: str) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.none(), st.sampled_from(choices))


FIELDS = st.fixed_dictionaries(
    {
        "year": st.one_of(st.none(), st.none(), st.none(), st.sampled_from(["2027-2040", "*/3"])),
        "month": terms("2", "*/5", "jan,jul-sep", "3-12/4"),
        "day": terms("1", "*/7", "13-20", "last", "2nd tue", "1st mon,3rd sun", "last fri,5", "5,*/9"),
        "week": terms("*/2", "1-20", "7,33"),
        "day_of_week": terms("mon", "0", "sun", "tue-sat", "*/2", "1-5/2", "6,0"),
        "hour": terms("0", "*/5", "9-17", "1/7"),
        "minute": terms("30", "*/20", "5/15", "0-10"),
        "second": terms("0", "*/25", "10,20"),
    }
).map(lambda fields: {name: value for name, value in fields.items() if value is not None})


@settings(deadline=None, derandomize=True)
@given(FIELDS, st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_in_utc_the_moments_are_those_of_the_stock_trigger(fields: dict[str, Any], moment: datetime) -> None:
    stock = CronTrigger(timezone="UTC", **fields)
    try:
        schedule, _ = schedule_of(stock, "UTC")
    except InvalidTrigger:
        reject()  # such a day never comes
    for _ in range(3):
        upcoming = next_after(schedule, moment)
        assume(upcoming is None or upcoming.year - moment.year < 5)  # the stock trigger takes seconds
        expected = stock.get_next_fire_time(None, moment + timedelta(microseconds=1))
        assert upcoming == expected
        moment = expected or moment
    again, _ = schedule_of(trigger_of(schedule), "UTC")
    assert again == schedule == schedule_of("cron", "UTC", **fields)[0]


def test_intervals_and_dates_come_in() -> None:
    schedule, jitter = schedule_of(
        "interval",
        BERLIN,
        hours=1,
        minutes=30,
        start_date="2026-05-03 12:00:00",
        end_date=NOW + timedelta(1),
        jitter=5,
    )
    assert schedule == Schedule(
        Kind.INTERVAL,
        interval=timedelta(minutes=90),
        timezone=BERLIN,
        start_at=NOW,
        end_at=NOW + timedelta(days=1),
    )
    assert jitter == timedelta(seconds=5)
    schedule, _ = schedule_of("date", BERLIN, run_date="2026-05-03 12:00:00")
    assert schedule == Schedule(Kind.DATE, run_at=NOW, timezone=BERLIN)
    assert schedule_of("manual", BERLIN) == (Schedule(Kind.MANUAL, timezone=BERLIN), None)


def test_stock_objects_come_in_with_their_own_zone() -> None:
    cron = CronTrigger(hour=2, timezone=BERLIN, start_date=NOW, jitter=7)
    assert schedule_of(cron, "UTC") == (
        Schedule(Kind.CRON, cron="0 2 * * *", timezone=BERLIN, start_at=NOW),
        timedelta(seconds=7),
    )
    interval = IntervalTrigger(minutes=5, start_date=NOW, timezone="UTC")
    assert schedule_of(interval, "UTC")[0] == Schedule(Kind.INTERVAL, interval=timedelta(minutes=5), start_at=NOW)
    date = DateTrigger(NOW.astimezone(ZoneInfo(BERLIN)))
    assert schedule_of(date, "UTC")[0] == Schedule(Kind.DATE, run_at=NOW)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(Kind.CRON, cron="@daily", timezone=BERLIN, start_at=NOW),
        Schedule(Kind.CRON, cron="week=*/2 hour=2", timezone=BERLIN),
        Schedule(Kind.INTERVAL, interval=timedelta(minutes=5), anchor=NOW),
        Schedule(Kind.DATE, run_at=NOW),
        Schedule(Kind.MANUAL),
    ],
)
def test_our_own_trigger_comes_back_as_it_went(schedule: Schedule) -> None:
    assert schedule_of(trigger_of(schedule), "Asia/Tokyo") == (schedule, None)


@pytest.mark.parametrize(
    ("trigger", "keywords", "said"),
    [
        ("and", {}, "'and' is no trigger; write one of cron, interval, date, manual"),
        ("cron", {"hours": 2}, "'hours' is unknown; cron takes year, month"),
        ("cron", {"hour": 25}, "hour=25"),
        ("cron", {"crontab": "@daily", "hour": 2}, "either crontab or hour"),
        ("cron", {"day_of_week": "mon/2"}, "no step can follow a name"),
        ("interval", {}, "between a second and a hundred years"),
        ("interval", {"minutes": "five"}, "minutes"),
        ("interval", {"minutes": 5, "start_date": "soon"}, "'soon' is no moment"),
        ("date", {}, "Give the moment"),
        (DateTrigger(NOW), {"jitter": 5}, "not with a trigger object"),
        (AndTrigger([DateTrigger(NOW)]), {}, "AndTrigger"),
    ],
)
def test_what_has_no_meaning_here_is_refused(trigger: BaseTrigger | str, keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTrigger, match=said):
        schedule_of(trigger, "UTC", **keywords)


def test_our_trigger_goes_on_from_the_moment_before_and_not_from_now() -> None:
    trigger = trigger_of(Schedule(Kind.CRON, cron="0 * * * *"))
    hour = timedelta(hours=1)
    assert trigger.get_next_fire_time(None, NOW) == NOW
    assert trigger.get_next_fire_time(NOW, NOW + 5 * hour) == NOW + hour
    assert trigger.get_next_fire_time(NOW, NOW - 5 * hour) == NOW + hour
    assert str(trigger) == "Every hour"


def test_a_date_that_has_passed_is_due_until_it_ran() -> None:
    trigger = trigger_of(Schedule(Kind.DATE, run_at=NOW))
    assert trigger.get_next_fire_time(None, NOW + timedelta(days=1)) == NOW
    assert trigger.get_next_fire_time(NOW, NOW + timedelta(days=1)) is None
