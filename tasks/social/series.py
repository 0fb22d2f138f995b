"""Figures over time, for charts and programs: what posts had altogether at each of a few moments.

A reading holds until the next one, so that the figure of a moment is that of the latest reading before it that has it:
a platform that stops telling a figure, or leaves it out once, takes nothing back from a sum. The database looks it up
in the index of readings, once for each post and moment, of posts that ever had it; those that were not read in the time
in question stand still, and are summed at once. So the cost goes by posts and moments, however many readings there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.expressions import Combinable
from django.utils.timezone import get_current_timezone

from tasks.social.models import METRICS, Post, Reading

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST = 100  # moments of a series
ENGAGEMENT = "engagement"  # a ratio, told of single posts only: a sum of ratios says nothing
FIGURES = (*METRICS, ENGAGEMENT)
STEPS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Figure = int | float | None  # None: no platform has told it
type Line = list[Figure]


@dataclass(frozen=True, slots=True)
class Moments:
    """The ends of stretches of time, of which the last one is still going on."""

    step: timedelta
    ends: tuple[datetime, ...]

    @property
    def by_hour(self) -> bool:
        return self.step < DAY

    def label(self, place: int) -> str:
        """A day (UTC) by its date; a stretch of hours by its end, on the clock of the viewer."""
        end = self.ends[place]
        if self.by_hour:
            local = end.astimezone(get_current_timezone())
            return f"{local:%a} {local.day} {local:%b} {local:%H:%M}"
        day = end.astimezone(UTC) - timedelta(microseconds=1)
        return f"{day:%a} {day.day} {day:%b}"


def moments(since: datetime, until: datetime, step: timedelta) -> Moments:
    """The ends of all stretches of `step` on the grid of UTC that reach into the time, MOST at most; then `until`."""
    ends, end = [until], EPOCH + (until - EPOCH) // step * step
    while end > since and len(ends) < MOST:
        if end < until:
            ends.append(end)
        end -= step
    return Moments(step, tuple(reversed(ends)))


def step_for(span: timedelta) -> timedelta:
    """The shortest step by which MOST moments cover `span`."""
    return next((step for step in STEPS if span / step <= MOST - 1), -(-span // (DAY * (MOST - 1))) * DAY)


def line(posts: QuerySet[Post], metric: str, when: Moments) -> Line:
    """The sum of `metric` over `posts` at each of the moments; None where none of them has it."""
    return lines(posts, metric, when, "")[""]


def lines(posts: QuerySet[Post], metric: str, when: Moments, group: str) -> dict[Any, Line]:
    """The same for each value of the path `group`, such as account__business; of those that have posts."""
    first = when.ends[0]
    posts = posts.filter(**{f"{metric}__isnull": False})  # a post keeps the last value that was told
    still = _sums(posts.exclude(read_at__gte=first), {"at": metric}, group)
    asked = {f"at_{place}": _reading(metric, end) for place, end in enumerate(when.ends)}
    moving = _sums(posts.filter(read_at__gte=first), asked, group)
    nothing: Line = [None] * len(when.ends)
    found: dict[Any, Line] = {}
    for key in still.keys() | moving.keys():
        (rest,) = still.get(key, [None])
        found[key] = [_plus(rest, each) for each in moving.get(key, nothing)]
    return found


def _reading(metric: str, end: datetime) -> Subquery:
    """What a post had at `end`, by the last reading in which it was told."""
    told = {f"{metric}__isnull": False}
    before = Reading.objects.filter(post=OuterRef("pk"), taken_at__lte=end, **told).order_by("-taken_at")
    return Subquery(before.values(metric)[:1])


def _sums(posts: QuerySet[Post], what: Mapping[str, str | Combinable], group: str) -> dict[Any, Line]:
    sums = {f"sum_{name}": Sum(each) for name, each in what.items()}
    if not group:
        return {"": list(posts.order_by().aggregate(**sums).values())}
    rows = posts.order_by().values(group).annotate(**sums)
    return {row[group]: [row[name] for name in sums] for row in rows}


def _plus(one: Figure, other: Figure) -> Figure:
    return other if one is None else one if other is None else one + other
