"""The time of the database's server: several hosts, one clock. Spans are measured by the monotonic clock instead."""

from datetime import UTC, datetime, timedelta

from django.db import connection

NEGLIGIBLE = timedelta(seconds=0.5)  # less than this is the round trip, not a wrong clock
QUERIES = {
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}


class Clock:
    """Tells the database's time by this host's clock and the difference seen last."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def compare(self) -> timedelta:
        """Ask the database for its time; returns by how much this host's clock is behind."""
        query = QUERIES.get(connection.vendor)
        if query is None:  # SQLite has no server, and so no clock but ours
            return self.offset
        with connection.cursor() as cursor:
            cursor.execute(query)
            theirs = cursor.fetchone()[0].replace(tzinfo=UTC)
        difference: timedelta = theirs - datetime.now(UTC)
        self.offset = difference if abs(difference) > NEGLIGIBLE else timedelta()
        return self.offset
