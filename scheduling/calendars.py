"""What the calendars of a job exclude, why, and what they leave of its schedule.

A calendar that cannot be read any more (its country, its zone or a crontab is not known on this host)
excludes nothing, as one that is gone; `manage.py check` tells of both.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from typing import Any, NamedTuple

from scheduling import places
from scheduling.clocks import ONE_DAY, on_clock, zone
from scheduling.exceptions import InvalidJob, InvalidTrigger
from scheduling.models import Calendar, Job, Window
from scheduling.triggers import TICK, Kind, Schedule, next_after

LOOKED_AT = 1000  # moments of a schedule, for one that is allowed
YEARS = 5  # of holidays ahead


class Off(NamedTuple):
    """A time in which nothing runs, up to but not including its end; and what it is called."""

    start: datetime
    end: datetime
    name: str
    all_day: bool = False


class Calendars:
    """Calendars and their windows as they were when loaded."""

    def __init__(self, calendars: Iterable[Calendar]) -> None:
        self._known = {calendar.pk: (calendar, list(calendar.windows.all())) for calendar in calendars}

    def excludes(self, ids: Sequence[str], moment: datetime) -> str:
        """What excludes `moment`, to be said after "Skipped: "; empty if nothing does."""
        found = self.found(ids, moment)
        return f"the calendar {found[0].name} has {_told(*found, moment)}" if found else ""

    def first_allowed(self, schedule: Schedule, ids: Sequence[str], after: datetime) -> datetime | None:
        """The first moment of `schedule` after that one which none of the calendars excludes.

        None if there is none, or none among the first that are worth looking at. Raises InvalidTrigger.
        """
        for _ in range(LOOKED_AT):
            moment = next_after(schedule, after)
            found = moment and self.found(ids, moment)
            if not found:
                return moment
            after = found[1].end - TICK
        return None

    def found(self, ids: Sequence[str], moment: datetime) -> tuple[Calendar, Off] | None:
        """The first of the calendars that excludes `moment`, and the time in which it does."""
        for calendar, windows in (self._known[each] for each in ids if each in self._known):
            try:
                off = _off(calendar, windows, moment)
            except InvalidTrigger:
                continue
            if off:
                return calendar, off
        return None


def load(ids: Iterable[str]) -> Calendars:
    """The calendars of these ids that there are: two queries, none without ids."""
    wanted = set(ids)
    return Calendars(Calendar.objects.filter(pk__in=wanted).prefetch_related("windows") if wanted else ())


def check(ids: Any) -> None:
    """Raise InvalidJob, naming those that there are, unless `ids` is a list of ids of calendars."""
    if not isinstance(ids, list | tuple) or not all(isinstance(each, str) for each in ids):
        raise InvalidJob('Calendars are given as a list of their ids, such as ["germany"].')
    if not ids:
        return
    known = sorted(Calendar.objects.values_list("pk", flat=True))
    unknown = next((each for each in ids if each not in known), None)
    if unknown is not None:
        told = f"choose from: {', '.join(known)}" if known else "none is made yet"
        raise InvalidJob(f"There is no calendar {unknown!r}; {told}.")


def usage() -> dict[str, list[Job]]:
    """The jobs that name each calendar, by its id, in one query."""
    found: dict[str, list[Job]] = defaultdict(list)
    for job in Job.objects.exclude(calendars=[]).only("id", "name", "calendars"):
        for each in dict.fromkeys(job.calendars):
            found[each].append(job)
    return dict(found)


def holidays_after(calendar: Calendar, moment: datetime) -> Iterator[Off]:
    """The holidays of the coming years that are not over at `moment`. Raises InvalidTrigger."""
    year = on_clock(moment, zone(calendar.timezone)).year
    for each in range(year, year + YEARS):
        for day, name in sorted(places.holidays_of(calendar.country, calendar.subdivision, each).items()):
            off = _day_off(calendar, day, name)
            if off.end > moment:
                yield off


def windows_after(windows: Iterable[Window], timezone: str, moment: datetime) -> Iterator[Off]:
    """Each time from `moment` on at which one of the windows is open, without an end. Raises InvalidTrigger."""
    return merge(*(_open_after(window, timezone, moment) for window in windows))


def _off(calendar: Calendar, windows: list[Window], moment: datetime) -> Off | None:
    """The holiday or the window that `moment` lies in."""
    today = on_clock(moment, zone(calendar.timezone)).date()
    holiday = places.holidays_of(calendar.country, calendar.subdivision, today.year).get(today)
    if holiday:
        return _day_off(calendar, today, holiday)
    upcoming = (next(_open_after(window, calendar.timezone, moment), None) for window in windows)
    return next((off for off in upcoming if off and off.start <= moment), None)


def _day_off(calendar: Calendar, day: date, name: str) -> Off:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone(calendar.timezone))
    return Off(midnight.astimezone(UTC), (midnight + ONE_DAY).astimezone(UTC), name, all_day=True)


def _open_after(window: Window, timezone: str, moment: datetime) -> Iterator[Off]:
    """Each time at which the window is open at `moment` or after it."""
    if window.start_at and window.end_at:
        if window.end_at > moment:
            yield Off(window.start_at, window.end_at, window.name)
        return
    schedule = Schedule(Kind.CRON, cron=window.cron, timezone=timezone)
    duration = window.duration or timedelta()
    start = next_after(schedule, moment - duration)
    while start:
        yield Off(start, start + duration, window.name)
        start = next_after(schedule, start)


def _told(calendar: Calendar, off: Off, moment: datetime) -> str:
    today, end = (on_clock(each, zone(calendar.timezone)) for each in (moment, off.end))
    if off.all_day:
        return f"{off.name} on {today.day} {today:%B %Y}"
    day = "" if end.date() == today.date() else f"{end.day} {end:%B %Y} "
    return f"{off.name} until {day}{end:%H:%M} {calendar.timezone}"
