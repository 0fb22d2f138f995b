"""Figures as lines for the templates, which write them as SVG; a line has gaps where a figure is not known. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.social.series import Figure, Line

STEP, HEIGHT, ROOM = 20, 100, 6  # units: from one moment to the next, of the highest point, above and below
ALONE = 4  # how far a point without neighbours reaches to both sides
BOTTOM = HEIGHT + ROOM

type Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line without a gap, and the area under it."""

    points: str
    area: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line in pieces, from its lowest to its highest figure."""

    width: int
    height: int
    pieces: list[Piece]
    lowest: Figure  # None: there is no figure at all
    highest: Figure
    first: Figure  # that is known
    last: Figure

    @property
    def growth(self) -> float:
        """From the first figure that is known to the last."""
        return (self.last or 0) - (self.first or 0)


def draw(figures: Line) -> Drawn:
    """At least one figure, the oldest first."""
    known = [each for each in figures if each is not None]
    width = max(len(figures) - 1, 1) * STEP
    if not known:
        return Drawn(width, BOTTOM + ROOM, [], None, None, None, None)
    lowest, highest = min(known), max(known)
    pieces = [_piece(places, width) for places in _stretches(figures, lowest, highest)]
    return Drawn(width, BOTTOM + ROOM, pieces, lowest, highest, known[0], known[-1])


def _stretches(figures: Line, lowest: float, highest: float) -> Iterator[list[Place]]:
    """The places of figures that follow each other without a gap."""
    spread = highest - lowest
    for is_gap, numbered in groupby(enumerate(figures), key=lambda each: each[1] is None):
        if is_gap:
            continue
        shares = [(place, (each - lowest) / spread if spread else 0.5) for place, each in numbered if each is not None]
        yield [(place * STEP, round(BOTTOM - share * HEIGHT, 1)) for place, share in shares]


def _piece(places: Sequence[Place], width: int) -> Piece:
    if len(places) == 1:
        ((x, y),) = places
        places = [(max(x - ALONE, 0), y), (min(x + ALONE, width), y)]
    points = " ".join(f"{x:g},{y:g}" for x, y in places)
    return Piece(points, f"{places[0][0]:g},{BOTTOM} {points} {places[-1][0]:g},{BOTTOM}")
