"""The stage `trends`: how many tickets of each cluster were opened in each hour (UTC), and which clusters rise.

An hour is held against the 24 before it. Of the hour that is under way and the last whole one, the higher score
counts: what an hour already has can only grow.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncHour

from tasks.recording import Entry
from tasks.tickets.cluster import AT_ONCE, counted, locked_grouping, parts
from tasks.tickets.models import Cluster, Grouping, HourlyCount

HOUR = timedelta(hours=1)
WINDOWS = 24  # hours before, with which one is compared
RECENT = timedelta(hours=48)  # counted anew each time, since late tickets arrive
WHOLE = timedelta(days=15)  # counted anew after a full run, which moves issues
KEPT = timedelta(days=90)
RISING_SCORE = 3.0
RISING_COUNT = 3

type Hours = Mapping[datetime, int]  # its start -> tickets; an hour without any is not there


@dataclass(frozen=True, slots=True)
class Trend:
    """How an hour stands against those before it."""

    score: float
    ratio: float
    is_rising: bool
    is_new: bool  # rising, after a day without any


def trend(history: Sequence[int], current: int) -> Trend:
    """The score of an hour with `current` tickets after the hours of `history`."""
    mean = math.fsum(history) / len(history) if history else 0.0
    score = (current - mean) / math.sqrt(mean + 1)
    is_rising = score >= RISING_SCORE and current >= RISING_COUNT
    return Trend(score, (current + 1) / (mean + 1), is_rising, is_rising and not any(history))


def latest_trend(hours: Hours, now: datetime) -> Trend:
    """The better of the hour that is under way and the last whole one."""
    top = hour_of(now)
    return max((_at(hours, hour) for hour in (top, top - HOUR)), key=lambda each: (each.is_rising, each.score))


def _at(hours: Hours, hour: datetime) -> Trend:
    return trend([hours.get(hour - HOUR * back, 0) for back in range(WINDOWS, 0, -1)], hours.get(hour, 0))


def hour_of(moment: datetime) -> datetime:
    """The start of its hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def compute_trends(entry: Entry, *, now: datetime) -> None:
    """Count the tickets of each cluster by the hour, and score the clusters."""
    top = hour_of(now)
    with transaction.atomic():
        last = locked_grouping()  # the daily and the hourly job may meet
        since = top - (WHOLE if last and not last.is_counted else RECENT)
        found = count_hours(since, top + HOUR)
        written = _write_counts(found, since, top + HOUR)
        Grouping.objects.filter(pk=Grouping.ONLY).update(is_counted=True)
    rising = _score(entry, found, now)
    entry.result = {"hours": written, "clusters": Cluster.objects.filter(is_gone=False).count(), "rising": rising}


def count_hours(since: datetime, until: datetime) -> dict[int, dict[datetime, int]]:
    """Cluster -> hour -> distinct tickets that were opened in it."""
    rows = counted().filter(cluster__isnull=False, opened_at__gte=since, opened_at__lt=until).order_by()
    hours = rows.annotate(hour=TruncHour("opened_at", tzinfo=UTC)).values_list("cluster", "hour")
    found: defaultdict[int, dict[datetime, int]] = defaultdict(dict)
    for cluster, hour, tickets in hours.annotate(tickets=Count("ticket", distinct=True)):
        found[cluster][hour] = tickets
    return found


def _write_counts(found: Mapping[int, Hours], since: datetime, until: datetime) -> int:
    """Make the rows from `since` on what was found, and drop those that nobody looks at; how many hours changed."""
    HourlyCount.objects.filter(hour__lt=until - KEPT).delete()
    wanted = {(cluster, hour): count for cluster, hours in found.items() for hour, count in hours.items()}
    stale, changed = [], []
    for row in HourlyCount.objects.select_for_update().filter(hour__gte=since):
        count = wanted.pop((row.cluster_id, row.hour), 0)
        if not count:
            stale.append(row.pk)
        elif count != row.count:
            row.count = count
            changed.append(row)
    for part in parts(stale):
        HourlyCount.objects.filter(pk__in=part).delete()
    HourlyCount.objects.bulk_update(changed, ["count"], batch_size=AT_ONCE)
    new = [HourlyCount(cluster_id=cluster, hour=hour, count=count) for (cluster, hour), count in wanted.items()]
    HourlyCount.objects.bulk_create(new, batch_size=AT_ONCE)
    return len(stale) + len(changed) + len(new)


def _score(entry: Entry, found: Mapping[int, Hours], now: datetime) -> int:
    """Score all clusters that are there; returns how many rise."""
    clusters = list(Cluster.objects.filter(is_gone=False).only("name").order_by("pk"))
    entry.expect(len(clusters))
    rising = 0
    for cluster in clusters:
        with entry.item(cluster.name):
            told = latest_trend(found.get(cluster.pk, {}), now)
            cluster.score, cluster.ratio = round(told.score, 3), round(told.ratio, 3)
            cluster.is_rising, cluster.is_new, cluster.scored_at = told.is_rising, told.is_new, now
            rising += told.is_rising
    names = ["score", "ratio", "is_rising", "is_new", "scored_at"]
    Cluster.objects.bulk_update(clusters, names, batch_size=AT_ONCE)
    return rising
