"""Figures: what became of a post in the words that all platforms share, and how each platform's words become those.

What a platform does not tell stays None, and is never taken for 0. What it tells is kept as it came, too.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduling.redact import plain

BIGGEST = 2**63 - 1
LONGEST_RAW = 10_000  # characters of the figures as they came, as JSON
DEEPEST_RAW = 20  # lists and objects in one another; MariaDB takes 32
LONGEST_TEXT = 2_000  # characters kept of what a post says
LONGEST_ID = 100
ODD = ("\\u0000", "\\ud")  # in JSON: NUL, half of a pair of surrogates
ID = re.compile(rf"[0-9A-Za-z:_-]{{1,{LONGEST_ID}}}")  # what may stand in an address as it is
INTERACTIONS = ("likes", "comments", "shares", "saves", "clicks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    impressions: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None
    video_views: int | None = None
    engagement: float | None = None  # a ratio
    raw: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()  # names of figures that we have no word for


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A post as the list of an account tells of it."""

    post_id: str
    kind: str = ""
    text: str = ""
    url: str = ""
    published_at: datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)  # figures that the list has already


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there are no figures of a post."""

    message: str
    code: str = ""
    is_gone: bool = False  # the platform says that there is no such post


type Settled = tuple[Listed, Figures | Trouble]


def count(value: Any) -> int | None:
    """A number of things; numbers may come as strings. None for whatever is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= BIGGEST else None


def ratio(value: Any) -> float | None:
    """A share, such as 0.069; None for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number <= BIGGEST else None


def total(*values: int | None) -> int | None:
    """The sum of those that are told; None if none is."""
    told = [value for value in values if value is not None]
    return min(sum(told), BIGGEST) if told else None


def engagement(found: Mapping[str, int | None], interactions: int | None = None) -> float | None:
    """What people did to how often it was seen, by the platform's count of `interactions`, or else by ours."""
    seen = found.get("impressions")
    if interactions is None:
        interactions = total(*(found.get(name) for name in INTERACTIONS))
    return interactions / seen if seen and interactions is not None else None


def gathered(
    found: Mapping[str, int | None],
    raw: Mapping[str, Any],
    unknown: Iterable[str],
    *,
    ratio: float | None = None,
    interactions: int | None = None,
) -> Figures:
    """The figures `found` under our words; the `ratio` of engagement is the platform's, or else made of counts."""
    return Figures(
        impressions=found.get("impressions"),
        reach=found.get("reach"),
        likes=found.get("likes"),
        comments=found.get("comments"),
        shares=found.get("shares"),
        saves=found.get("saves"),
        clicks=found.get("clicks"),
        video_views=found.get("video_views"),
        engagement=engagement(found, interactions) if ratio is None else ratio,
        raw=storable(raw),
        unknown=frozenset(text(name, LONGEST_ID) for name in unknown),
    )


def text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Text that every database takes; empty for what is no text."""
    return plain(value[: longest * 2])[:longest] if isinstance(value, str) else ""


def identity(value: Any) -> str:
    """The id of a post. Raises ValueError for what cannot be one."""
    known = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not ID.fullmatch(known):
        raise ValueError(f"{str(value)[:30]!r} is no id")
    return known


def address(value: Any) -> str:
    """Where a post can be seen; empty for what leads elsewhere than into the web."""
    found = text(value, 500)
    return found if found.startswith(("https://", "http://")) and len(str(value)) <= len(found) else ""


def moment(value: Any) -> datetime | None:
    """A moment, from ISO 8601 or from milliseconds since the epoch; None for whatever is none."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def storable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as they came, if every database takes them and they are no flood; else those that are plain numbers."""
    try:
        whole = json.dumps(raw, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # NaN, or a number of thousands of digits
        whole = ""
    if 0 < len(whole) <= LONGEST_RAW and not any(odd in whole for odd in ODD) and _depth(raw) <= DEEPEST_RAW:
        return dict(raw)
    numbers = ((text(str(name), 100), count(value)) for name, value in raw.items())
    return dict([pair for pair in numbers if pair[1] is not None][:100])


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
