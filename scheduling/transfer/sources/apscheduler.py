"""Jobs of django-apscheduler: rows whose state is a pickle, which is read and never loaded.

Their triggers are built anew by APScheduler's own constructors out of plain numbers and texts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scheduling import registry
from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.transfer.documents import schedule_document
from scheduling.transfer.sources import pickles
from scheduling.transfer.sources.found import Found, Moments
from scheduling.transfer.sources.pickles import Made, Name, UnreadablePickle
from scheduling.transfer.sources.tables import Rows
from scheduling.triggers import schedule_of

TABLE = "django_apscheduler_djangojob"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PASSED = "Its one moment has passed."
POSITIONS = ("1st", "2nd", "3rd", "4th", "5th", "last")
HASTY = 1  # seconds of grace that APScheduler gives a job that says nothing
GRACE = "its misfire_grace_time was APScheduler's own second, which a restart misses; it has the default of this place"
STEP = timedelta(milliseconds=1)  # so late is the loop that asks for the moment after one
DEEPEST = 20  # levels of arguments


class Untranslatable(Exception):
    """This says something that no columns can say."""


def entries(rows: Rows, now: datetime) -> Iterator[Found]:
    """Each job of the table."""
    for row in rows(TABLE):
        where = f"job {row['id']}"
        try:
            yield _found(row, where, now)
        except (Untranslatable, UnreadablePickle) as error:
            yield Found(where, calls="", id=row["id"], cannot=str(error))


def _found(row: dict[str, Any], where: str, now: datetime) -> Found:
    state = pickles.read(bytes(row["job_state"]))
    if not isinstance(state, dict) or not isinstance(state.get("func"), str):
        raise Untranslatable("Its state is not that of a job of APScheduler 3.")
    calls = state["func"]
    try:
        trigger = _trigger(state.get("trigger"))
        schedule, _ = schedule_of(trigger, _clock(trigger))
        arguments = registry.joined(_plain(state.get("args") or ()), _plain(state.get("kwargs") or {}))
    except (Untranslatable, InvalidTrigger) as error:
        return Found(where, calls, id=row["id"], cannot=str(error))
    return Found(
        where,
        calls,
        said=_said(trigger),
        id=row["id"],
        name="" if state.get("name") == calls.rpartition(":")[2] else str(state.get("name") or ""),
        schedule=schedule_document(schedule),
        moments=_moments(trigger),
        arguments=arguments,
        policies=_policies(state),
        notes=(GRACE,) if state.get("misfire_grace_time") == HASTY else (),
        stopped="" if row["next_run_time"] else "It is paused in django-apscheduler.",
        over=PASSED if isinstance(trigger, DateTrigger) and trigger.run_date < now else "",
    )


def _policies(state: dict[str, Any]) -> dict[str, Any]:
    grace = state.get("misfire_grace_time")
    return {
        "queue": str(state.get("executor") or "default"),
        "jitter": (state["trigger"].state or {}).get("jitter"),
        "max_instances": state.get("max_instances", 1),
        "coalesce": bool(state.get("coalesce", True)),
        "misfire_grace_time": "any" if grace is None else None if grace == HASTY else grace,
    }


def _said(trigger: BaseTrigger) -> str:
    if isinstance(trigger, CronTrigger):
        return " ".join(f"{field.name}={field}" for field in trigger.fields if str(field) != "*")
    return str(trigger)


def _clock(trigger: BaseTrigger) -> str:
    """The name of the zone that the trigger goes by; UTC where it has none."""
    place = trigger.run_date.tzinfo if isinstance(trigger, DateTrigger) else trigger.timezone
    return place.key if isinstance(place, ZoneInfo) else "UTC"


def _moments(trigger: BaseTrigger) -> Moments:
    """As APScheduler's own loop asks for them, one after the other."""

    def moments(first: datetime, until: datetime) -> Iterator[datetime]:
        moment = trigger.get_next_fire_time(None, first)
        while moment and moment < until:
            if moment >= first:
                yield moment.astimezone(UTC)
            following = trigger.get_next_fire_time(moment, moment + STEP)
            moment = following if following and following > moment else None

    return moments


