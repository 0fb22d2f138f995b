"""Jobs of django-apscheduler, as its real job store keeps them, become jobs of ours that fire at the same moments."""

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest
import pytz  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJob

from scheduling.transfer.sources import apscheduler
from scheduling.transfer.sources.found import Found
from scheduling.transfer.sources.tables import rows_of
from scheduling.transfer.takeover import offer
from tests.factories import ECHO, NOON

pytestmark = pytest.mark.django_db
FUNC = "tests.workload.tasks:echo"


def plain_function(*args: Any, **kwargs: Any) -> None:
    """No task."""


def store(
    trigger: BaseTrigger, func: Any = plain_function, protocol: int = pickle.HIGHEST_PROTOCOL, **options: Any
) -> None:
    """A row as a running BackgroundScheduler with a DjangoJobStore leaves it."""
    scheduler = BackgroundScheduler(timezone="Europe/Berlin")
    rows = DjangoJobStore(pickle_protocol=protocol)
    scheduler._jobstores["default"] = rows
    job = scheduler.add_job(func, trigger, **{"id": "job", **options})
    scheduler._real_add_job(job, "default", False)


def found() -> Found:
    (one,) = apscheduler.entries(rows_of("default"), NOON)
    return one


def first_moments(one: Found, count: int = 5) -> list[datetime]:
    assert one.moments is not None
    return list(islice(one.moments(NOON, NOON + timedelta(days=3000)), count))


def stock_moments(trigger: BaseTrigger, count: int = 5) -> Iterator[datetime]:
    moment = trigger.get_next_fire_time(None, NOON)
    for _ in range(count):
        if moment is None:
            return
        yield moment.astimezone(UTC)
        moment = trigger.get_next_fire_time(moment, moment)


@pytest.mark.parametrize(
    ("trigger", "schedule"),
    [
        (CronTrigger(hour=2, timezone="Europe/Berlin"), {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}),
        (CronTrigger(hour=2, timezone=pytz.timezone("Asia/Tokyo")), {"cron": "0 2 * * *", "timezone": "Asia/Tokyo"}),
        (CronTrigger(minute="*/5", timezone=pytz.utc), {"cron": "*/5 * * * *"}),
        (CronTrigger(minute="*/5", timezone=UTC), {"cron": "*/5 * * * *"}),
        (CronTrigger(day="2nd fri,last sun", timezone="UTC"), {"cron": "0 0 * * 5#2,0L"}),
        (CronTrigger(day="last", hour="1-5/2", timezone="UTC"), {"cron": "0 1-5/2 L * *"}),
        (CronTrigger(month="jan-mar,7", day_of_week="mon-fri", timezone="UTC"), {"cron": "0 0 * jan-mar,7 1-5"}),
        (
            CronTrigger(week="*/2", day_of_week="sun", hour=7, minute=0, second=30, timezone="UTC"),
            {"cron": "week=*/2 day_of_week=sun hour=7 minute=0 second=30"},
        ),
        (
            CronTrigger(hour=2, timezone="UTC", end_date=datetime(2026, 5, 1, 12, 30, 15, 250, tzinfo=UTC)),
            {"cron": "0 2 * * *", "end_at": "2026-05-01 12:30:15.000250+00:00"},
        ),
        (
            IntervalTrigger(minutes=90, start_date="2026-03-01 00:00:00", timezone="Europe/Berlin"),
            {"interval": "1h30m", "timezone": "Europe/Berlin", "start_at": "2026-03-01 00:00:00+01:00"},
        ),
        (
            DateTrigger("2026-10-25 02:30:00", "Europe/Berlin"),
            {"run_at": "2026-10-25 02:30:00+02:00", "timezone": "Europe/Berlin"},
        ),
        (DateTrigger(datetime.fromisoformat("2026-05-01T10:00:00+02:00")), {"run_at": "2026-05-01 08:00:00+00:00"}),
    ],
)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_each_kind_of_trigger_comes_out_of_its_row(trigger: BaseTrigger, schedule: Any, protocol: int) -> None:
    store(trigger, protocol=protocol)
    one = found()
    assert one.cannot == ""
    assert one.schedule == schedule
    assert first_moments(one) == list(stock_moments(trigger))
    assert (one.id, one.calls) == ("job", f"{__name__}:plain_function")


