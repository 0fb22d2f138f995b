"""Changes made elsewhere wake the scheduler: NOTIFY on PostgreSQL, the data version on SQLite, polls on MariaDB."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling.store.batch import CHANNEL

logger = logging.getLogger(__name__)

POLL_SQLITE = 0.05  # seconds between two looks at PRAGMA data_version, which reads a page of the file
LISTEN = 5.0  # seconds before a silent connection is tried
AGAIN = 1.0  # seconds before a lost connection is made anew
POLL_ELSEWHERE = 0.25  # seconds that the loop may sleep where nothing can wake it


class Watcher(threading.Thread):
    """Calls `wake` soon after any other connection has committed something of interest."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__(name="watcher", daemon=True)
        self.wake = wake
        self.ended = threading.Event()

    def run(self) -> None:
        watch = {"postgresql": self._listen, "sqlite": self._look}.get(connection.vendor)
        while watch is not None and not self.ended.is_set():
            try:
                watch()
            except (DatabaseFailure, OSError) as error:
                logger.debug("The watching connection was lost: %s", error)
                connection.close()
                self.ended.wait(AGAIN)
                self.wake()
        connection.close()

    def stop(self) -> None:
        """End soon. On SQLite wait for it: a thread inside that library crashes a process that ends."""
        self.ended.set()
        if connection.vendor == "sqlite" and self.ident is not None:
            self.join()

    def _look(self) -> None:
        with connection.cursor() as cursor:
            seen = None
            while not self.ended.wait(POLL_SQLITE):
                version = cursor.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self.wake()

    def _listen(self) -> None:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            raw = connection.connection
            raw.execute(f"LISTEN {CHANNEL}")
            while not self.ended.is_set():
                began = time.monotonic()
                for _ in raw.notifies(timeout=LISTEN, stop_after=1):
                    self.wake()
                if time.monotonic() - began >= LISTEN:
                    raw.execute("SELECT 1")  # tells a dead connection from a silent one


def longest_sleep(poll: float) -> float:
    """How long the loop may sleep at most, in seconds."""
    return poll if connection.vendor in ("postgresql", "sqlite") else min(poll, POLL_ELSEWHERE)
