"""Calendars: make one, change it with its windows, delete it while no job keeps it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from scheduling.calendars import usage
from scheduling.exceptions import CalendarInUse, StaleCalendar
from scheduling.models import Calendar, Window
from scheduling.store.batch import announce
from scheduling.store.changes import record
from scheduling.store.seen import digest, unchanged

COLUMNS = ("name", "country", "subdivision", "timezone")
NAMED = 5  # jobs that keep a calendar, in a message


def create_calendar(calendar: Calendar, windows: Sequence[Window], *, by: str, now: datetime) -> Calendar:
    """Insert `calendar` with its `windows`. Raises ValidationError, field by field, and IntegrityError."""
    _check(calendar, windows)
    with transaction.atomic():
        calendar.save(force_insert=True)
        _insert(calendar, windows)
        fields = {name: [None, value] for name, value in _columns(calendar, windows).items() if value}
        record(None, "created", subject=_subject(calendar), by=by, now=now, fields=fields)
        announce()
    return calendar


def change_calendar(
    calendar: Calendar, windows: Sequence[Window], *, by: str, now: datetime, seen: Collection[str] | None = None
) -> bool:
    """Give the stored calendar these columns, and these `windows` instead of its own; False if it had them.

    `seen` has the versions of which the stored one must be one; None: any. Raises ValidationError, field by field,
    StaleCalendar and Calendar.DoesNotExist.
    """
    _check(calendar, windows)
    with transaction.atomic():
        stored = _held(calendar, seen)
        before = _columns(stored, list(stored.windows.all()))
        after = _columns(calendar, windows)
        fields = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if not fields:
            return False
        calendar.save(force_update=True, update_fields=COLUMNS)
        if "windows" in fields:
            stored.windows.all().delete()
            _insert(calendar, windows)
        record(None, "changed", subject=_subject(calendar), by=by, now=now, fields=fields)
        announce()
    return True


def delete_calendar(calendar: Calendar, *, by: str, now: datetime, seen: Collection[str] | None = None) -> None:
    """Remove `calendar` and its windows, if it still is as `seen`. Raises StaleCalendar and Calendar.DoesNotExist.

    And CalendarInUse: its jobs would run on its days without a word.
    """
    with transaction.atomic():
        stored = _held(calendar, seen)
        if jobs := usage().get(calendar.pk):
            more = f" and {len(jobs) - NAMED} more" if len(jobs) > NAMED else ""
            named = ", ".join(job.pk for job in jobs[:NAMED])
            raise CalendarInUse(f"{calendar} is kept by {named}{more}. Take it out there, then delete it.")
        fields = {name: [value, None] for name, value in _columns(stored, list(stored.windows.all())).items() if value}
        record(None, "deleted", subject=_subject(calendar), by=by, now=now, fields=fields)
        stored.delete()


def calendar_version(calendar: Calendar) -> str:
    """Changes with whatever people decide of `calendar`, its windows included."""
    return digest(_columns(calendar, list(calendar.windows.all())))


def _held(calendar: Calendar, seen: Collection[str] | None) -> Calendar:
    """The stored one, its row held until the end of the transaction."""
    stored = Calendar.objects.select_for_update().get(pk=calendar.pk)
    if not unchanged(calendar_version(stored), seen):
        told = f"The calendar {calendar.pk} was changed since you looked at it; get it again and repeat the change."
        raise StaleCalendar(told)
    return stored


def _check(calendar: Calendar, windows: Sequence[Window]) -> None:
    """Raise ValidationError for all that is wrong with them, a field of a window being `windows.0.cron`."""
    wrong: dict[str, list[str]] = {}
    try:
        calendar.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        wrong |= error.message_dict
    for number, window in enumerate(windows):
        try:
            window.full_clean(exclude={"calendar"}, validate_unique=False)
        except ValidationError as error:
            wrong |= {f"windows.{number}.{name}": told for name, told in error.message_dict.items()}
    if wrong:
        raise ValidationError(wrong)


def _insert(calendar: Calendar, windows: Sequence[Window]) -> None:
    for window in windows:
        window.calendar = calendar
        window.save(force_insert=True)


def _columns(calendar: Calendar, windows: Sequence[Window]) -> dict[str, Any]:
    """As the history tells them."""
    told = {name: getattr(calendar, name) for name in COLUMNS}
    return {**told, "windows": [_told(window) for window in windows]}


def _told(window: Window) -> dict[str, Any]:
    seconds = window.duration.total_seconds() if window.duration else None
    moments = {name: value.isoformat() if (value := getattr(window, name)) else None for name in ("start_at", "end_at")}
    return {"name": window.name, **moments, "cron": window.cron, "duration": seconds}


def _subject(calendar: Calendar) -> str:
    return f"calendar {calendar.pk}"
