"""When: schedules to moments, and to words for people.

A local time that does not exist (clocks go forward) runs at the first moment after the gap, one that
comes twice runs once; a rhythm, such as `*/5 * * * *`, goes by real time through both, as in Debian's cron.
"""

import enum
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import psutil
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.util import convert_to_datetime

from scheduling import cron_moments, crontab
from scheduling.clocks import ONE_DAY, SECOND, on_clock, zone
from scheduling.exceptions import InvalidTrigger

TICK = timedelta(microseconds=1)
SHORTEST, LONGEST = SECOND, timedelta(days=36_525)  # of an interval
FIRST_YEAR, LAST_YEAR = 1971, 9000  # a calendar ends in 9999, and a clock elsewhere is a day ahead
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAWN = datetime(2000, 1, 1, tzinfo=UTC)


class Kind(enum.StrEnum):
    """What a schedule goes by."""

    CRON = "cron"
    INTERVAL = "interval"
    DATE = "date"
    MANUAL = "manual"


WINDOW = ("start_date", "end_date", "jitter")
KEYWORDS = {  # what APScheduler's triggers take, and our own `crontab` and `manual`
    Kind.CRON: (*CronTrigger.FIELD_NAMES, "crontab", *WINDOW),
    Kind.INTERVAL: ("weeks", "days", "hours", "minutes", "seconds", *WINDOW),
    Kind.DATE: ("run_date",),
    Kind.MANUAL: (),
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is due: a plain value, made from the columns of a row or from code."""

    kind: Kind
    cron: str = ""  # crontab text or APScheduler's keyword form
    interval: timedelta | None = None
    run_at: datetime | None = None
    timezone: str = "UTC"  # whose clock a cron goes by, and in which moments are told
    start_at: datetime | None = None  # no moment before it; an interval begins with it
    end_at: datetime | None = None  # no moment after it
    anchor: datetime | None = None  # of an interval without start_at: first due one interval later


class ScheduleTrigger(BaseTrigger):
    """A schedule, and the jitter of its runs, as APScheduler knows triggers."""

    __slots__ = ("jitter", "schedule")

    def __init__(self, schedule: Schedule, jitter: timedelta | None = None) -> None:
        self.schedule = schedule
        self.jitter = jitter

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The moment after the previous one, whatever `now` is; without one, the first from `now` on.

        A date that never ran is still due when it has passed, as with APScheduler's own trigger.
        """
        if previous_fire_time:
            return next_after(self.schedule, previous_fire_time)
        begin = _run_at(self.schedule) if self.schedule.kind is Kind.DATE else now
        return next_after(self.schedule, begin - TICK)

    def __str__(self) -> str:
        return describe(self.schedule)


def check(schedule: Schedule) -> None:
    """Raise InvalidTrigger, with what to do and the field to mend, unless the schedule names a moment."""
    zone(schedule.timezone)
    for field in ("run_at", "start_at", "end_at", "anchor"):
        _check_moment(getattr(schedule, field), field)
    if schedule.kind is Kind.MANUAL:
        return
    if schedule.start_at and schedule.end_at and schedule.end_at < schedule.start_at:
        raise InvalidTrigger("The end lies before the start; move one of them.", field="end_at")
    if schedule.kind is Kind.CRON and cron_moments.after(schedule.cron, schedule.timezone, DAWN) is None:
        raise InvalidTrigger(f"{schedule.cron!r} never matches in {schedule.timezone}.")
    once = schedule.kind is Kind.DATE
    begin = _run_at(schedule) if once else schedule.start_at or DAWN
    if next_after(schedule, begin - TICK) is None:
        field = "run_at" if once else "end_at" if schedule.end_at else "start_at"
        raise InvalidTrigger("No run falls between the start and the end; widen them.", field=field)


def next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    """The first run strictly after `moment`, in UTC; None when spent, manual or after LAST_YEAR.

    Raises InvalidTrigger.
    """
    moment = moment.astimezone(UTC)
    if schedule.start_at and schedule.start_at > moment:
        moment = schedule.start_at.astimezone(UTC) - TICK
    if moment.year > LAST_YEAR:
        return None
    found: datetime | None = None
    match schedule.kind:
        case Kind.CRON:
            found = cron_moments.after(schedule.cron, schedule.timezone, moment)
        case Kind.INTERVAL:
            origin, interval, begin = _grid(schedule)
            found = origin + max(begin, (moment - origin) // interval + 1) * interval
        case Kind.DATE:
            run_at = _run_at(schedule)
            found = run_at if run_at > moment else None
    if found and (found.year > LAST_YEAR or (schedule.end_at and found > schedule.end_at)):
        return None
    return found


def preview(schedule: Schedule, n: int, now: datetime) -> list[datetime]:
    """The next `n` moments after `now`, fewer when the schedule ends. Raises InvalidTrigger."""
    moments: list[datetime] = []
    upcoming = next_after(schedule, now)
    while upcoming and len(moments) < n:
        moments.append(upcoming)
        upcoming = next_after(schedule, upcoming)
    return moments


def moments_between(schedule: Schedule, first: datetime, until: datetime, limit: int) -> tuple[list[datetime], int]:
    """The latest `limit` moments from `first` to `until` (both included), in order; and the count of all.

    The count is exact, and costs no more for a long gap than for a short one; only the moments of a cron
    more than fifty years before `until` are estimated, from the rate of those fifty. Raises InvalidTrigger.
    """
    first = max(first, schedule.start_at or first).astimezone(UTC)
    until = min(until, schedule.end_at or until).astimezone(UTC)
    match schedule.kind:
        case Kind.CRON:
            return cron_moments.between(schedule.cron, schedule.timezone, first, until, limit)
        case Kind.INTERVAL:
            origin, interval, begin = _grid(schedule)
            numbers = range(max(begin, -((origin - first) // interval)), (until - origin) // interval + 1)
            latest = numbers[max(0, len(numbers) - limit) :]
            return [origin + number * interval for number in latest], len(numbers)
        case _:
            upcoming = next_after(schedule, first - TICK)
            moments = [upcoming] if upcoming and upcoming <= until else []
            return moments[:limit], len(moments)


def describe(schedule: Schedule) -> str:
    """The schedule for people: "At 02:00, every day (Europe/Berlin)". Raises InvalidTrigger."""
    window = []
    if schedule.start_at:
        window.append(f"from {_told(schedule.start_at, schedule.timezone)}")
    if schedule.end_at:
        window.append(f"until {_told(schedule.end_at, schedule.timezone)}")
    match schedule.kind:
        case Kind.CRON:
            said = crontab.words(schedule.cron)
        case Kind.INTERVAL:
            said = f"Every {_told_span(_grid(schedule)[1])}"
        case Kind.DATE:
            said = f"Once, on {_told(_run_at(schedule), schedule.timezone)}"
        case Kind.MANUAL:
            return "Only when asked"
    local = schedule.timezone != "UTC" and (window or schedule.kind is not Kind.INTERVAL)
    return ", ".join([said, *window]) + (f" ({schedule.timezone})" if local else "")


def shown_in(schedule: Schedule, moment: datetime) -> datetime:
    """The same moment on the clock that the schedule goes by. Raises InvalidTrigger."""
    return on_clock(moment, zone(schedule.timezone))


def trigger_of(schedule: Schedule, jitter: timedelta | None = None) -> BaseTrigger:
    """The schedule for APScheduler; it asks `next_after`, as everything does."""
    return ScheduleTrigger(schedule, jitter)


def schedule_of(trigger: BaseTrigger | str, timezone: str, **keywords: Any) -> tuple[Schedule, timedelta | None]:
    """What APScheduler's trigger means, and its jitter. `timezone` is for what names none itself.

    `trigger` is cron, interval, date or manual with APScheduler's keywords (cron also takes `crontab`, a
    text), or a trigger object. What crontab text can say exactly becomes crontab text. Raises InvalidTrigger.
    """
    if isinstance(trigger, str):
        schedule, jitter = _from_keywords(trigger, timezone, keywords)
    elif keywords:
        raise InvalidTrigger("Keywords go with the name of a trigger, not with a trigger object.")
    else:
        schedule, jitter = _from_object(trigger, timezone)
    check(schedule)
    return schedule, timedelta(seconds=jitter) if jitter else None


def _check_moment(moment: datetime | None, field: str) -> None:
    if moment is None:
        return
    if moment.utcoffset() is None:
        raise InvalidTrigger("The moment has no time zone; give an aware datetime.", field=field)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        forever = "; for a schedule without an end leave it empty" if field == "end_at" else ""
        message = f"The year {moment.year} is out of reach: write one from {FIRST_YEAR} to {LAST_YEAR}{forever}."
        raise InvalidTrigger(message, field=field)


# Intervals and dates


def _grid(schedule: Schedule) -> tuple[datetime, timedelta, int]:
    """Origin, interval, and the number of the first moment: origin + number * interval."""
    interval = schedule.interval
    if interval is None or not SHORTEST <= interval <= LONGEST:
        raise InvalidTrigger("The interval must be between a second and a hundred years.", field="interval")
    if schedule.start_at:
        return schedule.start_at.astimezone(UTC), interval, 0
    return (schedule.anchor or EPOCH).astimezone(UTC), interval, 1


def _run_at(schedule: Schedule) -> datetime:
    if schedule.run_at is None:
        raise InvalidTrigger("Give the moment of the run.", field="run_at")
    return schedule.run_at.astimezone(UTC)


# Words


def _told(moment: datetime, timezone: str) -> str:
    local = on_clock(moment, zone(timezone))
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{local.day} {local:%B %Y} at {clock}" + (" UTC" if timezone == "UTC" else "")


def _told_span(span: timedelta) -> str:
    if span == ONE_DAY:
        return "24 hours"  # of real time; "every day" is a cron's
    rest, parts = span, []
    for unit, size in (("day", ONE_DAY), ("hour", 3600 * SECOND), ("minute", 60 * SECOND)):
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}{'s' if count > 1 else ''}"] if count else []
    if rest:
        parts.append(f"{rest.total_seconds():g} second{'' if rest == SECOND else 's'}")
    return " and ".join(parts) if len(parts) > 1 else parts[0].removeprefix("1 ")


# APScheduler's vocabulary


def _from_keywords(kind: str, timezone: str, given: dict[str, Any]) -> tuple[Schedule, float | None]:
    if kind not in KEYWORDS:
        raise InvalidTrigger(f"{kind!r} is no trigger; write one of {', '.join(KEYWORDS)}.", field="kind")
    unknown = given.keys() - KEYWORDS[Kind(kind)]
    if unknown:
        known = ", ".join(KEYWORDS[Kind(kind)]) or "no keywords"
        raise InvalidTrigger(f"{min(unknown)!r} is unknown; {kind} takes {known}.", field="kind")
    given = {name: value for name, value in given.items() if value is not None}
    jitter = given.pop("jitter", None)
    schedule = Schedule(
        Kind(kind),
        timezone=timezone,
        run_at=_moment(given.pop("run_date", None), timezone, "run_at"),
        start_at=_moment(given.pop("start_date", None), timezone, "start_at"),
        end_at=_moment(given.pop("end_date", None), timezone, "end_at"),
    )
    if kind == Kind.CRON:
        schedule = replace(schedule, cron=_cron_text(given))
    if kind == Kind.INTERVAL:
        schedule = replace(schedule, interval=_span(given))
    return schedule, jitter


def _cron_text(given: dict[str, Any]) -> str:
    text = given.pop("crontab", None)
    if text is None:
        return crontab.from_stock(crontab.stock_trigger(given))
    if given:
        raise InvalidTrigger(f"Give either crontab or {', '.join(given)}, not both.")
    return str(text)


def _span(given: dict[str, Any]) -> timedelta:
    try:
        return timedelta(**given)
    except (TypeError, OverflowError) as error:
        raise InvalidTrigger(f"The interval is wrong: {error}.", field="interval") from None


def _from_object(trigger: BaseTrigger, timezone: str) -> tuple[Schedule, float | None]:
    match trigger:
        case ScheduleTrigger():
            return trigger.schedule, trigger.jitter.total_seconds() if trigger.jitter else None
        case DateTrigger():
            run_at = _moment(trigger.run_date, timezone, "run_at")
            return Schedule(Kind.DATE, run_at=run_at, timezone=timezone), None
        case CronTrigger():
            schedule = Schedule(Kind.CRON, cron=crontab.from_stock(trigger), timezone=_zone_name(trigger.timezone))
        case IntervalTrigger():
            schedule = Schedule(Kind.INTERVAL, interval=trigger.interval, timezone=timezone)
        case _:
            name = type(trigger).__name__
            raise InvalidTrigger(f"A {name} has no columns; use cron, interval or date.", field="kind")
    start_at = None if _began_by_itself(trigger) else _moment(trigger.start_date, timezone, "start_at")
    end_at = _moment(trigger.end_date, timezone, "end_at")
    return replace(schedule, start_at=start_at, end_at=end_at), trigger.jitter


def _began_by_itself(trigger: CronTrigger | IntervalTrigger) -> bool:
    """Whether nobody named the start: an interval then has that of one interval after the object was made.

    It would differ at each start of a program, and move the job; our anchor says the same, once.
    """
    if not isinstance(trigger, IntervalTrigger) or not trigger.start_date.microsecond:
        return False
    born = datetime.fromtimestamp(psutil.Process().create_time(), UTC) - SECOND
    return bool(born <= trigger.start_date - trigger.interval <= datetime.now(UTC))


def _zone_name(given: tzinfo) -> str:
    return str(getattr(given, "zone", given))  # zoneinfo's zones are told by str(), those of pytz by .zone


def _moment(given: Any, timezone: str, field: str) -> datetime | None:
    try:
        moment: datetime | None = convert_to_datetime(given, zone(timezone), field)
    except (TypeError, ValueError) as error:
        message = f"{given!r} is no moment ({error}); write it as 2026-05-03 10:00:00."
        raise InvalidTrigger(message, field=field) from None
    _check_moment(moment, field)
    return moment and moment.astimezone(UTC)
