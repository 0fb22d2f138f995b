"""What is done to the schedulers, their database and their jobs, and when: at random, from one seed."""

import heapq
import itertools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

from django.db import Error as DatabaseFailure
from django.db import connection

from tests.acceptance.servers import Server
from tests.chaos.cast import Cast
from tests.chaos.crew import Crew, set_clock

FROZEN = (7.0, 10.0)  # seconds; STALE_AFTER is 6
PER_MINUTE = {"child": 6.0, "deploy": 1.5, "freeze": 1.2, "steer": 20.0, "outage": 2.0, "restart": 0.8, "clock": 6.0}
OUTAGE = (0.5, 3.0)  # seconds
JUMP = (1.0, 5.0)  # seconds for which a clock is wrong
JUMPS = (-86_400, -3600, -30, 30, 3600, 86_400, 315_360_000)  # seconds, up to ten years

Deed = Callable[[], None]


class Nemesis:
    """Works off an agenda; each fault puts itself on it again, and what heals it."""

    def __init__(self, chance: random.Random, crew: Crew, cast: Cast, kills: float, server: Server | None) -> None:
        self.chance = chance
        self.crew = crew
        self.cast = cast
        self.server = server
        self.counts: Counter[str] = Counter()
        self.broken = 0  # faults under way that may make the database deaf: no time for orders
        self.agenda: list[tuple[float, int, Deed]] = []
        self.cures: dict[int, Deed] = {}  # by the number of their entry
        self.number = itertools.count()
        self._each(kills, crew.kill)
        self._each(PER_MINUTE["child"], crew.kill_child)
        self._each(PER_MINUTE["deploy"], crew.deploy)
        self._each(PER_MINUTE["freeze"], self._freeze)
        self._each(PER_MINUTE["steer"], self._steer)
        self._each(PER_MINUTE["outage"], self._lock if connection.vendor == "sqlite" else self._drop_sessions)
        if server is not None:
            self._each(PER_MINUTE["restart"], self._stop_server)
        if crew.clocks:
            self._each(PER_MINUTE["clock"], self._jump)

    def act(self) -> None:
        """Do what is due."""
        while self.agenda and self.agenda[0][0] <= time.monotonic():
            _, number, deed = heapq.heappop(self.agenda)
            self.cures.pop(number, None)
            deed()

    def heal(self) -> None:
        """Undo what is still broken."""
        self.agenda.clear()
        for cure in self.cures.values():
            cure()

    def _each(self, per_minute: float, deed: Deed) -> None:
        if per_minute <= 0:
            return

        def again() -> None:
            deed()
            self._each(per_minute, deed)

        self._in(self.chance.expovariate(per_minute / 60), again)

    def _in(self, seconds: float, deed: Deed) -> int:
        number = next(self.number)
        heapq.heappush(self.agenda, (time.monotonic() + seconds, number, deed))
        return number

    def _mend(self, span: tuple[float, float], cure: Deed) -> None:
        """Call `cure` after a time within `span`, in seconds, or when all is over."""
        self.cures[self._in(self.chance.uniform(*span), cure)] = cure

    def _break(self, span: tuple[float, float], cure: Deed) -> None:
        """Until `cure` has been called, the database may not answer."""

        def mend() -> None:
            cure()
            self.broken -= 1

        self.broken += 1
        self._mend(span, mend)

    def _steer(self) -> None:
        if not self.broken:
            self.cast.steer()

    def _freeze(self) -> None:
        if member := self.crew.freeze():
            self.counts["freezes"] += 1
            self._break(FROZEN, lambda: self.crew.thaw(member))

    def _jump(self) -> None:
        """Set the clock of a scheduler that has one of its own, and later set it right."""
        if clock := self.crew.a_clock():
            self.counts["jumps"] += 1
            set_clock(clock, self.chance.choice(JUMPS))
            self._mend(JUMP, lambda: set_clock(clock, 0))

    def _lock(self) -> None:
        """Hold SQLite's one lock as a foreign program may."""
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=2, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:  # someone frozen has it
            other.close()
            return
        self.counts["locks"] += 1
        self._break(OUTAGE, other.close)

    def _drop_sessions(self) -> None:
        """End about half of the other sessions, as the database's operator can."""
        if self.broken:
            return
        try:
            self.counts["drops"] += DROPS[connection.vendor](self.chance)
        except DatabaseFailure:  # one that ended by itself meanwhile
            connection.close()

    def _stop_server(self) -> None:
        if self.broken or self.server is None:
            return
        connection.close()
        how = self.chance.choice(["fast", "immediate", "kill"])
        self.server.kill() if how == "kill" else self.server.stop(how)
        self.counts["restarts"] += 1
        self._break(OUTAGE, self.server.start)


def _drop_postgresql(chance: random.Random) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
        )
        return int(cursor.fetchone()[0])


def _drop_mysql(chance: random.Random) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        chosen = [row[0] for row in cursor.fetchall() if chance.random() < 0.5]
        for session in chosen:
            cursor.execute(f"KILL {int(session)}")
        return len(chosen)


DROPS = {"postgresql": _drop_postgresql, "mysql": _drop_mysql}
