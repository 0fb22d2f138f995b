"""The time of the database's server: several hosts, one clock. Spans are measured by a clock that nobody sets."""

import sys
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

NEGLIGIBLE = timedelta(seconds=0.5)  # a smaller difference is no wrong clock
SET = timedelta(minutes=1)  # a smaller jump is a correction, not a clock that has been set
QUERIES = {
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}


def steady() -> float:
    """Seconds on a clock of this host that is never set, the same in all of its processes.

    On Linux it goes on while the machine is suspended, which time.monotonic() does not.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Clock:
    """Tells the database's time: what its server said last, and the steady seconds since. Threads may share it.

    A SQLite database has no server, and so no clock but this host's.
    """

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None  # the server's time, at that reading of steady()
        self._looked = (self.now(), steady())

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self.at(steady())

    def at(self, reading: float) -> datetime:
        """The moment of a past `reading` of steady(); a clock set since then moves it, but bends no span."""
        moment, then = self._heard or (datetime.now(UTC), steady())
        return moment + timedelta(seconds=reading - then)

    def compare(self) -> timedelta:
        """Ask the database for its time; returns by how much this host's clock is behind."""
        query = QUERIES.get(connection.vendor)
        if query is None:
            return timedelta()
        asked = steady()
        with connection.cursor() as cursor:
            cursor.execute(query)
            theirs: datetime = cursor.fetchone()[0].replace(tzinfo=UTC)
        heard, ours = steady(), datetime.now(UTC)
        trip = timedelta(seconds=heard - asked)
        if ours - trip - NEGLIGIBLE <= theirs <= ours + NEGLIGIBLE:
            self._heard = (ours, heard)
            return timedelta()
        self._heard = (theirs + trip / 2, heard)
        return theirs + trip / 2 - ours

    def jumped(self) -> timedelta:
        """By how much the clock that rules has been set since this was asked last; zero for less than a minute."""
        (before, then), self._looked = self._looked, (self.now(), steady())
        now, reading = self._looked
        jump = now - before - timedelta(seconds=reading - then)
        return jump if abs(jump) >= SET else timedelta()
