"""The trends page: which clusters rise, the last 48 hours of each, the last 14 days of all; and the pipeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from scheduling.admin import columns
from tasks.tickets.admin import panel
from tasks.tickets.admin.counts import DAYS, HOURS, by_day, by_hour, days_until
from tasks.tickets.admin.drawing import line, stack
from tasks.tickets.conf import options
from tasks.tickets.models import Cluster, Issue, Ticket

MOST_RISING = 12
MOST_OTHERS = 20
LAYERS = ("blue", "violet", "green", "amber", "orange")  # the biggest clusters of the 14 days; the others are grey
LIGHT = ("centroid", "terms")


def context(request: HttpRequest) -> dict[str, Any]:
    """What the page shows, apart from what every page of the admin does."""
    now = timezone.now()
    standing = Cluster.objects.filter(is_gone=False).defer(*LIGHT)
    rising = list(standing.filter(is_rising=True).order_by("-score", "-size", "pk")[: MOST_RISING + 1])
    days = by_day(now)
    others = _others(standing, rising, days)
    hours = by_hour([each.pk for each in [*rising, *others]], now)
    named = standing.in_bulk(_biggest(days))
    return {
        "title": "Trends",
        "panel": panel.context(request),
        "rising": [row(each, hours[each.pk]) for each in rising[:MOST_RISING]],
        "more_rising": len(rising) > MOST_RISING,
        "others": [row(each, hours[each.pk]) for each in others],
        "days": drawn_days(now, days, named),
        "scored": _scored(standing, now),
        "rising_list": columns.listing(Cluster, is_rising__exact=1),
        "list": columns.listing(Cluster),
        "empty": _what_to_do() if not (rising or others) else [],
    }


def row(cluster: Cluster, counts: Sequence[int]) -> dict[str, Any]:
    """A cluster with its line over the last 48 hours."""
    drawn = line(counts)
    return {
        "cluster": cluster,
        "page": columns.page(cluster),
        "badge": standing_badge(cluster),
        "line": drawn,
        "last_hour": counts[-1],
        "last_day": sum(counts[-24:]),
        "day_before": sum(counts[:-24]),
        "words": f"{drawn.total} tickets in {HOURS} hours, {drawn.highest} in the busiest, {counts[-1]} in this one",
    }


def standing_badge(cluster: Cluster) -> Any:
    """Whether it rises."""
    if cluster.is_gone:
        return columns.badge("Gone", "slate", "The last full run found nothing like it.")
    if not cluster.is_rising:
        return ""
    words = f"Score {cluster.score:.1f}: {cluster.ratio:.1f} times what the day before lets expect"
    return columns.badge("New and rising" if cluster.is_new else "Rising", "red", words)


def drawn_days(
    now: datetime,
    days: Mapping[int, Sequence[int]],
    named: Mapping[int, Cluster],
    others: tuple[str, str] = ("Others", "grey"),
) -> dict[str, Any]:
    """Bars for the last 14 days, the `named` clusters apart and the `others` together; and the same as a table."""
    ordered = sorted(named.values(), key=lambda each: (-sum(days[each.pk]), each.pk))
    layers = [(each.name, colour, days[each.pk]) for each, colour in zip(ordered, LAYERS, strict=False)]
    rest = [counts for key, counts in days.items() if key not in named]
    if rest:
        layers.append((*others, [sum(column) for column in zip(*rest, strict=True)]))
    shown = days_until(now)
    pages = [columns.page(each) for each in ordered]
    legend = [
        {"name": name, "colour": colour, "total": sum(counts), "page": pages[place] if place < len(pages) else ""}
        for place, (name, colour, counts) in enumerate(layers)
    ]
    totals = [sum(counts[place] for _, _, counts in layers) for place in range(DAYS)]
    return {
        "stack": stack(shown, layers),
        "legend": legend,
        "rows": list(zip(shown, totals, strict=True)),
        "total": sum(totals),
    }


def _others(standing: QuerySet[Cluster], rising: Sequence[Cluster], days: Mapping[int, Sequence[int]]) -> list[Cluster]:
    """The busiest of the last 14 days, then the biggest, without those that rise."""
    quiet = standing.exclude(pk__in=[each.pk for each in rising])
    busy = sorted(days, key=lambda key: (-sum(days[key]), key))[: MOST_OTHERS + len(rising)]
    found = quiet.in_bulk(busy)
    chosen = [found[key] for key in busy if key in found][:MOST_OTHERS]
    more = quiet.exclude(pk__in=[each.pk for each in chosen]).order_by("-size", "pk")
    return chosen + list(more[: MOST_OTHERS - len(chosen)])


def _biggest(days: Mapping[int, Sequence[int]]) -> list[int]:
    return sorted(days, key=lambda key: (-sum(days[key]), key))[: len(LAYERS)]


def _scored(standing: QuerySet[Cluster], now: datetime) -> Any:
    latest = standing.exclude(scored_at=None).order_by("-scored_at").values_list("scored_at", flat=True).first()
    return columns.distance(latest, now) if latest else ""


def _what_to_do() -> list[str]:
    """While there is nothing to show: what is there, and the next step."""
    if missing := options().missing():
        return [f"Set {' and '.join(missing)} in the environment, and restart the scheduler."]
    if not Ticket.objects.exists():
        return [
            "No ticket has been fetched yet. Start the full pipeline: it fetches tickets, and does all that follows."
        ]
    if not Issue.objects.exists():
        return ["Tickets are there, but no issue has been found in them yet. Start the analysis, or the full pipeline."]
    return ["Issues are there, but not gathered yet. Start the full pipeline; three that are alike make a cluster."]
