"""The moment that somebody asks about: "02:00", "yesterday 02:00", "2026-11-21 02:00", ISO 8601 with a zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from scheduling.clocks import ONE_DAY, SECOND, on_clock, stretches, zone
from scheduling.triggers import FIRST_YEAR, LAST_YEAR

FORMS = "write it as 02:00, yesterday 02:00, 2026-11-21 02:00 or 2026-11-21T02:00:00+01:00"
DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WORDS = re.compile(r"(?:(yesterday|today|tomorrow)[\s,]+(?:at\s+)?)?(\d{1,2}:\d{2}(?::\d{2})?)", re.IGNORECASE)


class Asked(NamedTuple):
    """A moment, in UTC, and what is to be said of the way in which it was asked for."""

    moment: datetime
    note: str = ""


def asked(text: str, timezone: str, now: datetime) -> Asked:
    """The moment that `text` names on the clock of `timezone`; a bare time is the latest such that has passed.

    Raises ValueError, with what to write instead, and InvalidTrigger for an unknown zone.
    """
    wanted = text.strip()
    if found := _WORDS.fullmatch(wanted):
        return _by_words((found[1] or "").lower(), _time(found[2], text), timezone, now)
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        raise _refusal(text) from None
    if len(wanted) < len("2026-11-21 02"):  # a date names no moment
        raise _refusal(text)
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise ValueError(f"The year {moment.year} is out of reach; {FORMS}.")
    return Asked(moment.astimezone(UTC)) if moment.tzinfo else _on_clock(moment, timezone)


def _by_words(day: str, at: time, timezone: str, now: datetime) -> Asked:
    today = on_clock(now, zone(timezone)).date()
    found = _on_clock(_wall(today, DAYS.get(day, 0), at), timezone)
    if not day and found.moment > now:
        return _on_clock(_wall(today, -1, at), timezone)
    return found


def _on_clock(wall: datetime, timezone: str) -> Asked:
    """The first moment at which the clock shows `wall`; if it skips that, the moment at which it does so."""
    place = zone(timezone)
    moment, other = (wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if moment <= other:
        return Asked(moment)
    for stretch in stretches(timezone, other - ONE_DAY, moment + SECOND, once=True):
        if stretch.skipped <= wall < stretch.start:
            told = f"{wall:%H:%M} did not exist on {wall.day} {wall:%B %Y}: the clocks in {timezone} went forward."
            return Asked(stretch.moment(stretch.start), told)
    return Asked(moment)


def _wall(today: date, days: int, at: time) -> datetime:
    return datetime.combine(today + timedelta(days=days), at)


def _time(text: str, whole: str) -> time:
    try:
        return time.fromisoformat(text.zfill(len("02:00:00") if text.count(":") > 1 else len("02:00")))
    except ValueError:
        raise _refusal(whole) from None


def _refusal(text: str) -> ValueError:
    return ValueError(f"“{text}” is no time; {FORMS}.")