def test_what_a_job_is_besides_its_trigger_comes_along() -> None:
    trigger = CronTrigger(hour=2, timezone="UTC", jitter=30)
    options: dict[str, Any] = {
        "max_instances": 3,
        "coalesce": False,
        "misfire_grace_time": 3600,
        "name": "Nightly",
        "executor": "light",
    }
    store(trigger, args=[1, ("a", None)], kwargs={"deep": {"x": [1.5]}}, **options)
    one = found()
    assert one.arguments == {"*": [1, ["a", None]], "deep": {"x": [1.5]}}
    assert one.name == "Nightly"
    assert one.policies == {
        "queue": "light",
        "jitter": 30,
        "max_instances": 3,
        "coalesce": False,
        "misfire_grace_time": 3600,
    }
    assert first_moments(one)[0] == NOON.replace(day=3, hour=2)  # without the jitter


def test_without_a_grace_of_its_own_a_job_has_the_grace_of_this_place() -> None:
    store(CronTrigger(hour=2, timezone="UTC"))
    one = found()
    assert (one.name, one.said) == ("", "hour=2 minute=0 second=0")
    assert one.policies["misfire_grace_time"] is None
    assert "APScheduler's own second" in one.notes[0]


def test_a_paused_job_stays_paused_and_a_spent_one_is_over() -> None:
    store(CronTrigger(hour=2, timezone="UTC"), id="paused")
    store(DateTrigger("2026-03-01 00:00:00", "UTC"), id="spent")
    DjangoJob.objects.filter(pk="paused").update(next_run_time=None)
    told = {one.id: (one.stopped, one.over) for one in apscheduler.entries(rows_of("default"), NOON)}
    assert told == {
        "paused": ("It is paused in django-apscheduler.", ""),
        "spent": ("", "Its one moment has passed."),
    }


@pytest.mark.parametrize(
    ("trigger", "options", "message"),
    [
        (AndTrigger([CronTrigger(hour=2)]), {}, "A AndTrigger cannot be said as"),
        (CalendarIntervalTrigger(months=1), {}, "A CalendarIntervalTrigger cannot be said as"),
        (CronTrigger(hour=2, timezone=timezone(timedelta(minutes=90))), {}, "its time zone has no name"),
        (CronTrigger(hour=2), {"args": [{1, 2}]}, "It uses EMPTY_SET"),
        (CronTrigger(hour=2), {"args": [datetime(2026, 1, 1, tzinfo=UTC)]}, "hold a datetime.datetime, which JSON"),
        (CronTrigger(hour=2), {"args": [b"raw"]}, "hold a bytes, which JSON"),
        (CronTrigger(hour=2), {"kwargs": {"x": {1: 2}}}, "hold a dict, which JSON"),
    ],
)
def test_what_cannot_be_translated_says_why(trigger: BaseTrigger, options: Any, message: str) -> None:
    store(trigger, **options)
    assert message in found().cannot


def test_a_row_that_is_no_job_says_so_and_the_others_are_read() -> None:
    DjangoJob.objects.create(id="broken", job_state=b"\x80\x05")
    DjangoJob.objects.create(id="other", job_state=pickle.dumps([1]))
    store(CronTrigger(hour=2))
    told = {one.id: one.cannot for one in apscheduler.entries(rows_of("default"), NOON)}
    assert told == {
        "broken": "It is damaged.",
        "other": "Its state is not that of a job of APScheduler 3.",
        "job": "",
    }


def test_a_function_that_is_a_registered_task_is_found_by_its_reference() -> None:
    store(CronTrigger(hour=2, timezone="UTC"), id="known job", name="Nightly")
    state = pickle.loads(bytes(DjangoJob.objects.get().job_state))  # noqa: S301  # made above
    DjangoJob.objects.update(job_state=pickle.dumps({**state, "func": FUNC}))
    made = offer(apscheduler.entries(rows_of("default"), NOON), [])
    (draft,) = made.drafted
    assert draft.job == {
        "id": "known-job",
        "name": "Nightly",
        "task": ECHO,
        "schedule": {"cron": "0 2 * * *"},
    }


def test_an_unknown_function_is_left_with_what_may_have_been_meant() -> None:
    store(CronTrigger(hour=2, timezone="UTC"))
    (left,) = offer(apscheduler.entries(rows_of("default"), NOON), []).left
    assert left.unmapped
    assert "No task 'tests.scheduling.transfer.test_apscheduler.plain_function' is registered here." in left.reason
