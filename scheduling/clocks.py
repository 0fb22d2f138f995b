"""How the clock on a wall somewhere runs through a year: local in, UTC out.

A *wall* is what such a clock shows, a naive datetime; a *moment* is aware UTC. When clocks go forward some
walls are skipped, when they go back some come twice. Everything here goes by whole seconds.
"""

import difflib
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from scheduling.exceptions import InvalidTrigger

SECOND = timedelta(seconds=1)
ONE_DAY = timedelta(days=1)


class Stretch(NamedTuple):
    """Time in which the clocks do not change, with its walls: from `start` up to but not including `end`."""

    offset: timedelta
    skipped: datetime  # the walls from here to `start` do not exist; `start` makes up for them
    start: datetime
    end: datetime

    def moment(self, wall: datetime) -> datetime:
        """The moment at which the clock shows `wall`."""
        return wall.replace(tzinfo=UTC) - self.offset


def stretches(name: str, first: datetime, until: datetime, once: bool) -> Iterator[Stretch]:
    """The stretches from `first` up to but not including `until`, for the zone of this name.

    With `once` each wall has one moment: if it comes twice the first, if it is skipped the one after the gap.
    """
    place = zone(name)
    begin = first - 2 * ONE_DAY  # a change just before `first` still bears on it
    while begin < until:
        change = next(end for end in _boundaries(place, begin.year) if end > begin)
        offset, former = _offset(place, begin), _offset(place, begin - SECOND)
        wall = begin.replace(tzinfo=None)
        start = wall + (max(offset, former) if once else offset)
        start = max(start, first.replace(tzinfo=None) + offset)
        makes_up = once and former < offset and begin >= first
        end = min(change, until).replace(tzinfo=None) + offset
        yield Stretch(offset, wall + former if makes_up else start, start, end)
        begin = change


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of this name. Raises InvalidTrigger, with the names that may have been meant."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = {key.lower(): key for key in sorted(zoneinfo.available_timezones())}
        wanted = name.strip().lower().replace(" ", "_")
        near = [key for key in known if wanted and wanted in key][:3]
        near += difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
        meant = " or ".join(dict.fromkeys(known[key] for key in near[:3])) or "a name such as Europe/Berlin"
        raise InvalidTrigger(f"{name!r} is no known time zone; write {meant}.", field="timezone") from None


def on_clock(moment: datetime, place: tzinfo) -> datetime:
    """The same moment on the clock of `place`; as it is where the calendar there has no such day."""
    try:
        return moment.astimezone(place)
    except OverflowError:  # in the first or the last hours of the years 1 to 9999
        return moment


def _offset(place: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(place).utcoffset() or timedelta()


@lru_cache(maxsize=8192)
def _boundaries(place: tzinfo, year: int) -> tuple[datetime, ...]:
    """The moments of this year (in UTC) at which the clocks change, and the end of the year."""
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    changes = []
    while day < end:
        if _offset(place, day) != _offset(place, day + ONE_DAY):
            changes.append(_change(place, day, day + ONE_DAY))
        day += ONE_DAY
    return (*changes, end)


def _change(place: tzinfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset of `before` ends."""
    old = _offset(place, before)
    while after - before > SECOND:
        middle = before + (after - before) // SECOND // 2 * SECOND
        before, after = (middle, after) if _offset(place, middle) == old else (before, middle)
    return after
