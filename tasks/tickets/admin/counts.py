"""The hourly counts as the pages want them: by the hour for some clusters, by the day for all."""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDate

from tasks.tickets.models import HourlyCount
from tasks.tickets.trends import HOUR, hour_of

HOURS = 48
DAYS = 14


def by_hour(clusters: Collection[int], now: datetime) -> dict[int, list[int]]:
    """Cluster -> tickets in each of the last 48 hours, the one under way last; in one query."""
    first = hour_of(now) - (HOURS - 1) * HOUR
    counts = {key: [0] * HOURS for key in clusters}
    rows = HourlyCount.objects.filter(cluster__in=clusters, hour__gte=first, hour__lt=first + HOURS * HOUR)
    for cluster, hour, count in rows.order_by().values_list("cluster", "hour", "count"):
        counts[cluster][(hour - first) // HOUR] = count
    return counts


def days_until(now: datetime) -> list[date]:
    """The last 14 days (UTC), today last."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def by_day(now: datetime, cluster: int | None = None) -> dict[int, list[int]]:
    """Cluster -> tickets on each of the last 14 days; of one cluster, or of all that had any."""
    days = days_until(now)
    first = datetime.combine(days[0], datetime.min.time(), UTC)
    rows = HourlyCount.objects.filter(hour__gte=first, hour__lt=first + timedelta(days=DAYS)).order_by()
    rows = rows if cluster is None else rows.filter(cluster=cluster)
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0] * DAYS)
    grouped = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values_list("cluster", "day")
    for key, day, count in grouped.annotate(tickets=Sum("count")):
        counts[key][(day - days[0]).days] = count
    return counts
