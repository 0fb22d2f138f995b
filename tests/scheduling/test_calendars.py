"""Calendars: which moments they exclude and in which words, and what happens to those that cannot be read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from scheduling import calendars, places, registry
from scheduling.calendars import Calendars, Off
from scheduling.checks import check_calendars
from scheduling.exceptions import InvalidJob
from scheduling.models import Calendar, Job, Window
from scheduling.registry import scheduled
from scheduling.sync import back_to_code, sync
from scheduling.triggers import Kind, Schedule
from tests.factories import NOON, make_job
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = {"cron": "0 22 * * *", "duration": timedelta(hours=8)}


def make_calendar(*windows: dict[str, Any], **columns: Any) -> Calendar:
    """A saved calendar called Ops, on Berlin's clock, with these windows."""
    calendar = Calendar.objects.create(**{"id": "ops", "name": "Ops", "timezone": "Europe/Berlin", **columns})
    for window in windows:
        Window.objects.create(calendar=calendar, **{"name": "Database maintenance", **window})
    return calendar


def said(moment: datetime, calendar: str = "ops") -> str:
    return calendars.load([calendar]).excludes([calendar], moment)


def berlin(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BERLIN, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


# Holidays


def test_a_holiday_is_excluded_from_midnight_to_midnight_on_the_clock_of_the_calendar() -> None:
    make_calendar(country="DE")
    excluded = "the calendar Ops has Christmas Day on 25 December 2026"
    assert said(berlin(2026, 12, 24, 23, 59, 59)) == ""
    assert said(berlin(2026, 12, 25)) == excluded
    assert said(berlin(2026, 12, 25, 23, 59, 59)) == excluded
    assert said(berlin(2026, 12, 27)) == ""


def test_a_subdivision_has_holidays_of_its_own() -> None:
    make_calendar(country="DE")
    make_calendar(id="by", name="Bavaria", country="DE", subdivision="BY")
    assert said(berlin(2026, 6, 4, 12)) == ""
    assert said(berlin(2026, 6, 4, 12), "by") == "the calendar Bavaria has Corpus Christi on 4 June 2026"


def test_the_day_on_which_a_holiday_is_observed_counts() -> None:
    make_calendar(id="us", name="US", country="US", timezone="America/New_York")
    monday, eve = datetime(2027, 7, 5, 16, tzinfo=UTC), datetime(2027, 12, 31, 16, tzinfo=UTC)
    assert said(monday, "us") == "the calendar US has Independence Day (observed) on 5 July 2027"
    assert said(eve, "us").endswith("New Year's Day (observed) on 31 December 2027")


@pytest.mark.parametrize("year", [1971, 2036, 4100, 9000])
def test_no_year_is_too_far(year: int) -> None:
    for country in ("DE", "JP", "LK", "SA"):
        assert isinstance(places.holidays_of(country, "", year), dict)


def test_every_country_has_a_name_and_a_code_that_fits() -> None:
    countries = places.countries()
    assert (countries["DE"], countries["TT"]) == ("Germany", "Trinidad and Tobago")
    assert all(name and len(code) <= 10 for code, name in countries.items())


# Windows


def test_a_window_that_comes_once_ends_before_its_end() -> None:
    make_calendar({"start_at": berlin(2026, 5, 1, 22), "end_at": berlin(2026, 5, 2, 4)})
    assert said(berlin(2026, 5, 1, 21, 59, 59)) == ""
    assert said(berlin(2026, 5, 1, 22)) == (
        "the calendar Ops has Database maintenance until 2 May 2026 04:00 Europe/Berlin"
    )
    assert said(berlin(2026, 5, 2, 3, 59, 59)) == (
        "the calendar Ops has Database maintenance until 04:00 Europe/Berlin"
    )
    assert said(berlin(2026, 5, 2, 4)) == ""


def test_a_window_that_comes_again_goes_over_midnight() -> None:
    make_calendar(NIGHTLY)
    assert [bool(said(berlin(2026, 5, 1, hour))) for hour in (5, 6, 21, 22, 23)] == [True, False, False, True, True]
    assert said(berlin(2026, 5, 1, 5)).endswith("until 06:00 Europe/Berlin")


def test_its_duration_is_real_time_when_the_clocks_change() -> None:
    make_calendar(NIGHTLY)
    assert said(berlin(2027, 3, 28, 6, 59)).endswith("until 07:00 Europe/Berlin")
    assert said(berlin(2027, 3, 28, 7)) == ""
    assert said(berlin(2027, 10, 31, 4, 59)).endswith("until 05:00 Europe/Berlin")
    assert said(berlin(2027, 10, 31, 5)) == ""


def test_a_window_that_starts_in_the_hour_that_is_skipped_starts_after_it() -> None:
    make_calendar({"cron": "30 2 * * *", "duration": timedelta(minutes=10)})
    assert said(berlin(2027, 3, 28, 1, 59)) == ""
    assert said(berlin(2027, 3, 28, 3)).endswith("until 03:10 Europe/Berlin")


@given(minutes=st.integers(0, 366 * 24 * 60), hours=st.integers(1, 100))
def test_a_window_is_open_where_one_of_its_starts_is_near(minutes: int, hours: int) -> None:
    window = Window(name="W", cron="0 3 * * 1,4", duration=timedelta(hours=hours))
    moment = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    starts = [moment.replace(hour=3, minute=0) - timedelta(days=days) for days in range(8)]
    near = [each for each in starts if each.weekday() in (0, 3) and each <= moment < each + timedelta(hours=hours)]
    first = next(calendars.windows_after([window], "UTC", moment))
    assert bool(near) == (first.start <= moment)
    assert first.start == min(near) if near else first.start > moment


# Several calendars


def test_the_first_calendar_that_excludes_is_named() -> None:
    make_calendar(country="DE")
    make_calendar(id="two", name="Two", country="DE")
    loaded = calendars.load(["ops", "two"])
    assert loaded.excludes(["two", "ops"], berlin(2026, 12, 25)).startswith("the calendar Two")
    assert loaded.excludes([], berlin(2026, 12, 25)) == ""


def test_loading_costs_two_queries_or_none(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_calendar(NIGHTLY, NIGHTLY, country="DE")
    make_calendar(NIGHTLY, id="two")
    with django_assert_num_queries(2):
        loaded = calendars.load(["ops", "two", "ops"])
        loaded.excludes(["ops", "two"], NOON)
    with django_assert_num_queries(0):
        assert calendars.load([]).excludes(["ops"], NOON) == ""


@pytest.mark.parametrize(
    "broken", [{"country": "XX"}, {"country": "DE", "subdivision": "ZZ"}, {"timezone": "Mars/Base"}, {"id": "gone"}]
)
def test_what_cannot_be_read_excludes_nothing(broken: dict[str, str]) -> None:
    make_calendar(**broken)
    assert said(berlin(2026, 12, 25)) == ""


def test_a_broken_window_excludes_nothing() -> None:
    make_calendar({"cron": "nonsense", "duration": timedelta(hours=1)})
    assert said(NOON) == ""


# What is left of a schedule


DAILY = Schedule(Kind.CRON, cron="0 12 * * *", timezone="Europe/Berlin")


def test_the_first_allowed_moment_is_after_all_that_is_excluded() -> None:
    make_calendar(country="DE")
    loaded = calendars.load(["ops"])
    after = berlin(2026, 12, 24, 13)
    assert loaded.first_allowed(DAILY, ["ops"], after) == berlin(2026, 12, 27, 12)
    assert loaded.first_allowed(DAILY, [], after) == berlin(2026, 12, 25, 12)


def test_a_long_window_is_passed_in_one_step() -> None:
    make_calendar({"start_at": berlin(2026, 1, 1), "end_at": berlin(2027, 1, 1)})
    every_second = Schedule(Kind.INTERVAL, interval=timedelta(seconds=1), anchor=NOON)
    assert calendars.load(["ops"]).first_allowed(every_second, ["ops"], NOON) == berlin(2027, 1, 1)


def test_none_is_allowed_where_all_is_excluded() -> None:
    make_calendar({"cron": "0 * * * *", "duration": timedelta(hours=1)})
    loaded = calendars.load(["ops"])
    assert loaded.first_allowed(DAILY, ["ops"], NOON) is None
    assert loaded.first_allowed(Schedule(Kind.MANUAL), ["ops"], NOON) is None


# What comes


def test_the_holidays_to_come_begin_with_the_one_of_today() -> None:
    calendar = make_calendar(country="DE")
    found = calendars.holidays_after(calendar, berlin(2026, 12, 25, 18))
    assert next(found) == Off(berlin(2026, 12, 25), berlin(2026, 12, 26), "Christmas Day", True)
    assert next(found).name == "Second Day of Christmas"
    assert next(found).start == berlin(2027, 1, 1)


def test_the_windows_to_come_are_in_order() -> None:
    once = {"name": "Move", "start_at": berlin(2026, 5, 2, 12), "end_at": berlin(2026, 5, 2, 13)}
    calendar = make_calendar({**once, "name": "Past", "end_at": berlin(2026, 5, 2, 12, 30)}, NIGHTLY, once)
    found = calendars.windows_after(calendar.windows.all(), "Europe/Berlin", berlin(2026, 5, 2, 12, 30))
    assert [(next(found).name, next(found).start)] == [("Move", berlin(2026, 5, 2, 22))]


# What is refused, and what is told


@pytest.mark.parametrize(
    ("columns", "field", "told"),
    [
        ({"country": "XX"}, "country", "'XX'"),
        ({"country": "DE", "subdivision": "QQ"}, "subdivision", "BY (Bayern)"),
        ({"country": "MC", "subdivision": "QQ"}, "subdivision", "Monaco has no subdivisions"),
        ({"subdivision": "BY"}, "subdivision", "Choose the country"),
        ({"timezone": "Europe/Berln"}, "timezone", "write Europe/Berlin"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(columns: dict[str, str], field: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Calendar(id="ops", name="Ops", **columns).clean()
    assert told in refused.value.message_dict[field][0]


@pytest.mark.parametrize("written", ["by", "BY", "bayern"])
def test_a_subdivision_is_kept_as_its_code(written: str) -> None:
    calendar = Calendar(id="ops", name="Ops", country="DE", subdivision=written)
    calendar.clean()
    assert calendar.subdivision == "BY"


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"start_at": NOON},
        {"start_at": NOON, "end_at": NOON},
        {"cron": "* * * * *"},
        {"cron": "* * * * *", "duration": timedelta()},
        {**NIGHTLY, "start_at": NOON, "end_at": NOON + timedelta(1)},
    ],
)
def test_a_window_comes_once_or_again(columns: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_calendar(columns)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"cron": "61 * * * *", "duration": timedelta(hours=1)}, "cron"),
        ({"cron": "0 0 * * *", "duration": timedelta(days=400)}, "duration"),
    ],
)
def test_a_window_that_cannot_be_is_refused(columns: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Window(name="W", **columns).clean()
    assert list(refused.value.message_dict) == [field]


def test_ids_are_checked_by_name() -> None:
    calendars.check([])
    with pytest.raises(InvalidJob, match="none is made yet"):
        calendars.check(["ops"])
    make_calendar()
    calendars.check(("ops",))
    for wrong in (["ops", "germny"], ["\0"]):
        with pytest.raises(InvalidJob, match="choose from: ops"):
            calendars.check(wrong)
    for odd in ("ops", [1], None, {"ops": 1}):
        with pytest.raises(InvalidJob, match="list of their ids"):
            calendars.check(odd)


def test_who_uses_a_calendar_is_known() -> None:
    make_job()
    job = make_job(calendars=["ops", "ops", "gone"])
    assert calendars.usage() == {"ops": [job], "gone": [job]}


def test_the_checks_tell_of_what_is_gone_or_cannot_be_read() -> None:
    make_calendar()
    make_job(calendars=["ops"])
    assert check_calendars(databases=["default"]) == []
    make_job(id="films", calendars=["ops", "gone"])
    make_calendar({"cron": "nonsense", "duration": timedelta(hours=1)}, id="odd", name="Odd", country="XX")
    told = [(message.id, message.msg) for message in check_calendars(databases=["default"])]
    assert told[0] == ("scheduling.W002", "The job 'films' names the calendar 'gone', which there is not.")
    assert [each for each, _ in told[1:]] == ["scheduling.W003"] * 2
    assert "'XX'" in told[1][1]
    assert "1 field" in told[2][1]


# Jobs that the code declares


def test_a_tuple_of_calendars_in_code_is_a_list_in_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    make_calendar(id="germany")
    monkeypatch.setattr(registry, "_declarations", {})
    scheduled("cron", id="films", hour=2, calendars=("germany",))(echo)
    assert [each.deed for each in sync(NOON)] == ["created"]
    assert [each.deed for each in sync(NOON)] == ["unchanged"]
    job = Job.objects.get(pk="films")
    assert job.calendars == ["germany"]
    assert not back_to_code(job, by="ada", now=NOON)
    Job.objects.update(calendars=[])
    job.refresh_from_db()
    assert back_to_code(job, by="ada", now=NOON)
    job.refresh_from_db()
    assert job.calendars == ["germany"]


def test_nothing_is_loaded_for_no_calendars() -> None:
    assert Calendars(()).excludes(["ops"], NOON) == ""
