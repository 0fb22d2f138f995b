"""Pings: each signal of a run is noted once, sent by one process, and dropped when it has become stale."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import Combinable

from scheduling.models import LONGEST_REASON, Ping, Signal
from scheduling.store.batch import contested, insert_rows, locked

STALE = timedelta(minutes=10)  # after what it tells of, a ping says nothing any more
LEASE = timedelta(minutes=1)
BACK_OFF = (5, 15, 30, 60, 120)  # seconds after each attempt that failed
AT_ONCE = 20


def note(pings: Sequence[Ping]) -> int:
    """Insert the pings that are not known; returns how many were new."""
    known = set(
        Ping.objects.filter(execution__in={ping.execution_id for ping in pings}).values_list("execution", "signal")
    )
    return len(insert_rows([ping for ping in pings if (ping.execution_id, ping.signal) not in known]))


def is_due(now: datetime) -> bool:
    return Ping.objects.filter(due_at__lte=now).exists()


@contested
def claim(now: datetime) -> list[Ping]:
    """Pings that are due, in the order in which things happened; they are the caller's to send."""
    with transaction.atomic():
        due = Ping.objects.filter(due_at__lte=now).order_by("happened_at", "signal")
        claimed = list(locked(due)[:AT_ONCE])
        Ping.objects.filter(pk__in=[ping.pk for ping in claimed]).update(due_at=now + LEASE, attempts=F("attempts") + 1)
    for ping in claimed:
        ping.attempts += 1
    return claimed


def sent(ping: Ping, now: datetime) -> None:
    """It has arrived."""
    Ping.objects.filter(pk=ping.pk).update(due_at=None, sent_at=now, error="")


def failed(ping: Ping, error: str, *, now: datetime, final: bool = False) -> None:
    """It has not: tried again shortly, or dropped."""
    due = now + timedelta(seconds=BACK_OFF[min(ping.attempts, len(BACK_OFF)) - 1])
    dropped = final or due - ping.happened_at > STALE
    Ping.objects.filter(pk=ping.pk).update(due_at=None if dropped else due, error=error[:LONGEST_REASON])


def is_overtaken(ping: Ping) -> bool:
    """Whether the job has said something newer: to tell the old afterwards would be a false alarm."""
    later = Q(happened_at__gt=ping.happened_at) | Q(
        execution=ping.execution_id, signal__in=(Signal.SUCCESS, Signal.FAIL)
    )
    return Ping.objects.filter(later, name=ping.name, job=ping.job).exclude(pk=ping.pk).exclude(sent_at=None).exists()


def drop(pings: Collection[Ping], why: str) -> None:
    """They are not sent any more."""
    Ping.objects.filter(pk__in=[ping.pk for ping in pings]).update(due_at=None, error=why[:LONGEST_REASON])


def unsaid(signals: Collection[Signal]) -> Combinable:
    """For rows of Execution: whether none of `signals` is noted yet."""
    return ~Exists(Ping.objects.filter(execution=OuterRef("pk"), signal__in=signals))
