"""How many tokens the model may still read and write today, by the days of UTC."""

from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django.db.models import F, Sum

from tasks.recording import Entry
from tasks.tickets.models import Batch, Usage


@transaction.atomic
def spend(now: datetime, *, requests: int, input_tokens: int, output_tokens: int) -> None:
    """Add to what was used today."""
    day, _ = Usage.objects.get_or_create(day=now.astimezone(UTC).date())
    Usage.objects.filter(pk=day.pk).update(
        requests=F("requests") + requests,
        input_tokens=F("input_tokens") + input_tokens,
        output_tokens=F("output_tokens") + output_tokens,
    )


def left(daily_tokens: int, now: datetime) -> int | None:
    """Tokens that may still be used today, batches under way included; None: there is no limit."""
    if not daily_tokens:
        return None
    used = Usage.objects.filter(pk=now.astimezone(UTC).date()).first()
    under_way = Batch.objects.filter(ended_at=None).aggregate(sum=Sum("estimate"))["sum"] or 0
    return max(daily_tokens - (used.input_tokens + used.output_tokens if used else 0) - under_way, 0)


def renewed_at(now: datetime) -> datetime:
    """When the next day begins."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def tell(entry: Entry, daily_tokens: int, now: datetime) -> None:
    """Log that nothing more can be paid today."""
    entry.log(f"The {daily_tokens} tokens of today are used up; it goes on after {renewed_at(now):%Y-%m-%d %H:%M} UTC.")
