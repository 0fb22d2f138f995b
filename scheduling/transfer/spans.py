"""Spans of time in a document: written as "1h30m"; read as that, as words, as seconds, as ISO 8601."""

import re
from datetime import timedelta
from typing import Any

from django.utils.dateparse import parse_duration

from scheduling import spans

UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
FORMS = "write it as 15m, 1h30m, 2 days, as seconds, or as PT15M"
_PART = re.compile(r"(\d+(?:\.\d{1,6})?)([wdhms])")


def write(span: timedelta) -> str:
    """The whole of `span`, so that `read` gives it back."""
    parts, left = [], span
    for unit in ("d", "h", "m"):
        count, left = divmod(left, UNITS[unit])
        parts += [f"{count}{unit}"] if count else []
    if left or not parts:
        seconds, rest = divmod(left // timedelta(microseconds=1), 1_000_000)
        parts.append(f"{seconds}.{rest:06}".rstrip("0") + "s" if rest else f"{seconds}s")
    return "".join(parts)


def read(value: Any) -> timedelta:
    """The span that `value` says; a number counts seconds. Raises ValueError, with what to write."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            span = timedelta(seconds=value)
        elif isinstance(value, str):
            span = _read(value.strip())
        else:
            raise ValueError(f"{value!r} is no span of time; {FORMS}.")
    except OverflowError:
        raise ValueError("That is longer than any schedule lasts.") from None
    if span < timedelta():
        raise ValueError(f"{value!r} goes back in time; {FORMS}.")
    return span


def _read(text: str) -> timedelta:
    parts = _PART.findall(text)
    if parts and not _PART.sub("", text):
        return sum((_times(number, UNITS[unit]) for number, unit in parts), timedelta())
    iso = parse_duration(text) if text[:1] == "P" and re.search(r"\d", text) else None
    return spans.read(text) if iso is None else iso


def _times(number: str, unit: timedelta) -> timedelta:
    whole, _, rest = number.partition(".")
    return int(whole) * unit + float(f"0.{rest or 0}") * unit
