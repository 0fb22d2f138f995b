"""The moments of a crontab text on the clock of a zone, through every change of that clock."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

from scheduling import crontab
from scheduling.clocks import ONE_DAY, SECOND, Stretch, stretches, zone

COUNTED = timedelta(days=50 * 365)  # as far back as moments are counted one by one


def after(text: str, timezone: str, moment: datetime) -> datetime | None:
    """The first one strictly after `moment`, which is UTC; None if there is none in sight. Raises InvalidTrigger.

    Asked by the minute, so that the answer is remembered for all of its moments.
    """
    found = _after(text, timezone, moment.replace(second=0, microsecond=0))
    if found and found <= moment:
        found = _after(text, timezone, moment.replace(microsecond=0))
    return found


def between(text: str, timezone: str, first: datetime, until: datetime, limit: int) -> tuple[list[datetime], int]:
    """The latest `limit` ones from `first` to `until` (both UTC and included), in order; and the count of all.

    Those more than fifty years before `until` are estimated, from the rate of those fifty. Raises InvalidTrigger.
    """
    expression = crontab.read(text)
    counted = max(first, until - COUNTED)
    begin, end = (counted + SECOND - datetime.resolution).replace(microsecond=0), until.replace(microsecond=0) + SECOND
    latest: list[datetime] = []
    total = 0
    for stretch in reversed(list(stretches(timezone, begin, end, once=expression.fixed))):
        days = list(expression.within(stretch.start, stretch.end))
        total += sum(len(places) for _, places in days)
        walls = (expression.at(day, place) for day, places in reversed(days) for place in reversed(places))
        latest += map(stretch.moment, islice(walls, limit - len(latest)))
        if _makes_up(expression, stretch):
            total += 1
            latest += [stretch.moment(stretch.start)][: limit - len(latest)]
    if counted > first:
        total = round(total * ((until - first) / COUNTED))
    return latest[::-1], total


@lru_cache(maxsize=16_384)
def _after(text: str, timezone: str, moment: datetime) -> datetime | None:
    expression = crontab.read(text)
    local = moment.astimezone(zone(timezone)).date()
    day = next(expression.days(local - ONE_DAY, local + crontab.HORIZON), None)
    if day is None:
        return None
    first = max(moment + SECOND, datetime(day.year, day.month, day.day, tzinfo=UTC) - 2 * ONE_DAY)
    for stretch in stretches(timezone, first, first + crontab.HORIZON, once=expression.fixed):
        if _makes_up(expression, stretch):
            return stretch.moment(stretch.start)
        for fit, places in expression.within(stretch.start, stretch.end):
            return stretch.moment(expression.at(fit, places[0]))
    return None


def _makes_up(expression: crontab.Expression, stretch: Stretch) -> bool:
    """Whether `stretch` begins with a run in place of skipped walls, and not with one of its own."""
    lost = next(expression.within(stretch.skipped, stretch.start), None)
    return lost is not None and next(expression.within(stretch.start, stretch.start + SECOND), None) is None
