"""The last 24 hours by outcome: a bar for each hour, drawn as SVG on the server, and the same as a table."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Value
from django.utils import timezone

from scheduling.admin.columns import COLOURS
from scheduling.models import Cause, Execution, ExecutionQuerySet, State
from scheduling.tenants import Person

HOUR = timedelta(hours=1)
HOURS = 24
STACK = (  # from the bottom to the top
    *(State.SUCCEEDED, State.SKIPPED, State.CANCELLED, State.LOST, State.TIMED_OUT, State.FAILED),
)
WIDTH, GAP, HEIGHT = 30, 6, 160  # of a bar with its gap, of the gap, of the highest bar; units of the drawing


@dataclass(slots=True)
class Hour:
    """The outcomes of one hour."""

    begin: datetime
    counts: dict[State, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def hours(now: datetime, to: Person | None = None) -> list[Hour]:
    """The hours of the last day, oldest first, of what `to` may see; two queries count along the index of the end."""
    top = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    found = [Hour(top.astimezone(now.tzinfo) - (HOURS - 1 - number) * HOUR) for number in range(HOURS)]
    runs = Execution.objects.seen_by(to)
    parts = [
        runs.order_by()
        .filter(finished_at__gte=hour.begin, finished_at__lt=hour.begin + HOUR)
        .values("state")
        .annotate(hour=Value(number), count=Count("id"))
        .values_list("hour", "state", "count")
        for number, hour in enumerate(found)
    ]
    for number, state, count in parts[0].union(*parts[1:], all=True).order_by():
        found[number].counts[State(state)] = count
    for ended in _interrupted(runs, found[0].begin):
        counts = found[(ended - found[0].begin) // HOUR].counts
        counts[State.LOST] -= 1
        counts[State.CANCELLED] = counts.get(State.CANCELLED, 0) + 1
    return found


def _interrupted(runs: ExecutionQuerySet, since: datetime) -> list[datetime]:
    """When runs ended that a deploy interrupted: told as cancelled, since nothing went wrong."""
    lost = runs.filter(state=State.LOST, finished_at__gte=since, cause=Cause.INTERRUPTED)
    ended = lost.filter(finished_at__lt=since + HOURS * HOUR).values_list("finished_at", flat=True)
    return [moment for moment in ended if moment]


def totals(found: list[Hour]) -> list[tuple[str, str, int]]:
    """Label, colour and count of each outcome that there was."""
    sums = {state: sum(hour.counts.get(state, 0) for hour in found) for state in STACK}
    return [(state.label, COLOURS[state], count) for state, count in sums.items() if count]


def draw(found: list[Hour]) -> dict[str, Any]:
    """What the template draws: bars of coloured parts, and a table of the same for who cannot see them."""
    highest = max((hour.total for hour in found), default=0)
    return {
        "width": HOURS * WIDTH,
        "height": HEIGHT,
        "highest": highest,
        "bars": [_bar(number, hour, highest) for number, hour in enumerate(found)],
        "rows": [(timezone.localtime(hour.begin), _words(hour)) for hour in found if hour.total],
    }


def _bar(number: int, hour: Hour, highest: int) -> dict[str, Any]:
    parts, top = [], float(HEIGHT)
    for state in STACK:
        if count := hour.counts.get(state, 0):
            height = max(count / highest * HEIGHT, 2)
            top -= height
            parts.append((COLOURS[state], round(max(top, 0), 1), round(height, 1)))
    begin = timezone.localtime(hour.begin)
    return {
        "x": number * WIDTH + GAP // 2,
        "width": WIDTH - GAP,
        "middle": number * WIDTH + WIDTH // 2,
        "parts": parts,
        "label": f"{begin:%H}" if number % 3 == 2 else "",
        "title": f"{begin:%H:%M}: {_words(hour)}",
    }


def _words(hour: Hour) -> str:
    counts = [f"{hour.counts[state]} {state.label.lower()}" for state in STACK if hour.counts.get(state)]
    return ", ".join(counts) or "no runs"
