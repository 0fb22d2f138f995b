"""What sources of metadata say, made such as Book's fields take: what does not fit becomes empty, never an error."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from scheduling.redact import plain
from tasks.audiobooks.sanitise import LONGEST, clean
from tasks.audiobooks.values import text

MOST = 1000  # of a list that are looked at
ASIN = re.compile(r"B[0-9A-Z]{9}")
ISBN = re.compile(r"[0-9]{13}|[0-9]{9}[0-9X]")
KEY = re.compile(r"OL[0-9]{1,20}[ALMW]")
YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
HIGHEST_RATING = 5.0
LANGUAGES = {
    **{"en": "English", "eng": "English", "de": "German", "ger": "German", "fr": "French", "fre": "French"},
    **{"es": "Spanish", "spa": "Spanish", "it": "Italian", "ita": "Italian", "nl": "Dutch", "dut": "Dutch"},
    **{"pt": "Portuguese", "por": "Portuguese", "pl": "Polish", "pol": "Polish", "ru": "Russian", "rus": "Russian"},
    **{"la": "Latin", "lat": "Latin", "zh": "Chinese", "chi": "Chinese", "ja": "Japanese", "jpn": "Japanese"},
    **{name: name.capitalize() for name in ("english", "german", "french", "spanish", "italian", "dutch", "polish")},
}


def html(value: Any) -> str:
    """A description that may be shown: a text, or as some have it `{"type": …, "value": text}`."""
    if isinstance(value, dict):
        value = value.get("value")
    return clean(plain(value[:LONGEST])) if isinstance(value, str) else ""


def texts(value: Any, longest: int) -> list[str]:
    """The texts of a list; one that stands alone counts as a list of it."""
    found = value if isinstance(value, list) else [value]
    return [cut for each in found[:MOST] if (cut := text(each, longest))]


def places(value: Any, longest: int) -> list[str]:
    """A list that is parallel to others: what is no text stays in its place, empty."""
    return [text(each, longest) for each in value[:MOST]] if isinstance(value, list) else []


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """What of a list are objects."""
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def key(value: Any) -> str:
    """OL900W out of "/works/OL900W"; empty if it is no key."""
    last = value.rpartition("/")[2] if isinstance(value, str) else ""
    return last if KEY.fullmatch(last) else ""


def number(value: Any) -> int | None:
    """A count or an id, above 0."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else None


def year(value: Any) -> str:
    """The first year of four digits in it."""
    found = YEAR.search(text(value, 100))
    return found[0] if found else ""


def rating(value: Any) -> float | None:
    """From above 0 to 5, to two places."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    inside = math.isfinite(found) and 0 < found <= HIGHEST_RATING and not isinstance(value, bool)
    return round(found, 2) if inside else None


def isbn(values: Iterable[Any], known: str = "") -> str:
    """The first that is right, with 13 digits; `known` if that is among them."""
    right = [found for value in values if (found := _isbn13(text(value, 30)))]
    return known if known in right else next(iter(right), "")


def asin(values: Iterable[Any], known: str = "") -> str:
    """The first that names an audiobook or the like at Amazon; `known` if that is among them."""
    right = [value for value in values if isinstance(value, str) and ASIN.fullmatch(value)]
    return known if known in right else next(iter(right), "")


def language(values: Iterable[str]) -> str:
    """The name of the one language; empty for several."""
    names = {LANGUAGES.get(value.lower(), "") for value in values}
    return names.pop() if len(names) == 1 else ""


def _isbn13(raw: str) -> str:
    digits = raw.replace("-", "").replace(" ", "").upper()
    if not ISBN.fullmatch(digits):
        return ""
    if len(digits) == 13:
        return digits if digits[-1] == _check_digit(digits[:12]) and digits.startswith(("978", "979")) else ""
    total = sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(digits))
    return f"978{digits[:9]}{_check_digit(f'978{digits[:9]}')}" if total % 11 == 0 else ""


def _check_digit(twelve: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return str(-total % 10)
