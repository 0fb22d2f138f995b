"""How a job stands: will it fire by itself, and if not, why."""

import enum

from django.db.models import Q

from scheduling.models import Job
from scheduling.triggers import Kind


class Standing(enum.StrEnum):
    ARMED = "armed"
    PAUSED = "paused"
    PARKED = "parked"
    SPENT = "spent"
    MANUAL = "manual"


COLOURS = {
    Standing.ARMED: "green",
    Standing.PAUSED: "amber",
    Standing.PARKED: "red",
    Standing.SPENT: "slate",
    Standing.MANUAL: "blue",
}
_FREE = Q(parked_reason="", paused_at=None)
CONDITIONS = {
    Standing.ARMED: _FREE & Q(next_run_time__isnull=False),
    Standing.PAUSED: Q(parked_reason="", paused_at__isnull=False),
    Standing.PARKED: ~Q(parked_reason=""),
    Standing.SPENT: _FREE & Q(next_run_time=None) & ~Q(trigger=Kind.MANUAL),
    Standing.MANUAL: _FREE & Q(next_run_time=None, trigger=Kind.MANUAL),
}


def standing(job: Job) -> Standing:
    if job.parked_reason:
        return Standing.PARKED
    if job.paused_at:
        return Standing.PAUSED
    if job.next_run_time:
        return Standing.ARMED
    return Standing.MANUAL if job.trigger == Kind.MANUAL else Standing.SPENT


def because(job: Job) -> str:
    """Why it stands so, and what to do; empty while all is well."""
    match standing(job):
        case Standing.PARKED:
            return f"{job.parked_reason} Mend it and save, and it is armed again."
        case Standing.PAUSED:
            reason = f": {job.paused_reason}" if job.paused_reason else "."
            return f"Paused by {job.paused_by or 'the system'}{reason}"
        case Standing.SPENT:
            return "Its schedule names no further moment."
        case _:
            return ""
