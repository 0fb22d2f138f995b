"""What services say, as values that fit our columns, whatever they sent instead."""

import re
from typing import Any

LARGEST = 2**31 - 1  # of a count
LARGEST_SIZE = 2**53
LONGEST_ADDRESS = 500
ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:[/?#][^\s<>\"'\\]*)?", re.I)
NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]*)?")
CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{1,2})(?:\.[0-9]*)?")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def text(value: Any, longest: int) -> str:
    """One line of text that every database takes; of a list its first item; empty for what is none."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str) and item.strip()), "")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    told = CONTROLS.sub(" ", str(value)[: 4 * longest]).encode("utf-8", "replace").decode()
    return " ".join(told.split())[:longest].strip()


def count(value: Any, largest: int = LARGEST) -> int | None:
    """A whole number that is not negative, also one in a text; None for what is none."""
    if isinstance(value, bool):
        return None
    found = NUMBER.fullmatch(str(value).strip()) if isinstance(value, str | int | float) else None
    return min(int(float(value)) if "." in found[0] else int(value), largest) if found else None


def seconds(value: Any) -> int | None:
    """A length as seconds ("402.29"), mm:ss or hh:mm:ss; None for what is none."""
    found = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        return count(value)
    return min(int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]), LARGEST)


def address(value: Any) -> str:
    """An address of the web that is safe to link to; empty for what is none, or is too long for its column."""
    found = text(value, LONGEST_ADDRESS + 1)
    return found if len(found) <= LONGEST_ADDRESS and ADDRESS.fullmatch(found) else ""
