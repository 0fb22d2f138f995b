"""Periodic tasks of django-celery-beat: its tables as they are, without the package."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count, takewhile
from typing import Any

from scheduling import registry
from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.transfer.documents import schedule_document
from scheduling.transfer.sources import celery_cron
from scheduling.transfer.sources.found import Found, Moments
from scheduling.transfer.sources.tables import Rows, aware
from scheduling.triggers import Kind, Schedule

PREFIX = "django_celery_beat_"
KINDS = ("interval", "crontab", "clocked", "solar")
CRONTAB = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
OWN = "celery."  # tasks by which Celery keeps its own house
PRIORITY = "its priority {} is not taken over: brokers count up or down; set a priority from -100 to 100"

type When = tuple[Schedule, Moments, str]  # how it fires here, how it fires there, how it is said there


class Untranslatable(Exception):
    """This says something that no columns can say."""


def entries(rows: Rows, now: datetime) -> Iterator[Found]:
    """Each periodic task."""
    schedules = {kind: {row["id"]: row for row in rows(f"{PREFIX}{kind}schedule")} for kind in KINDS}
    for row in rows(f"{PREFIX}periodictask"):
        where = f"periodic task {row['name']}"
        try:
            yield _found(row, schedules, where, now)
        except (Untranslatable, InvalidTrigger) as error:
            yield Found(where, row["task"], id=row["name"], cannot=str(error))


def _found(row: dict[str, Any], schedules: dict[str, Any], where: str, now: datetime) -> Found:
    kind = next((kind for kind in KINDS if row.get(f"{kind}_id") is not None), "")
    given = schedules.get(kind, {}).get(row.get(f"{kind}_id"))
    if row["task"].startswith(OWN):
        return Found(where, row["task"], id=row["name"], over="It keeps Celery's own house.")
    if over := _over(row, kind, given, now):
        return Found(where, row["task"], id=row["name"], over=over)
    schedule, moments, said = _when(row, kind, given)
    if row["one_off"] and kind != "clocked":
        schedule, moments, said = _once(schedule, moments, now, said)
    return Found(
        where,
        row["task"],
        said=said,
        id=row["name"],
        name=row["name"],
        schedule=schedule_document(schedule),
        moments=moments,
        arguments=registry.joined(_json(row, "args", []), _json(row, "kwargs", {})),
        policies={**_policies(row), "description": row.get("description") or ""},
        notes=tuple(_notes(row)),
        stopped="" if row["enabled"] else "It is disabled in django-celery-beat.",
    )


def _over(row: dict[str, Any], kind: str, given: Any, now: datetime) -> str:
    if row["one_off"] and (row.get("total_run_count") or 0) > 0:
        return "It was to run once, and has."
    if row.get("expires") and aware(row["expires"]) <= now:
        return "It has expired."
    if kind == "clocked" and given and aware(given["clocked_time"]) < now:
        return "Its one moment has passed."
    return ""


def _when(row: dict[str, Any], kind: str, given: Any) -> When:
    """Raises Untranslatable and InvalidTrigger."""
    if given is None:
        raise Untranslatable("It has no schedule.")
    start = aware(row["start_time"]) if row.get("start_time") else None
    end = aware(row["expires"]) if row.get("expires") else None
    window: dict[str, Any] = {"start_at": start, "end_at": end}
    match kind:
        case "crontab":
            texts = tuple(str(given[name]) for name in CRONTAB)
            name = str(given.get("timezone") or "UTC")
            cron = Schedule(Kind.CRON, cron=celery_cron.translated(texts), timezone=name, **window)
            return (
                cron,
                _within(partial(celery_cron.moments, texts, zone(name)), start, end),
                f"{' '.join(texts)} {name}",
            )
        case "interval":
            return _interval(row, given, window)
        case "clocked":
            at = aware(given["clocked_time"])
            return Schedule(Kind.DATE, run_at=at), _within(_just(at), start, end), f"once at {at:%Y-%m-%d %H:%M:%S} UTC"
    event, latitude, longitude = (given[name] for name in ("event", "latitude", "longitude"))
    raise Untranslatable(f"It goes by the sun ({event} at {latitude}, {longitude}), which no schedule here can say.")


def _interval(row: dict[str, Any], given: Any, window: dict[str, Any]) -> When:
    """Counted from its last run, as Celery does; so it keeps its step through the move."""
    said = f"every {given['every']} {given['period']}"
    step = timedelta(**{given["period"]: given["every"]})
    if step < timedelta(seconds=1):
        raise Untranslatable(f"It runs {said}; the shortest interval here is a second.")
    last = row.get("last_run_at") or row.get("start_time") or row.get("date_changed")
    if last is None:
        raise Untranslatable("It does not say from when its interval counts; run it once there, or write it by hand.")
    origin = aware(last)

    def moments(first: datetime, until: datetime) -> Iterator[datetime]:
        number = max(0, -((origin - first) // step))
        return takewhile(lambda moment: moment < until, (origin + each * step for each in count(number)))

    schedule = Schedule(Kind.INTERVAL, interval=step, start_at=origin, end_at=window["end_at"])
    return schedule, _within(moments, window["start_at"], window["end_at"]), said


def _once(schedule: Schedule, moments: Moments, now: datetime, said: str) -> When:
    """The next moment of a schedule that shall fire once."""
    at = next(moments(now, now + celery_cron.HORIZON), None)
    if at is None:
        raise Untranslatable("It shall run once, but no moment is to come.")
    return Schedule(Kind.DATE, run_at=at, timezone=schedule.timezone), _just(at), f"{said}, once"


def _just(at: datetime) -> Moments:
    return lambda first, until: iter([at] if first <= at < until else [])


def _within(moments: Moments, start: datetime | None, end: datetime | None) -> Moments:
    """Those from `start` on and before `end`."""

    def within(first: datetime, until: datetime) -> Iterator[datetime]:
        return moments(max(first, start or first), min(until, end or until))

    return within


def _policies(row: dict[str, Any]) -> dict[str, Any]:
    expires = row.get("expire_seconds")
    return {"queue": row.get("queue") or "default", **({"misfire_grace_time": expires} if expires else {})}


def _notes(row: dict[str, Any]) -> Iterator[str]:
    if row.get("priority") is not None:
        yield PRIORITY.format(row["priority"])
    for name in ("exchange", "routing_key"):
        if row.get(name):
            yield f"its {name} {row[name]!r} is not taken over: there is no broker here"
    if _json(row, "headers", {}):
        yield f"its headers {row['headers']} are not taken over"


def _json(row: dict[str, Any], name: str, empty: Any) -> Any:
    """Raises Untranslatable."""
    text = row.get(name) or ""
    try:
        value = json.loads(text) if text.strip() else empty
    except ValueError:
        value = None
    if not isinstance(value, type(empty)):
        raise Untranslatable(f"Its {name} are no JSON {'list' if empty == [] else 'object'}: {text}")
    return value
