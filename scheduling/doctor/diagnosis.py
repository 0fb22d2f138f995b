"""diagnose: all examinations in their order, as far as the database allows."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling.clock import Clock
from scheduling.doctor import database, jobs, places, queues, settings, workers
from scheduling.doctor.findings import Finding, Severity, error, worst_first
from scheduling.doctor.sight import Sight
from scheduling.redact import redact

Examination = Callable[[Sight], Iterable[Finding]]

WITHOUT_TABLES: tuple[Examination, ...] = settings.BEFORE
ON_CONNECTION: tuple[Examination, ...] = database.FIRST
ON_TABLES: tuple[Examination, ...] = (
    *workers.EXAMINATIONS,
    *database.EXAMINATIONS,
    *jobs.EXAMINATIONS,
    *queues.EXAMINATIONS,
    *settings.EXAMINATIONS,
    *places.EXAMINATIONS,
)
UNREACHABLE = "Is its server running, and does DATABASE_URL name it? Try: manage.py dbshell"


def diagnose(now: datetime) -> list[Finding]:
    """All that is wrong at `now`, a moment on this host's clock; the worst first."""
    found = [finding for examine in WITHOUT_TABLES for finding in examine(Sight(now))]
    try:
        connection.ensure_connection()
        behind = Clock().compare()
        sight = Sight(now + behind, behind)
        for examine in ON_CONNECTION:
            found += examine(sight)
        if any(each.code == "migrations" and each.severity is Severity.ERROR for each in found):
            return worst_first(found)  # what comes next reads tables that are not there yet
        for examine in ON_TABLES:
            found += examine(sight)
    except DatabaseFailure as failure:
        told = redact(str(failure).strip().partition("\n")[0])
        found.append(error("database", f"The database does not answer as it should: {told}", UNREACHABLE))
    return worst_first(found)


def examined() -> int:
    """How many things a whole diagnosis looks at."""
    return len(WITHOUT_TABLES) + len(ON_CONNECTION) + len(ON_TABLES)
