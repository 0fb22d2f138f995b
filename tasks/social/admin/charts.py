"""Charts of posts: one for each figure that any platform tells, over the time that the person chose."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tasks.social import series
from tasks.social.admin.drawing import Drawn, draw
from tasks.social.models import METRICS, Post
from tasks.social.series import ENGAGEMENT, Figure, Line, Moments, moments

NAMES = {name: name.replace("_", " ").capitalize() for name in series.FIGURES}
SPARK = ("impressions", "reach", "likes")  # the first of these that a business has is drawn in the list


@dataclass(frozen=True, slots=True)
class Reach:
    """A time to look at."""

    words: str
    span: timedelta
    step: timedelta


REACHES = {
    "2d": Reach("2 days", timedelta(days=2), series.HOUR),
    "14d": Reach("14 days", timedelta(days=14), series.DAY),
    "90d": Reach("90 days", timedelta(days=90), 4 * series.DAY),
}
USUAL = "14d"
PARAMETER = "reach"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure over time, as a line and as a table."""

    name: str
    now: str
    growth: str
    words: str  # for those who do not see it
    drawn: Drawn
    highest: str
    lowest: str
    rows: list[tuple[str, str]]  # moment, figure; the oldest first


def context(request: HttpRequest, posts: QuerySet[Post], now: datetime, *, single: bool = False) -> dict[str, Any]:
    """The charts of `posts`, and links to the other times; `single` says that it is one post."""
    chosen = request.GET.get(PARAMETER, USUAL)
    chosen = chosen if chosen in REACHES else USUAL
    reach = REACHES[chosen]
    when = moments(now - reach.span, now, reach.step)
    names = [*METRICS, *([ENGAGEMENT] if single else [])]
    found = [chart(name, series.line(posts, name, when), when, reach.words) for name in _known(posts, names)]
    links = [(f"?{PARAMETER}={key}", each.words, key == chosen) for key, each in REACHES.items()]
    return {"charts": found, "reaches": links, "reach_words": reach.words}


def chart(name: str, figures: Line, when: Moments, span: str) -> Chart:
    """`span` is how long it reaches back, in words."""
    drawn, tell = draw(figures), percent if name == ENGAGEMENT else number
    growth = f"{'+' if drawn.growth >= 0 else '-'}{tell(abs(drawn.growth))} in {span}"
    label = NAMES[name]
    words = f"{label}: {tell(drawn.first)} at first, {tell(drawn.last)} at the end, {growth}."
    rows = [(when.label(place), tell(each)) for place, each in enumerate(figures)]
    return Chart(
        name=label,
        now=tell(figures[-1]),
        growth=growth,
        words=words,
        drawn=drawn,
        highest=tell(drawn.highest),
        lowest=tell(drawn.lowest),
        rows=rows,
    )


def sparks(businesses: Collection[int], now: datetime) -> dict[int, SafeString]:
    """Business -> a small line of the last 14 days, of those that have posts with figures."""
    reach = REACHES[USUAL]
    when = moments(now - reach.span, now, reach.step)
    found: dict[int, SafeString] = {}
    for metric in SPARK:
        posts = Post.objects.filter(account__business__in=[each for each in businesses if each not in found])
        for key, figures in series.lines(posts, metric, when, "account__business").items():
            if any(each is not None for each in figures):
                found[key] = spark(metric, figures)
    return found


def spark(metric: str, figures: Line) -> SafeString:
    drawn = draw(figures)
    words = f"{NAMES[metric]}: {number(drawn.first)} to {number(drawn.last)} in {REACHES[USUAL].words}"
    lines = format_html_join(
        "",
        '<polyline points="{}" vector-effect="non-scaling-stroke"/>',
        ((piece.points,) for piece in drawn.pieces),
    )
    return format_html(
        '<span class="social-trend"><svg class="social-line social-spark" viewBox="0 0 {} {}" role="img" '
        'preserveAspectRatio="none" aria-label="{}"><title>{}</title>{}</svg><span title="{}">{}</span></span>',
        *(drawn.width, drawn.height, words, words, lines, words, short(drawn.last)),
    )


def number(value: Figure) -> str:
    return "—" if value is None else f"{value:,.0f}"


def percent(value: Figure) -> str:
    return "—" if value is None else f"{100 * value:.2f} %"


def short(value: Figure) -> str:
    """ "940", "12.3k", "4.1M\""""
    if value is None:
        return "—"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.1f}{unit}"
    return f"{value:,.0f}"


def _known(posts: QuerySet[Post], names: list[str]) -> list[str]:
    """The figures that any of `posts` has, or had in its last reading."""
    asked = {f"any_{name}": Max(name) for name in names}
    found = posts.order_by().aggregate(**asked)
    return [name for name in names if found[f"any_{name}"] is not None]
