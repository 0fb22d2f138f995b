"""The outbox: what is to be told on which channel, who is at it, and what came of it.

Each write is compare, set, count: two workers that deliver at once claim different rows. A message is told at least
once: a worker that dies after a service has taken it, and before that is written here, lets another one send it again
when the claim is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import F, Q, QuerySet

from scheduling.redact import plain
from tasks.classifieds.models import ClosedChannel, Delivery, DeliveryState

LEASE = timedelta(minutes=10)  # longer than any sending takes
ATTEMPTS = 10
FIRST_WAIT = timedelta(minutes=1)  # doubled with each attempt
LONGEST_WAIT = timedelta(hours=1)
KEPT_FOR = timedelta(days=7)  # after that nobody wants to hear of it any more
CLOSED_FOR = timedelta(days=1)  # the other side may have changed its mind, with our setting as it was
LONGEST_ERROR = 300  # characters

NOBODYS = {"claim": None, "claimed_until": None}


def channels_due(now: datetime) -> list[str]:
    """The channels on which something could be sent now."""
    return list(_due(now).order_by("channel").values_list("channel", flat=True).distinct())


def claim(channel: str, now: datetime, most: int) -> list[Delivery]:
    """Up to `most` deliveries that are ours now, the oldest first, with all that is told of them."""
    wanted = list(_due(now).filter(channel=channel).order_by("id").values_list("id", flat=True)[:most])
    if not wanted:
        return []
    ours = uuid4()
    _due(now).filter(pk__in=wanted).update(claim=ours, claimed_until=now + LEASE, attempts=F("attempts") + 1)
    claimed = Delivery.objects.filter(pk__in=wanted, claim=ours).order_by("id")
    return list(claimed.select_related("match__rule", "match__listing__category"))


def sent(deliveries: Sequence[Delivery], now: datetime) -> int:
    """They have arrived."""
    return _still_ours(deliveries).update(state=DeliveryState.SENT, sent_at=now, error="", **NOBODYS)


def failed(deliveries: Sequence[Delivery], why: str) -> int:
    """They never will."""
    return _still_ours(deliveries).update(state=DeliveryState.FAILED, error=_told(why), **NOBODYS)


def try_later(deliveries: Sequence[Delivery], why: str, now: datetime) -> int:
    """Send each of them again after a while, or give it up after the last attempt; how many are given up."""
    over = [each for each in deliveries if each.attempts >= ATTEMPTS]
    for each in deliveries:
        if each not in over:
            retry_at = now + wait_after(each.attempts)
            _still_ours([each]).update(retry_at=retry_at, error=_told(why), **NOBODYS)
    return failed(over, why) if over else 0


def put_off(deliveries: Sequence[Delivery], retry_at: datetime, why: str) -> int:
    """The channel wants to wait: this was no attempt."""
    return _still_ours(deliveries).update(retry_at=retry_at, error=_told(why), attempts=F("attempts") - 1, **NOBODYS)


def give_up(now: datetime) -> int:
    """End what is too old, and what has taken each worker that tried it along; how many there were."""
    free = _pending().filter(_free(now))
    old = free.filter(waits_since__lt=now - KEPT_FOR)
    told = old.update(state=DeliveryState.FAILED, error=f"It could not be told within {KEPT_FOR.days} days.", **NOBODYS)
    tried = free.filter(attempts__gte=ATTEMPTS)
    return told + tried.update(state=DeliveryState.FAILED, error=f"It was tried {ATTEMPTS} times.", **NOBODYS)


def try_again(deliveries: "QuerySet[Delivery]", now: datetime) -> int:
    """Send those that were given up once more, with all their time before them; how many there are."""
    return deliveries.filter(state=DeliveryState.FAILED).update(
        state=DeliveryState.PENDING, attempts=0, retry_at=now, waits_since=now, **NOBODYS
    )


def note(channel: str, why: str) -> None:
    """Say at all that wait on the channel why nothing is sent."""
    _pending().filter(channel=channel).exclude(error=_told(why)).update(error=_told(why))


def close_channel(channel: str, setting: str, why: str, now: datetime) -> None:
    """Send nothing there for a day, or until the setting, of which this is the fingerprint, is another one."""
    defaults = {"setting": setting, "why": _told(why), "closed_at": now}
    ClosedChannel.objects.update_or_create(pk=channel, defaults=defaults)


def closed_because(channel: str, setting: str, now: datetime) -> str:
    """Why the channel is closed; empty if it is not: with another setting, or after its time, it is open again."""
    ClosedChannel.objects.filter(pk=channel).exclude(setting=setting, closed_at__gt=now - CLOSED_FOR).delete()
    closed = ClosedChannel.objects.filter(pk=channel).first()
    return closed.why if closed else ""


def open_again(deliveries: "QuerySet[Delivery]") -> list[str]:
    """Open the channels on which these wait, or were given up; those that were closed."""
    wanted = set(deliveries.exclude(state=DeliveryState.SENT).order_by().values_list("channel", flat=True))
    closed = sorted(ClosedChannel.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    ClosedChannel.objects.filter(pk__in=closed).delete()
    return closed


def wait_after(attempts: int) -> timedelta:
    """How long after that many attempts the next one comes."""
    return min(FIRST_WAIT * (1 << min(max(attempts - 1, 0), 20)), LONGEST_WAIT)


def _pending() -> "QuerySet[Delivery]":
    return Delivery.objects.filter(state=DeliveryState.PENDING)


def _due(now: datetime) -> "QuerySet[Delivery]":
    return _pending().filter(_free(now), retry_at__lte=now, attempts__lt=ATTEMPTS)


def _free(now: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=now)


def _still_ours(deliveries: Sequence[Delivery]) -> "QuerySet[Delivery]":
    """Those of our claim; a claim that came to its end may be another worker's by now."""
    claims = {each.claim for each in deliveries}
    return _pending().filter(pk__in=[each.pk for each in deliveries], claim__in=claims)


def _told(why: str) -> str:
    return plain(why)[:LONGEST_ERROR]