def _trigger(made: Any) -> BaseTrigger:
    """The trigger without its jitter, which is chance. Raises Untranslatable."""
    kind = made.path if isinstance(made, Made) else ""
    state = made.state if isinstance(made, Made) and isinstance(made.state, dict) else {}
    try:
        match kind:
            case "apscheduler.triggers.cron.CronTrigger":
                fields = {field.state["name"]: _field(field.state["expressions"]) for field in state["fields"]}
                return CronTrigger(**fields, timezone=_zone(state["timezone"]), **_window(state))
            case "apscheduler.triggers.interval.IntervalTrigger":
                seconds = _span(state["interval"]).total_seconds()
                return IntervalTrigger(seconds=seconds, timezone=_zone(state["timezone"]), **_window(state))
            case "apscheduler.triggers.date.DateTrigger":
                return DateTrigger(_moment(state["run_date"]))
    except (KeyError, TypeError, ValueError, AttributeError, InvalidTrigger) as error:
        raise Untranslatable(f"Its trigger cannot be read: {error}.") from error
    name = kind.rpartition(".")[2] or "trigger"
    raise Untranslatable(f"A {name} cannot be said as cron, interval or date; write jobs for it by hand.")


def _window(state: dict[str, Any]) -> dict[str, Any]:
    return {name: _moment(state[name]) for name in ("start_date", "end_date") if state.get(name)}


def _field(expressions: list[Made]) -> str:
    return ",".join(map(_expression, expressions))


def _expression(made: Made) -> str:
    """One term of a field, as its text."""
    said = made.state
    step = f"/{int(said['step'])}" if said.get("step") else ""
    match made.path.rpartition(".")[2]:
        case "AllExpression":
            return f"*{step}"
        case "RangeExpression":
            return _range(said, str) + step
        case "MonthRangeExpression":
            return _range(said, lambda number: MONTHS[number - 1])
        case "WeekdayRangeExpression":
            return _range(said, lambda number: WEEKDAYS[number])
        case "WeekdayPositionExpression":
            return f"{POSITIONS[said['option_num']]} {WEEKDAYS[said['weekday']]}"
        case "LastDayOfMonthExpression":
            return "last"
        case other:
            raise ValueError(f"{other} is not known")


def _range(said: dict[str, Any], told: Any) -> str:
    first, last = int(said["first"]), said.get("last")
    return told(first) if last in (None, first) else f"{told(first)}-{told(int(last))}"


def _span(made: Any) -> timedelta:
    if isinstance(made, Made) and made.path == "datetime.timedelta":
        return timedelta(*map(int, made.args))
    raise ValueError("the interval is no span of time")


def _moment(made: Any) -> datetime:
    """A datetime out of the ten bytes that its pickle holds."""
    if not isinstance(made, Made) or made.path != "datetime.datetime" or len(made.args) != 2:
        raise ValueError("a moment has no time zone")
    raw, place = made.args
    if isinstance(raw, Made) and raw.path == "_codecs.encode":  # bytes in the pickles of Python 2's protocols
        raw = raw.args[0].encode("latin1")
    fold, month = divmod(raw[2], 128)  # the fold is kept in the month's first bit
    day, hour, minute, second = raw[3:7]
    year, micro = int.from_bytes(raw[:2]), int.from_bytes(raw[7:10])
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=_place(place), fold=fold)


def _place(made: Any) -> Any:
    """The zone of a moment: also one without a name, such as +02:00."""
    if isinstance(made, Made) and made.path == "datetime.timezone" and isinstance(made.args[0], Made):
        return timezone(_span(made.args[0]))
    return zone(_zone(made))


def _zone(made: Any) -> str:
    """The name of a zone of zoneinfo, of pytz, or of the standard library. Raises ValueError."""
    if isinstance(made, Made):
        getter = made.by
        unpickled = isinstance(getter, Made) and getter.args[:1] == (Name("zoneinfo.ZoneInfo"),)
        if (unpickled or made.path == "pytz._p") and made.args and isinstance(made.args[0], str):
            return made.args[0]
        if made.path == "pytz._UTC":
            return "UTC"
        if made.path == "datetime.timezone" and not _span(made.args[0]):
            return "UTC"
    if isinstance(made, Name) and made.path == "datetime.timezone.utc":
        return "UTC"
    raise ValueError("its time zone has no name")


def _plain(value: Any, depth: int = 0) -> Any:
    """Arguments as JSON keeps them. Raises Untranslatable."""
    if depth > DEEPEST:
        raise Untranslatable("Its arguments are nested too deeply.")
    if isinstance(value, list | tuple):
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    what = value.path if isinstance(value, Made | Name) else type(value).__name__
    raise Untranslatable(f"Its arguments hold a {what}, which JSON cannot keep; give them in a task map.")
