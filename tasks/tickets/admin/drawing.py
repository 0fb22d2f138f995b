"""Counts as drawings: lines and stacked bars for the templates, which write them as SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

STEP, HEIGHT, ROOM = 10, 40, 3  # of a line: from one hour to the next, the highest point, above and below
BAR, GAP, HIGHEST = 40, 10, 160  # of a bar with its gap, of the gap, of the highest bar


@dataclass(frozen=True, slots=True)
class Line:
    """A line over the hours, and the area under it."""

    width: int
    height: int
    points: str
    area: str
    last: tuple[float, float]  # where it ends
    highest: int
    total: int


def line(counts: Sequence[int]) -> Line:
    """At least two counts, the oldest first."""
    highest = max(counts)
    bottom = HEIGHT + ROOM
    places = [
        (number * STEP, round(bottom - count / highest * HEIGHT, 1) if highest else float(bottom))
        for number, count in enumerate(counts)
    ]
    points = " ".join(f"{x},{y}" for x, y in places)
    width = (len(counts) - 1) * STEP
    area = f"0,{bottom} {points} {width},{bottom}"
    return Line(width, HEIGHT + 2 * ROOM, points, area, places[-1], highest, sum(counts))


@dataclass(frozen=True, slots=True)
class Bar:
    x: int
    width: int
    parts: list[tuple[str, float, float]]  # colour, top, height; from the bottom to the top
    title: str
    day: date


@dataclass(frozen=True, slots=True)
class Stack:
    """Bars of coloured parts."""

    width: int
    height: int
    highest: int
    bars: list[Bar]


def stack(days: Sequence[date], layers: Sequence[tuple[str, str, Sequence[int]]]) -> Stack:
    """One bar for each day; `layers` are name, colour and the counts, from the bottom to the top."""
    totals = [sum(counts[place] for _, _, counts in layers) for place in range(len(days))]
    highest = max(totals, default=0)
    bars = []
    for place, day in enumerate(days):
        top, parts = float(HIGHEST), []
        for _, colour, counts in layers:
            if counts[place]:
                height = counts[place] / highest * HIGHEST
                top -= height
                parts.append((colour, round(max(top, 0.0), 1), round(height, 1)))
        words = ", ".join(f"{name} {counts[place]}" for name, _, counts in layers if counts[place])
        bars.append(
            Bar(place * BAR + GAP // 2, BAR - GAP, parts, f"{day:%a} {day.day} {day:%b}: {words or 'none'}", day)
        )
    return Stack(len(days) * BAR, HIGHEST, highest, bars)
