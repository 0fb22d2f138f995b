"""Columns <-> the plain mapping of a document: what people decide of a job, as they write it, without its defaults.

A pause, a parking and the ledger are operation, not definition, and stay out; so does the grid of an interval
without a start, which begins anew where the job is made.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db import models

from scheduling import redact, registry
from scheduling.clocks import on_clock, zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Calendar, Job, Overlap, Window
from scheduling.transfer import spans
from scheduling.transfer.reading import SECRET
from scheduling.triggers import Kind, Schedule

TRIGGERS = {Kind.CRON: "cron", Kind.INTERVAL: "interval", Kind.DATE: "run_at"}  # the column that tells the kind
SCHEDULE = ("trigger", *TRIGGERS.values(), "timezone", "start_at", "end_at")
FIRST = ("id", "name", "description", "tags", "task", "schedule", "arguments")
POLICIES = (
    *("queue", "priority", "timeout", "max_attempts", "backoff", "backoff_max", "jitter", "max_instances", "overlap"),
    *("coalesce", "misfire_grace_time", "idempotent", "exclusive", "run_at_startup", "calendars"),
    *("keep_for", "keep_unwell_for"),
)
KEYS = (*FIRST, *POLICIES, *sorted(registry.JOB_OPTIONS - {*FIRST, *POLICIES}))
COLUMNS = tuple(sorted({*KEYS, *SCHEDULE} - {"id", "schedule"}))  # what a document decides of a row
CALENDAR = ("id", "name", "country", "subdivision", "timezone", "windows")
WINDOW = ("name", "start_at", "end_at", "cron", "duration")
ANY = "any"  # a misfire_grace_time without limit

type Fail = Callable[[tuple[str | int, ...], str], None]  # where in the mapping, and what is wrong


def name_of(job_id: str) -> str:
    """The name of a job that is given none, as for one that the code declares."""
    return job_id.replace("_", " ").capitalize()


def job_document(job: Job, *, secrets: bool = True) -> dict[str, Any]:
    """What people decided of `job`; without `secrets` what looks like one is left out and marked."""
    made: dict[str, Any] = {"id": job.pk, "name": job.name}
    for key in KEYS[2:]:
        if key == "schedule":
            made[key] = schedule_document(job.schedule)
        elif key == "task" or getattr(job, key) != _field(key).get_default():
            made[key] = _written(key, getattr(job, key))
    if not secrets and "arguments" in made:
        made["arguments"] = without_secrets(made["arguments"])
    return made


def schedule_document(schedule: Schedule) -> Any:
    """ "manual", or the columns of the schedule that are not empty; its kind only where they do not tell it."""
    place = _place(schedule.timezone)
    told = {name: _moment_or_span(getattr(schedule, name), place) for name in SCHEDULE[1:]}
    made = {name: value for name, value in told.items() if value and (name, value) != ("timezone", "UTC")}
    kinds = [name for name in TRIGGERS.values() if name in made]
    if kinds == [TRIGGERS.get(schedule.kind)]:
        return made
    return {"trigger": schedule.kind.value, **made} if made else schedule.kind.value


def calendar_document(calendar: Calendar, windows: Iterable[Window]) -> dict[str, Any]:
    made = {name: getattr(calendar, name) for name in CALENDAR[:-1]}
    place = _place(calendar.timezone)
    told = [{name: _moment_or_span(getattr(window, name), place) for name in WINDOW} for window in windows]
    made["windows"] = [{name: value for name, value in each.items() if value} for each in told]
    return {name: value for name, value in made.items() if value and (name, value) != ("timezone", "UTC")}


def without_secrets(value: Any, name: str = "") -> Any:
    """A JSON value with a mark in place of each text that must not leave the database."""
    if isinstance(value, Mapping):
        return {key: without_secrets(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, name) for item in value]
    return SECRET if isinstance(value, str) and redact.redact_json({name: value}) != {name: value} else value


def with_secrets(value: Any, kept: Any, missing: Callable[[tuple[str | int, ...]], None]) -> Any:
    """`value` with what the job has kept in place of each mark; `missing` is told where nothing is kept."""
    return _filled(value, kept, (), missing)


def job_columns(given: Mapping[str, Any], fail: Fail) -> dict[str, Any]:
    """The values of COLUMNS that a document means; `fail` is told each that cannot be, which keeps its default."""
    columns = {key: _field(key).get_default() for key in COLUMNS}
    columns |= {"name": name_of(str(given.get("id", ""))), "trigger": Kind.MANUAL.value}
    for key in given.keys() & set(COLUMNS):
        _take(columns, key, given[key], fail, (key,))
    _take_schedule(columns, given.get("schedule"), fail)
    return columns


def calendar_columns(given: Mapping[str, Any], fail: Fail) -> tuple[Calendar, list[Window]]:
    """The calendar and the windows that a document means; `fail` is told what cannot be."""
    columns: dict[str, Any] = {"timezone": "UTC"}
    for key in given.keys() & set(CALENDAR[:-1]):
        _take(columns, key, given[key], fail, (key,), Calendar)
    columns.setdefault("name", name_of(str(given.get("id", ""))))
    calendar = Calendar(**columns)
    windows = given.get("windows") or []
    if not isinstance(windows, list) or not all(isinstance(each, Mapping) for each in windows):
        fail(("windows",), "Windows are a list, each with a name and its times.")
        return calendar, []
    place = _place(calendar.timezone)
    return calendar, [
        _window(each, place, lambda at, said, n=n: fail(("windows", n, *at), said))  # type: ignore[misc]
        for n, each in enumerate(windows)
    ]


# Out


def _written(key: str, value: Any) -> Any:
    if key == "arguments":
        return _in_order(value)
    if value is None and key == "misfire_grace_time":
        return ANY
    return spans.write(value) if isinstance(value, timedelta) else value


def _in_order(value: Any) -> Any:
    """The same JSON on every database: PostgreSQL keeps names in an order of its own."""
    if isinstance(value, Mapping):
        return {key: _in_order(item) for key, item in sorted(value.items())}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def _moment_or_span(value: Any, place: tzinfo) -> Any:
    if isinstance(value, datetime):
        return on_clock(value, place).isoformat(" ")
    return spans.write(value) if isinstance(value, timedelta) else value


def _place(timezone: str) -> tzinfo:
    try:
        return zone(timezone)
    except InvalidTrigger:  # said where the zone itself is checked
        return UTC


# In


def _take(
    columns: dict[str, Any], key: str, value: Any, fail: Fail, at: tuple[str | int, ...], model: Any = Job
) -> None:
    try:
        columns[key] = _read(model._meta.get_field(key), value)
    except ValueError as error:
        fail(at, str(error))


def _read(field: Any, value: Any) -> Any:
    """`value` as the column `field` holds it. Raises ValueError, with what to write."""
    match field:
        case models.DurationField():
            return _span(field, value)
        case models.BooleanField():
            return _of(bool, value, "true or false")
        case models.IntegerField():
            return _of(int, value, "a whole number")
        case models.JSONField() if field.get_default() == []:
            return _words(value)
        case models.JSONField():
            return value
        case _ if field.name == "overlap" and value not in Overlap.values:
            raise ValueError(f"{value!r} is not known; write one of {', '.join(Overlap.values)}.")
        case _:
            return _of(str, value, "a text; put it in quotes")


def _span(field: Any, value: Any) -> timedelta | None:
    if field.null and (value is None or (value == ANY and field.name == "misfire_grace_time")):
        return None
    return spans.read(value)


def _of(kind: type, value: Any, wanted: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r} does not fit; write {wanted}.")
    return value


def _words(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("This is a list of texts, such as [nightly, media].")
    return value


def _take_schedule(columns: dict[str, Any], given: Any, fail: Fail) -> None:
    if isinstance(given, str):
        given = {"trigger": given}
    if not isinstance(given, Mapping):
        fail(("schedule",), "Give a schedule: manual, or a mapping with cron, interval or run_at.")
        return
    for key in ("trigger", "timezone", "cron", "interval"):
        if key in given:
            _take(columns, key, given[key], fail, ("schedule", key))
    place = _place(str(columns["timezone"]))
    for key in ("run_at", "start_at", "end_at"):
        if key in given:
            _take_moment(columns, key, given[key], place, fail, ("schedule", key))
    kinds = [kind.value for kind, name in TRIGGERS.items() if name in given]
    if "trigger" not in given:
        if len(kinds) != 1:
            fail(("schedule",), "Give one of cron, interval and run_at, or write: schedule: manual.")
        columns["trigger"] = (kinds or [Kind.MANUAL.value])[0]
    elif columns["trigger"] not in list(Kind):
        fail(("schedule", "trigger"), f"{given['trigger']!r} is no trigger; write one of {', '.join(Kind)}.")
        columns["trigger"] = Kind.MANUAL.value


def _take_moment(
    columns: dict[str, Any], key: str, value: Any, place: tzinfo, fail: Fail, at: tuple[str | int, ...]
) -> None:
    try:
        moment = datetime.fromisoformat(value)
        columns[key] = (moment if moment.tzinfo else moment.replace(tzinfo=place)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        fail(at, f"{value!r} is no moment; write it as 2026-05-03 10:00:00.")


def _window(given: Mapping[str, Any], place: tzinfo, fail: Fail) -> Window:
    columns: dict[str, Any] = {}
    for key in given:
        if key in ("start_at", "end_at"):
            _take_moment(columns, key, given[key], place, fail, (key,))
        elif key in WINDOW:
            _take(columns, key, given[key], fail, (key,), Window)
    return Window(**columns)


def _filled(value: Any, kept: Any, at: tuple[str | int, ...], missing: Callable[[tuple[str | int, ...]], None]) -> Any:
    if value is SECRET:
        if not isinstance(kept, str):
            missing(at)
        return kept
    if isinstance(value, Mapping):
        inner = kept if isinstance(kept, Mapping) else {}
        return {key: _filled(item, inner.get(key), (*at, key), missing) for key, item in value.items()}
    if isinstance(value, list):
        items = kept if isinstance(kept, list) and len(kept) == len(value) else [None] * len(value)
        return [_filled(each, items[n], (*at, n), missing) for n, each in enumerate(value)]
    return value


def _field(name: str) -> Any:
    return Job._meta.get_field(name)
