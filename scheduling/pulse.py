"""The heartbeat of this worker, and the watch over all others: who is proven dead is rescued.

A thread and a connection of its own, and the last thing to stop. Death is observed, never read off a
timestamp: a counter that stands still while the observer's own heartbeats succeed, or, on the same
kernel, a process that is gone.
"""

import faulthandler
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psutil
from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling import store
from scheduling.clock import Clock
from scheduling.conf import options
from scheduling.models import Worker
from scheduling.store.workers import LIVING, boot_id, process_start

logger = logging.getLogger(__name__)

OWN_BEATS = 3  # good heartbeats of the observer before it may call another one dead
ALONE = 60.0  # seconds without a try at a heartbeat before this process ends itself, with no other host about
SKEW = 5.0  # seconds of difference to the database's clock that are worth a warning


@dataclass(slots=True)
class _Seen:
    heartbeat: int
    since: float  # monotonic seconds
    own_beats: int = 0  # since then


class Pulse(threading.Thread):
    """Beats for `worker`; calls `fenced` once when it has been declared dead."""

    def __init__(
        self,
        worker: Worker,
        clock: Clock,
        report: Callable[[], dict[str, object]],
        fenced: Callable[[], None],
    ):
        super().__init__(name="pulse", daemon=True)
        self.worker = worker
        self.clock = clock
        self.report = report  # what the heartbeat says besides: turned_at, running
        self.fenced = fenced
        self.ended = threading.Event()
        self.boot_id = boot_id()
        self.seen: dict[UUID, _Seen] = {}
        self.others_elsewhere = False

    def run(self) -> None:
        while True:
            self._arm_watchdog()
            try:
                if not self.beat():
                    self.fenced()
                    break
            except DatabaseFailure as error:
                logger.warning("No heartbeat: %s", error)
                connection.close()
                self.seen.clear()
            if self.ended.wait(options().heartbeat):
                break
        faulthandler.cancel_dump_traceback_later()
        connection.close()

    def stop(self) -> None:
        """End, and wait until it has."""
        self.ended.set()
        if self.ident is not None:
            self.join()

    def beat(self) -> bool:
        """One heartbeat and one look at the others; False when this worker has been declared dead."""
        behind = self.clock.compare().total_seconds()
        if abs(behind) > SKEW:
            logger.warning(
                "This host's clock differs from the database's by %.1f s; jobs follow the database's.", behind
            )
        if not store.heartbeat(self.worker.pk, now=self.clock.now(), **self.report()):  # type: ignore[arg-type]
            return False
        self._observe(time.monotonic())
        return True

    def _observe(self, now: float) -> None:
        others = list(Worker.objects.filter(state__in=LIVING).exclude(pk=self.worker.pk))
        self.others_elsewhere = any(other.boot_id != self.boot_id for other in others)
        self.seen = {other.pk: self._look_at(other, now) for other in others}
        for other in others:
            if reason := self._proof_of_death(other, now):
                lost = store.rescue(other, self.clock.now(), why=reason)
                if lost is not None:
                    logger.error("Worker %s %s; took over %d of its runs.", other, reason, len(lost))

    def _look_at(self, other: Worker, now: float) -> _Seen:
        seen = self.seen.get(other.pk)
        if seen is None or seen.heartbeat != other.heartbeat:
            return _Seen(other.heartbeat, now)
        seen.own_beats += 1
        return seen

    def _proof_of_death(self, other: Worker, now: float) -> str:
        """Why `other` is dead beyond doubt; empty while it may live."""
        if other.boot_id == self.boot_id:
            return "" if process_lives(other.pid, other.pid_started) else "ended without a word"
        seen = self.seen[other.pk]
        silent = now - seen.since
        if seen.own_beats >= OWN_BEATS and silent >= options().stale_after:
            return f"has not moved for {silent:.0f} s"
        return ""

    def _arm_watchdog(self) -> None:
        """End this process if even this thread stands still: others may have taken over its runs by then."""
        limit = max(options().stale_after - 2, 1) if self.others_elsewhere else ALONE
        faulthandler.dump_traceback_later(limit, exit=True)


def process_lives(pid: int, started: float) -> bool:
    """Whether that very process (pid and start time) is there and no zombie."""
    try:
        return abs(process_start(pid) - started) < 1 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
