"""Spans of time as people write and read them: "15 min", "2 h 30 min", "1 day", "90"."""

import re
from datetime import timedelta

UNITS = {"day": 86_400, "h": 3600, "min": 60, "s": 1}  # seconds
MEANINGS = {
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1),
}
EXAMPLES = "write it as 15 min, 2 h 30 min, 1 day, or as plain seconds"
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_BETWEEN = re.compile(r"[\s,]|and")
_CLOCK = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")


def read(text: str) -> timedelta:
    """The span that `text` names. Raises ValueError, with what to write instead."""
    wanted = text.strip().lower()
    if clock := _CLOCK.fullmatch(wanted):
        return _span(sum(float(part or 0) * size for part, size in zip(clock.groups(), (3600, 60, 1), strict=True)))
    parts = _PART.findall(wanted)
    if not parts or _BETWEEN.sub("", _PART.sub("", wanted)):
        raise ValueError(f"“{text}” is no span of time; {EXAMPLES}.")
    if len(parts) > 1 and not all(unit for _, unit in parts):
        raise ValueError(f"“{text}” has a number without a unit; {EXAMPLES}.")
    unknown = next((unit for _, unit in parts if unit not in MEANINGS), None)
    if unknown is not None:
        raise ValueError(f"“{unknown}” is no unit of time; {EXAMPLES}.")
    return _span(sum(float(number) * MEANINGS[unit] for number, unit in parts))


def write(span: timedelta) -> str:
    """The whole of `span`, so that `read` gives it back."""
    parts = []
    left = span // timedelta(microseconds=1)
    for unit, size in UNITS.items():
        count, left = divmod(left, size * 1_000_000) if unit != "s" else (left / 1_000_000, 0)
        if count:
            parts.append(f"{_number(count)} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    return " ".join(parts) or "0 s"


def brief(span: timedelta) -> str:
    """`span` as precisely as a list needs it: "0.84 s", "12 s", "3 min 4 s", "5 h 12 min", "3 days"."""
    seconds = span.total_seconds()
    if seconds < 59.95:
        return f"{_number(round(seconds, 2 if seconds < 10 else 1))} s"
    whole = write(timedelta(seconds=round(seconds))).split(" ")
    return " ".join(whole[:2] if "day" in whole[1] and int(whole[0]) > 1 else whole[:4])


def _span(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("That is longer than any schedule lasts.") from None


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
