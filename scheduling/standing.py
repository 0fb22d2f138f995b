"""How a job stands: will it fire by itself, and if not, what keeps it from that."""

import enum

from django.db.models import Q

from scheduling.models import Job, Queue
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
