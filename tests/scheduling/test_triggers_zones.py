"""Every change of clocks in every zone from 2020 to 2035: schedules against a walk through each real minute.

Of the expressions that could go wrong at a change some are chosen for each, by its date, and zones whose
clocks change alike share the work. With EVERY_EXPRESSION=1 each zone name meets each expression.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scheduling.models import Execution, Job
from scheduling.planning import plan
from scheduling.triggers import Kind, Schedule, moments_between, next_after, preview
from tests.scheduling.oracle import Walk, oracle

pytestmark = pytest.mark.xdist_group("zones")  # in one process, so that the zones are searched once

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
FIRST, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
EVERYTHING = bool(os.environ.get("EVERY_EXPRESSION"))
NEAR = 4 * HOUR  # about a change, where moments are also asked for one by one
STRIDE = DAY if EVERYTHING else 7 * DAY  # within which no clock changes twice
CHOSEN = 3  # expressions for each change, unless it is everything


class Change(NamedTuple):
    """A change of clocks: until `moment` they are `before` ahead of UTC, from then on `after`."""

    moment: datetime
    before: timedelta
    after: timedelta

    @property
    def affected(self) -> datetime:
        """A wall amid those that are skipped or come twice."""
        return self.moment.replace(tzinfo=None) + (self.before + self.after) / 2

    def walk(self, step: timedelta, around: timedelta) -> Walk:
        """Each step about the change, from before it as long as after it."""
        steps, middle = int(around / step), self.moment.replace(tzinfo=None)
        early = [(self.moment + step * n, middle + step * n + self.before) for n in range(-steps, 0)]
        return early + [(self.moment + step * n, middle + step * n + self.after) for n in range(steps + 1)]


@cache
def changes() -> dict[tuple[Change, ...], list[str]]:
    """The zones by the changes of their clocks; those without any are left out."""
    found = defaultdict(list)
    for name in sorted(available_timezones()):
        found[tuple(changes_of(ZoneInfo(name)))].append(name)
    found.pop((), None)
    return found


def changes_of(zone: ZoneInfo) -> Iterator[Change]:
    day, before = FIRST, FIRST.astimezone(zone).utcoffset()
    while day < UNTIL:
        day += STRIDE
        after = day.astimezone(zone).utcoffset()
        if before != after:
            yield change_between(zone, day - STRIDE, day)
        before = after


def change_between(zone: ZoneInfo, early: datetime, late: datetime) -> Change:
    before, after = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (early, late))
    while late - early > SECOND:
        middle = early + (late - early) // (2 * SECOND) * SECOND
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return Change(late, before, after)


def cases() -> Iterator[tuple[str, Change, int]]:
    """A zone, a change of its clocks, and a number for the choice of expressions."""
    for found, names in changes().items():
        for number, change in enumerate(found):
            for name in names if EVERYTHING else names[number % len(names) :][:1]:
                yield name, change, number + len(found) * len(name)


def expressions(change: Change) -> list[str]:
    """Crontab texts that a wrong rule would show with."""
    wall = change.affected
    minute, hour, after, before = wall.minute, wall.hour, (wall.hour + 1) % 24, (wall.hour - 1) % 24
    begin, end = sorted(change.moment.replace(tzinfo=None) + offset for offset in (change.before, change.after))
    last, weekday = begin - MINUTE, wall.isoweekday() % 7
    low, high = sorted((hour, after))
    return [
        f"{minute} {hour} * * *",
        f"{begin.minute} {begin.hour} * * *",
        f"{end.minute} {end.hour} * * *",
        f"{last.minute} {last.hour} * * *",
        f"0,20,40 {hour} * * *",
        f"{minute} {before},{hour},{after} * * *",
        f"0-59/7 {low}-{high} * * *",
        "0 0 * * *",
        "59 23 * * *",
        f"{minute} {hour} {wall.day} {wall.month} *",
        f"{minute} {hour} * * {weekday}",
        f"{minute} {hour} {wall.day} * {(weekday + 1) % 7}",
        f"{minute} {hour} */2 * {weekday}",
        "*/5 * * * *",
        "*/7 * * * *",
        f"*/15 {hour} * * *",
        f"{minute} */2 * * *",
        f"* {before},{hour} * * *",
        f"*/30 {low}-{high} * * {weekday}",
    ]


def expressions_with_seconds(change: Change) -> list[str]:
    wall = change.affected
    return [
        f"30 {wall.minute} {wall.hour} * * *",
        f"15,45 {wall.minute} {wall.hour},{(wall.hour + 1) % 24} * * *",
        f"*/20 {wall.minute} {wall.hour} * * *",
        f"10 */5 {wall.hour} * * *",
        "59 59 * * * *",
    ]


def chosen(texts: list[str], number: int, count: int) -> list[str]:
    """`count` of the texts, others for each number; all of them where all are asked for."""
    return texts if EVERYTHING else [texts[(number * count + step) % len(texts)] for step in range(count)]


def cron(text: str, timezone: str) -> Schedule:
    return Schedule(Kind.CRON, cron=text, timezone=timezone)


def one_by_one(schedule: Schedule, first: datetime, until: datetime) -> list[datetime]:
    found, moment = [], next_after(schedule, first - TICK)
    while moment and moment <= until:
        found.append(moment)
        moment = next_after(schedule, moment)
    return found


def difference(name: str, text: str, change: Change, walk: Walk, step: timedelta) -> str:
    """How the schedule differs from what the walk finds; empty where it does not."""
    first, until = walk[0][0] + abs(change.after - change.before) + step, walk[-1][0]
    expected = [moment for moment in oracle(text, walk, step) if moment >= first]
    schedule = cron(text, name)
    found, count = moments_between(schedule, first, until, len(walk))
    if found != expected or count != len(expected):
        return f"{name} {change.moment} {text!r}: {set(found) ^ set(expected)} (moments_between)"
    first, until = max(first, change.moment - NEAR), min(until, change.moment + NEAR)
    near = [moment for moment in expected if first <= moment <= until]
    if (walked := one_by_one(schedule, first, until)) != near:
        return f"{name} {change.moment} {text!r}: {set(walked) ^ set(near)} (next_after)"
    return ""


def test_the_changes_are_those_that_the_zones_know() -> None:
    known = changes()
    assert sum(len(found) * len(names) for found, names in known.items()) > 6000
    assert [names for names in known.values() if "Europe/Berlin" in names and "Europe/Paris" in names]
    for name in ("Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "America/Santiago", "Asia/Gaza"):
        assert [names for names in known.values() if name in names]


def test_each_change_of_clocks_is_as_the_walk_finds_it() -> None:
    found = []
    for name, change, number in cases():
        walk = change.walk(MINUTE, 27 * HOUR)
        for text in chosen(expressions(change), number, CHOSEN):
            found.append(difference(name, text, change, walk, MINUTE))
    assert len(found) > 3000
    assert [each for each in found if each] == []


def test_each_change_of_clocks_is_right_to_the_second() -> None:
    found = []
    for name, change, number in cases():
        if EVERYTHING or number % 5 == 0:
            walk = change.walk(SECOND, abs(change.after - change.before) + 75 * MINUTE)
            for text in chosen(expressions_with_seconds(change), number // 5, 1):
                found.append(difference(name, text, change, walk, SECOND))
    assert len(found) > 200
    assert [each for each in found if each] == []


def test_previews_equal_firings() -> None:
    found = []
    for name, change, number in cases():
        for text in chosen(expressions(change), number, 2):
            for begin, end in ((None, None), (change.moment - HOUR, change.moment + 30 * HOUR)):
                job = Job(
                    id="job",
                    task="any",
                    trigger="cron",
                    cron=text,
                    timezone=name,
                    start_at=begin,
                    end_at=end,
                    coalesce=False,
                    misfire_grace_time=None,
                )
                now = change.moment - 26 * HOUR
                shown = preview(job.schedule, 12, now)
                fired = firings(job, now, 12, late=(timedelta(), 95 * MINUTE)[number % 2])
                if shown != fired[: len(shown)]:
                    found.append(f"{name} {change.moment} {text!r} from {begin}: {shown} {fired}")
    assert found == []


def firings(job: Job, now: datetime, count: int, late: timedelta) -> list[datetime]:
    """The moments of the rows that the engine makes for `job`, which it looks at `late` after each due moment."""
    rows: list[Execution] = []
    job.next_run_time = job.next_after(now)
    while job.next_run_time and len(rows) < count:
        step = plan(job, job.next_run_time + late)
        rows += step.rows
        job.next_run_time = step.next_run_time
    return [row.scheduled_for for row in rows if row.scheduled_for]
