"""When crontab text is due, found by a walk through every real minute or second: slow, plain, and no code of Rota's."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache

Walk = list[tuple[datetime, datetime]]  # moments in even steps, each with what a clock on the wall shows then


def oracle(text: str, walk: Walk, step: timedelta) -> list[datetime]:
    """What is due after the first step: a rhythm when the clock shows it, a time when the clock passes it."""
    *_, minute, hour, _, _, _ = text.split()
    names = named_by(text)
    if minute.startswith("*") or hour.startswith("*"):
        return [moment for moment, wall in walk[1:] if names(wall)]
    due, seen = [], walk[0][1]
    for moment, wall in walk[1:]:
        if (wall > seen and names(wall)) or (wall - seen > step and any(map(names, between(seen, wall, step)))):
            due.append(moment)
        seen = max(seen, wall)
    return due


def between(seen: datetime, wall: datetime, step: timedelta) -> list[datetime]:
    """What the clock leaps over."""
    return [seen + number * step for number in range(1, int((wall - seen) / step))]


@cache
def named_by(text: str) -> Callable[[datetime], bool]:
    """Whether crontab text names a wall."""
    second, minute, hour, day, month, weekday = text.split() if text.count(" ") == 5 else ["0", *text.split()]
    seconds, minutes, hours = values(second, 0, 59), values(minute, 0, 59), values(hour, 0, 23)
    days, months, weekdays = values(day, 1, 31), values(month, 1, 12), values(weekday, 0, 7)
    either = not day.startswith("*") and not weekday.startswith("*")

    @cache
    def on_day(on: date) -> bool:
        on_day, on_weekday = on.day in days, not weekdays.isdisjoint({on.isoweekday(), on.isoweekday() % 7})
        return on.month in months and (on_day or on_weekday if either else on_day and on_weekday)

    return lambda wall: wall.hour in hours and wall.minute in minutes and wall.second in seconds and on_day(wall.date())


def values(field: str, lowest: int, highest: int) -> set[int]:
    """The values that one field names."""
    found: set[int] = set()
    for term in field.split(","):
        body, _, step = term.partition("/")
        low, _, high = body.partition("-")
        if body == "*":
            low, high = str(lowest), str(highest)
        elif not high:
            high = str(highest) if step else low
        found.update(range(int(low), int(high) + 1, int(step or 1)))
    return found
