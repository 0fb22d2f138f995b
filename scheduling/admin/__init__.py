"""The door for staff: read the request, call one verb of store, say what came of it."""

from scheduling.admin import (
    accounts,
    backfills,
    calendars,
    executions,
    jobs,
    notices,
    notices_told,
    queues,
    tokens,
    workers,
)

__all__ = [
    "accounts",
    "backfills",
    "calendars",
    "executions",
    "jobs",
    "notices",
    "notices_told",
    "queues",
    "tokens",
    "workers",
]
