"""How a job stands, on pages: its colour, why it stands so, and what to do."""

from django.utils import timezone

from scheduling.models import Job, Queue
from scheduling.standing import CONDITIONS, Standing, standing

__all__ = ["COLOURS", "CONDITIONS", "Standing", "because", "paused", "standing"]

COLOURS = {
    Standing.ARMED: "green",
    Standing.PAUSED: "amber",
    Standing.PARKED: "red",
    Standing.HELD: "amber",
    Standing.SPENT: "slate",
    Standing.MANUAL: "blue",
}


def because(job: Job, held: Queue | None = None) -> str:
    """Why it stands so, and what to do; empty while all is well."""
    match standing(job, held):
        case Standing.PARKED:
            return f"{job.parked_reason} Mend it and save, and it is armed again."
        case Standing.PAUSED:
            return paused("Paused", job)
        case Standing.HELD if held:
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
