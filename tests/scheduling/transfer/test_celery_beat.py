"""Periodic tasks of django-celery-beat become jobs that fire when Celery would have fired them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, models
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.exceptions import InvalidTrigger
from scheduling.transfer.sources import celery_beat, celery_cron
from scheduling.transfer.sources.found import Found
from scheduling.transfer.sources.tables import NoTable, rows_of
from scheduling.triggers import Kind, Schedule, next_after
from tests.factories import ECHO, NOON

BERLIN = ZoneInfo("Europe/Berlin")
LAST = NOON - timedelta(minutes=7)
TASK: dict[str, Any] = {
    "id": 1,
    "name": "Films: all",
    "task": ECHO,
    "interval_id": None,
    "crontab_id": None,
    "solar_id": None,
    "clocked_id": None,
    "args": "[]",
    "kwargs": "{}",
    "queue": None,
    "exchange": None,
    "routing_key": None,
    "headers": "{}",
    "priority": None,
    "expires": None,
    "expire_seconds": None,
    "one_off": False,
    "start_time": None,
    "enabled": True,
    "last_run_at": LAST,
    "total_run_count": 3,
    "date_changed": NOON - timedelta(days=1),
    "description": "",
}
EVERY = {"id": 5, "every": 10, "period": "minutes"}
CRONTAB = {
    "id": 7,
    "minute": "30",
    "hour": "2",
    "day_of_month": "*",
    "month_of_year": "*",
    "day_of_week": "*",
    "timezone": "Europe/Berlin",
}
CLOCKED = {"id": 9, "clocked_time": NOON + timedelta(hours=1)}
SOLAR = {"id": 11, "event": "sunset", "latitude": "52.5", "longitude": "13.4"}
KINDS = {"interval": EVERY, "crontab": CRONTAB, "clocked": CLOCKED, "solar": SOLAR}


def found(kind: str, schedule: dict[str, Any] | None = None, **columns: Any) -> Found:
    """The one task of tables that hold it and a schedule of that kind."""
    given = {**KINDS[kind], **(schedule or {})}
    tables = {f"django_celery_beat_{kind}schedule": [given]}
    tables["django_celery_beat_periodictask"] = [{**TASK, f"{kind}_id": given["id"], **columns}]
    (one,) = celery_beat.entries(lambda name: iter(tables.get(name, [])), NOON)
    return one


def moments(one: Found, days: int = 7) -> list[datetime]:
    assert one.moments is not None
    return list(one.moments(NOON, NOON + timedelta(days=days)))


def test_a_crontab_keeps_its_own_zone() -> None:
    one = found("crontab")
    assert one.schedule == {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}
    assert (one.id, one.name, one.calls, one.said) == ("Films: all", "Films: all", ECHO, "30 2 * * * Europe/Berlin")
    assert moments(one, 2) == [NOON.replace(day=3, hour=1, minute=30), NOON.replace(day=4, hour=1, minute=30)]


def test_an_interval_keeps_its_step() -> None:
    one = found("interval")
    assert one.schedule == {"interval": "10m", "start_at": "2026-03-02 11:53:00+00:00"}
    assert moments(one)[:2] == [NOON + timedelta(minutes=3), NOON + timedelta(minutes=13)]


def test_an_interval_that_never_ran_counts_from_its_start() -> None:
    start = NOON + timedelta(hours=2)
    one = found("interval", last_run_at=None, start_time=start)
    assert one.schedule["start_at"] == start.isoformat(" ")
    assert moments(one)[0] == start


def test_a_moment_is_a_date() -> None:
    one = found("clocked", one_off=True, total_run_count=0)
    assert one.schedule == {"run_at": "2026-03-02 13:00:00+00:00"}
    assert moments(one) == [NOON + timedelta(hours=1)]


def test_what_runs_once_runs_at_its_next_moment() -> None:
    one = found("crontab", one_off=True, total_run_count=0)
    assert one.schedule == {"run_at": "2026-03-03 02:30:00+01:00", "timezone": "Europe/Berlin"}
    assert moments(one) == [NOON.replace(day=3, hour=1, minute=30)]


def test_it_begins_and_ends_with_the_task() -> None:
    one = found("crontab", start_time=NOON + timedelta(days=2), expires=NOON + timedelta(days=4))
    assert (one.schedule["start_at"], one.schedule["end_at"]) == (
        "2026-03-04 13:00:00+01:00",
        "2026-03-06 13:00:00+01:00",
    )
    assert [moment.day for moment in moments(one)] == [5, 6]


def test_the_rest_of_a_task_comes_along_or_is_told() -> None:
    one = found(
        "crontab",
        args='["a", 1]',
        kwargs='{"deep": [null]}',
        queue="media",
        expire_seconds=60,
        priority=9,
        headers='{"x": 1}',
        exchange="e",
        description="All films.",
        enabled=False,
    )
    assert one.arguments == {"*": ["a", 1], "deep": [None]}
    assert one.policies == {"queue": "media", "misfire_grace_time": 60, "description": "All films."}
    assert one.stopped == "It is disabled in django-celery-beat."
    assert ["priority 9" in one.notes[0], "exchange 'e'" in one.notes[1], "headers" in one.notes[2]] == [True] * 3


@pytest.mark.parametrize(
    ("kind", "schedule", "columns", "over"),
    [
        ("crontab", {}, {"one_off": True}, "It was to run once, and has."),
        ("crontab", {}, {"expires": NOON}, "It has expired."),
        ("clocked", {"clocked_time": LAST}, {"one_off": True, "total_run_count": 0}, "Its one moment has passed."),
        ("crontab", {}, {"task": "celery.backend_cleanup"}, "It keeps Celery's own house."),
    ],
)
def test_what_is_over_is_not_taken_over(kind: str, schedule: Any, columns: Any, over: str) -> None:
    assert found(kind, schedule, **columns).over == over


@pytest.mark.parametrize(
    ("kind", "schedule", "columns", "message"),
    [
        ("solar", {}, {}, "It goes by the sun (sunset at 52.5, 13.4)"),
        ("interval", {"period": "microseconds"}, {}, "the shortest interval here is a second"),
        ("interval", {}, {"last_run_at": None, "date_changed": None}, "does not say from when its interval counts"),
        ("crontab", {}, {"args": "{}"}, "Its args are no JSON list: {}"),
        ("crontab", {}, {"kwargs": "{"}, "Its kwargs are no JSON object: {"),
        ("crontab", {"minute": "99"}, {}, "Celery cannot read '99' as a minute"),
        ("crontab", {"timezone": "Mars"}, {}, "'Mars' is no known time zone"),
        ("crontab", {}, {"crontab_id": None}, "It has no schedule."),
        ("crontab", {}, {"crontab_id": 99}, "It has no schedule."),
        (
            "crontab",
            {"day_of_month": "30", "month_of_year": "2"},
            {"one_off": True, "total_run_count": 0},
            "no moment is",
        ),
    ],
)
def test_what_cannot_be_translated_says_why(kind: str, schedule: Any, columns: Any, message: str) -> None:
    assert message in found(kind, schedule, **columns).cannot


# Celery's crontab


@pytest.mark.parametrize(
    ("texts", "cron"),
    [
        (("*", "*", "*", "*", "*"), "* * * * *"),
        (("*/5", "0", "*", "*", "*"), "*/5 0 * * *"),
        (("0", "8-10,22", "*", "*", "mon-fri"), "0 8-10,22 * * 1-5"),
        (("0", "0", "*", "*", "fri-mon"), "0 0 * * 0,1,5,6"),
        (("0", "0", "*/2", "*", "1"), "0 0 */2 * 1"),
        (("0-59", "22-2", "*", "11-2", "*"), "* 0-2,22,23 * 1,2,11,12 *"),
        (("0", "0", "13", "*", "5"), "day=13 day_of_week=fri hour=0 minute=0 second=0"),
        (("*/10", "1", "1-7", "jan", "sunday"), "month=1 day=1-7 day_of_week=sun hour=1 minute=*/10 second=0"),
    ],
)
def test_a_crontab_of_celery_is_said_in_ours(texts: tuple[str, ...], cron: str) -> None:
    assert celery_cron.translated(texts) == cron


@pytest.mark.parametrize("text", ["", "7", "x", "1,", "*/0", "1-8", "-1"])
def test_what_celery_cannot_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidTrigger, match="Celery cannot read"):
        celery_cron.translated(("0", "0", "*", "*", text))


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        st.integers(1, high - low).map("*/{}".format),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(number, number, st.integers(1, 5)).map(lambda three: f"{three[0]}-{three[1]}/{three[2]}"),
    )


@settings(deadline=None, max_examples=60)
@given(st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6)))
def test_in_utc_both_fire_at_the_same_moments(texts: tuple[str, ...]) -> None:
    schedule = Schedule(Kind.CRON, cron=celery_cron.translated(texts))
    theirs = list(islice(celery_cron.moments(texts, UTC, NOON, NOON.replace(year=2040)), 20))
    moment = next_after(schedule, NOON - timedelta(seconds=1))
    for expected in theirs:
        assert moment == expected
        moment = next_after(schedule, expected)


@pytest.mark.parametrize(
    ("texts", "first", "expected"),
    [  # as beat of Celery 5.7.0 fired on these nights in Europe/Berlin
        ("30 2", "2026-03-28T22:00Z", "01:30"),
        ("30 2", "2026-10-24T22:00Z", "00:30"),
        ("*/30 2", "2026-03-28T22:00Z", "01:00"),
        ("*/30 2", "2026-10-24T22:00Z", "00:00 00:30"),
        ("0 *", "2026-03-28T22:30Z", "23:00 00:00 01:00 02:00 03:00 04:00"),
        ("0 *", "2026-10-24T22:30Z", "23:00 00:00 02:00 03:00 04:00"),
        ("0 */2", "2026-03-28T22:30Z", "23:00 01:00 02:00 04:00"),
        ("0 */2", "2026-10-24T22:30Z", "00:00 03:00"),
        ("15 3", "2026-03-28T22:00Z", "01:15"),
        ("15 3", "2026-10-24T22:00Z", "02:15"),
    ],
)
def test_when_clocks_change_it_fires_as_celery_does(texts: str, first: str, expected: str) -> None:
    begin = datetime.fromisoformat(first)
    made = celery_cron.moments(
        (*texts.split(), "*", "*", "*"), BERLIN, begin, begin + timedelta(hours=7) - timedelta(minutes=begin.minute)
    )
    assert " ".join(f"{moment:%H:%M}" for moment in made) == expected


def test_begun_in_an_hour_that_comes_twice_it_goes_on_in_the_second() -> None:
    begin = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    made = islice(celery_cron.moments(("*/20", "*", "*", "*", "*"), BERLIN, begin, begin + timedelta(hours=1)), 2)
    assert [f"{moment:%H:%M}" for moment in made] == ["01:20", "01:40"]


# The tables


@pytest.fixture
def tables(transactional_db: None) -> Iterator[None]:
    """Tables as django-celery-beat makes them, with a task of each kind."""
    rows = {"periodictask": TASK, **{f"{kind}schedule": row for kind, row in KINDS.items()}}
    try:
        for name, row in rows.items():
            make_table(f"django_celery_beat_{name}", row)
        for number, kind in enumerate(KINDS, 1):
            insert(
                "django_celery_beat_periodictask", {**TASK, "id": number, "name": kind, f"{kind}_id": KINDS[kind]["id"]}
            )
        yield
    finally:
        with connection.cursor() as cursor:
            for name in rows:
                cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(f'django_celery_beat_{name}')}")


def make_table(name: str, row: dict[str, Any]) -> None:
    kinds: dict[type, models.Field[Any, Any]] = {
        bool: models.BooleanField(),
        int: models.IntegerField(),
        str: models.CharField(max_length=200),
        datetime: models.DateTimeField(),
    }
    moments = {"expires", "start_time"}
    quote = connection.ops.quote_name
    columns = []
    for column, value in row.items():
        kind = datetime if column in moments else int if column.endswith(("_id", "seconds")) else type(value)
        columns.append(f"{quote(column)} {kinds.get(kind, kinds[str]).db_type(connection)}")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quote(name)} ({', '.join(columns)})")
    if not name.endswith("periodictask"):
        insert(name, row)


def insert(name: str, row: dict[str, Any]) -> None:
    quote = connection.ops.quote_name
    places = ", ".join(["%s"] * len(row))
    values = [
        connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
        for value in row.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(name)} ({', '.join(map(quote, row))}) VALUES ({places})", values)  # noqa: S608


@pytest.mark.usefixtures("tables")
def test_the_tables_are_read_as_each_database_keeps_them() -> None:
    told = {one.id: one.schedule or one.cannot for one in celery_beat.entries(rows_of("default"), NOON)}
    assert told == {
        "interval": {"interval": "10m", "start_at": "2026-03-02 11:53:00+00:00"},
        "crontab": {"cron": "30 2 * * *", "timezone": "Europe/Berlin"},
        "clocked": {"run_at": "2026-03-02 13:00:00+00:00"},
        "solar": "It goes by the sun (sunset at 52.5, 13.4), which no schedule here can say.",
    }


@pytest.mark.django_db
def test_without_the_tables_it_says_where_to_look() -> None:
    with pytest.raises(NoTable, match="SOURCE_DATABASE_URL"):
        list(celery_beat.entries(rows_of("default"), NOON))
