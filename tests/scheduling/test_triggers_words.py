"""Schedules told to people."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduling.triggers import Kind, Schedule, check, describe

MOMENT = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 2 * * *", "At 02:00, every day"),
        ("@daily", "At 00:00, every day"),
        ("30 9,17 * * *", "At 09:30 and 17:30, every day"),
        ("15 30 7 * * *", "At 07:30:15, every day"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("@hourly", "Every hour"),
        ("* * * * * *", "Every second"),
        ("0 2 * * sun", "At 02:00, only on Sunday"),
        ("0 2 * * fri-sun", "At 02:00, Friday through Sunday"),
        ("0 0 1 * 1", "At 00:00, on day 1 of the month, or on Monday"),
        ("0 0 */2 * 1", "At 00:00, every 2 days, and only on Monday"),
        ("0 0 1 * 1-5", "At 00:00, on day 1 of the month, or Monday through Friday"),
        ("0 0 L * 5L", "At 00:00, on the last day of the month, or on the last Friday of the month"),
        ("0 0 1 1 *", "At 00:00, only in January, on day 1 of the month"),
        ("0 0 * * */2", "At 00:00, only on Tuesday, Thursday, Saturday, and Sunday"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        ("0 0 1,L * *", "At 00:00, on day 1 of the month and on the last day of the month"),
        ("0 0 * * 5L", "At 00:00, on the last Friday of the month"),
        (
            "0 0 * * 1#1,1#3",
            "At 00:00, on the first Monday of the month and on the third Monday of the month",
        ),
        ("hour=7 minute=30 week=*/2 day_of_week=0", "At 07:30, every 2 weeks, only on Monday"),
        ("day=13 day_of_week=fri", "At 00:00, on day 13 of the month, only on Friday"),
        ("day=2nd fri,last", "At 00:00, on the 2nd Friday, last day of the month"),
        ("year=2027", "At 00:00, in 2027, only in January, on day 1 of the month"),
        ("week=1-10 hour=4", "At 04:00, in week 1 to 10"),
    ],
)
def test_a_cron_in_words(text: str, said: str) -> None:
    schedule = Schedule(Kind.CRON, cron=text)
    check(schedule)
    assert describe(schedule) == said
    assert describe(Schedule(Kind.CRON, cron=text, timezone="Europe/Berlin")) == f"{said} (Europe/Berlin)"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ({"minutes": 15}, "Every 15 minutes"),
        ({"hours": 1}, "Every hour"),
        ({"days": 1}, "Every 24 hours"),
        ({"days": 14}, "Every 14 days"),
        ({"minutes": 90}, "Every 1 hour and 30 minutes"),
        ({"seconds": 1}, "Every second"),
        ({"seconds": 2.5}, "Every 2.5 seconds"),
    ],
)
def test_an_interval_in_words(span: dict[str, Any], said: str) -> None:
    assert describe(Schedule(Kind.INTERVAL, interval=timedelta(**span), timezone="Europe/Berlin")) == said


def test_moments_are_told_on_the_clock_of_the_schedule() -> None:
    assert describe(Schedule(Kind.DATE, run_at=MOMENT)) == "Once, on 3 May 2026 at 10:00 UTC"
    there = Schedule(Kind.DATE, run_at=MOMENT + timedelta(seconds=5), timezone="Europe/Berlin")
    assert describe(there) == "Once, on 3 May 2026 at 12:00:05 (Europe/Berlin)"


def test_start_and_end_are_mentioned() -> None:
    window: dict[str, Any] = {"start_at": MOMENT, "end_at": MOMENT + timedelta(days=30)}
    nightly = Schedule(Kind.CRON, cron="0 2 * * *", timezone="Europe/Berlin", **window)
    assert describe(nightly) == (
        "At 02:00, every day, from 3 May 2026 at 12:00, until 2 June 2026 at 12:00 (Europe/Berlin)"
    )
    hourly = Schedule(Kind.INTERVAL, interval=timedelta(hours=1), **window)
    assert describe(hourly) == "Every hour, from 3 May 2026 at 10:00 UTC, until 2 June 2026 at 10:00 UTC"


def test_a_manual_schedule_in_words() -> None:
    assert describe(Schedule(Kind.MANUAL)) == "Only when asked"
