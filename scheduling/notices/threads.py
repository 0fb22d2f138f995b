"""The threads that keep notices going: one in the scheduler process, one in the web process. Neither is waited for."""

import logging
import os
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling.clock import Clock
from scheduling.conf import options
from scheduling.models import Event, Incident
from scheduling.notices import pings
from scheduling.notices.findings import Learned
from scheduling.notices.look import look, mind, watch
from scheduling.notices.pings import Pinger
from scheduling.notices.post import Post
from scheduling.store import pings as store

logger = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=1)  # that each look goes back behind the last one: rows are written after they have ended
FAR = timedelta(minutes=15)  # the same of every sixtieth look
FIRST = timedelta(hours=6)  # how far the first one goes back: to what happened while nobody looked
OFTEN = 60
LAST_ROUND = 5.0  # seconds that a round may go on when its process ends


class Rounds(threading.Thread):
    """Does its round again and again until stopped; a round that fails harms nothing but itself."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name=name, daemon=True)
        self.clock = clock
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(options().notice_every * random.uniform(0.8, 1.2)):  # noqa: S311  # not all at once
            self.safely(self.clock.now())
        connection.close()

    def safely(self, now: datetime) -> None:
        try:
            self.round(now)
        except DatabaseFailure as error:
            logger.warning("Notices wait for the database: %s", error)
            connection.close()
        except Exception:
            logger.exception("A look for notices failed; please report it.")

    def round(self, now: datetime) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """End, and wait a little until it has."""
        self.ended.set()
        if self.ident is not None:
            self.join(LAST_ROUND)


class Notices(Rounds):
    """In the scheduler process: looks, sends, pings. `turned_at` tells when the loop has last turned."""

    def __init__(self, clock: Clock, turned_at: Callable[[], datetime]) -> None:
        super().__init__("notices", clock)
        self.turned_at = turned_at
        self.post = Post(clock.now)
        self.pinger = Pinger(clock.now)
        self.learned = Learned()
        self.looked_at: datetime | None = None
        self.looks = 0

    def round(self, now: datetime) -> None:
        since = self.since(now)
        look(now, since, self.learned)
        pings.note(now, since)
        self.looked_at, self.looks = now, self.looks + 1
        self.post.deliver(now)
        if store.is_due(now):
            self.post.begin([("pings", self.pinger.send_due)])
        if self.pinger.tell_of_scheduler(now, self.turned_at()):
            self.post.begin([("ping of the scheduler", self.pinger.send_of_scheduler)])

    def since(self, now: datetime) -> datetime:
        """From when on ends are looked at; a clock that was set back makes the span no shorter."""
        if self.looked_at is None:
            return now - FIRST
        return min(self.looked_at, now) - (OVERLAP if self.looks % OFTEN else FAR)

    def stop(self) -> None:
        """End with a last look, so that what the last runs did is in the outbox, whoever sends it."""
        super().stop()
        self.safely(self.clock.now())
        connection.close()
        self.post.stop()


class Watch(Rounds):
    """In the web process: tells when no scheduler is alive, and sends while there is none to do so."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("watch", clock)
        self.post = Post(clock.now)
        self.learned = Learned()

    def round(self, now: datetime) -> None:
        self.clock.compare()
        now = self.clock.now()
        if Incident.objects.open().filter(event=Event.SILENT).exists():
            mind(now, self.learned, Event.SILENT)
        if watch(now):
            self.post.deliver(now)
        connection.close()  # at this pace, none is kept


_watches: dict[int, Watch] = {}  # by process


def keep_watch() -> None:
    """Start the watch of this process, and of those forked from it; NOTICE_WATCH turns it off."""
    if not options().notice_watch:
        return
    if not _watches:
        os.register_at_fork(after_in_child=_watch_here)
    _watch_here()


def _watch_here() -> None:
    if os.getpid() not in _watches:
        _watches[os.getpid()] = Watch(Clock())
        _watches[os.getpid()].start()
