"""How a job stands: will it fire by itself, and if not, what keeps it from that, and what to do."""

import enum

from django.db.models import Q
from django.utils import timezone

from scheduling.models import Job, Queue
from scheduling.tenants import Person, tenants_of
from scheduling.triggers import Kind


class Standing(enum.StrEnum):
    ARMED = "armed"
    PAUSED = "paused"
    PARKED = "parked"
    HELD = "held"  # its queue is paused
    SPENT = "spent"
    MANUAL = "manual"


_FREE = Q(parked_reason="", paused_at=None)
_ARMED = _FREE & Q(next_run_time__isnull=False)
_HELD = Q(queue__in=Queue.objects.paused().values("name"))
CONDITIONS = {
    Standing.ARMED: _ARMED & ~_HELD,
    Standing.HELD: _ARMED & _HELD,
    Standing.PAUSED: Q(parked_reason="", paused_at__isnull=False),
    Standing.PARKED: ~Q(parked_reason=""),
    Standing.SPENT: _FREE & Q(next_run_time=None) & ~Q(trigger=Kind.MANUAL),
    Standing.MANUAL: _FREE & Q(next_run_time=None, trigger=Kind.MANUAL),
}


def standing(job: Job, held: Queue | None = None) -> Standing:
    """How `job` stands; `held` is its queue, if that is paused."""
    if job.parked_reason:
        return Standing.PARKED
    if job.paused_at:
        return Standing.PAUSED
    if job.next_run_time:
        return Standing.HELD if held else Standing.ARMED
    return Standing.MANUAL if job.trigger == Kind.MANUAL else Standing.SPENT


def because(job: Job, held: Queue | None = None, to: Person | None = None) -> str:
    """Why it stands so, and what to do; empty while all is well. Of its queue a confined `to` is told nothing more."""
    match standing(job, held):
        case Standing.PARKED:
            return f"{job.parked_reason} Mend it and save, and it is armed again."
        case Standing.PAUSED:
            return paused("Paused", job)
        case Standing.HELD if held:
            if tenants_of(to) is not None:
                return "Its queue is paused."
            return paused(f"Its queue {held} was paused", held)
        case Standing.SPENT:
            return "Its schedule names no further moment."
        case _:
            return ""


def paused(what: str, row: Job | Queue) -> str:
    """By whom, until when on the viewer's clock, and why."""
    until = f" until {timezone.localtime(row.paused_until):%Y-%m-%d %H:%M %Z}" if row.paused_until else ""
    said = f": {row.paused_reason}" if row.paused_reason else "."
    return f"{what} by {row.paused_by or 'the system'}{until}{said}"
