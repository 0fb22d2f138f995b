"""Series as squares, lists as places that changed, hostile addresses as nothing. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tasks.audiobooks.models import GapState

MOST_SQUARES = 30
NUMBER = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)")
LOOKS = {  # colour of the badge
    GapState.OWNED: "green",
    GapState.QUEUED: "blue",
    GapState.FOUND: "amber",
    GapState.MISSING: "red",
    GapState.IGNORED: "slate",
}


@dataclass(frozen=True, slots=True)
class Square:
    """A work of a series: full if it is here, hollow if it is not."""

    label: str
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Squares:
    """The first works of a series, and how many are not drawn."""

    shown: list[Square]
    more: int
    owned: int
    wanted: int

    @property
    def words(self) -> str:
        return f"{self.owned} of {self.wanted} are here"


def in_order(position: str, title: str = "") -> tuple[int, float, str, str]:
    """What to sort places in a series by: 2.5 between 2 and 3, words after numbers, and nothing at the end."""
    number = NUMBER.match(position)
    if number:
        return 0, float(number[1]), position, title
    return (1 if position.strip() else 2), 0.0, position.casefold(), title


def squares(works: Iterable[tuple[str, str, str]]) -> Squares:
    """Of (position, title, state), in any order."""
    ordered = sorted(works, key=lambda work: in_order(work[0], work[1]))
    drawn = [
        Square(position[:4], state, f"{position or 'No number'}: {title[:80]}, {GapState(state).label.lower()}")
        for position, title, state in ordered[:MOST_SQUARES]
    ]
    owned = sum(state == GapState.OWNED for *_, state in ordered)
    wanted = sum(state != GapState.IGNORED for *_, state in ordered)
    return Squares(drawn, len(ordered) - len(drawn), owned, wanted)


def percent(owned: int, wanted: int) -> int:
    """How complete; the last percent is for what is whole."""
    if not wanted:
        return 100
    return 100 if owned >= wanted else min(round(100 * owned / wanted), 99)


def change(place: int, key: str, before: Mapping[str, int]) -> tuple[str, str, str]:
    """How a place has changed: a sign, its colour and words. Without a list before, nothing."""
    if not before:
        return "", "slate", ""
    was = before.get(key)
    if was is None:
        return "new", "blue", "It was not in the list of the week before."
    if was == place:
        return "=", "slate", "It was there the week before."
    sign, colour = ("▲", "green") if was > place else ("▼", "red")
    return f"{sign}{abs(was - place)}", colour, f"It was at {was} the week before."


def page_address(url: str) -> str:
    """The address of a page, if a browser may be led there; nothing otherwise."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname else ""
