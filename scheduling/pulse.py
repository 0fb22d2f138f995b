"""The heartbeat of this worker, and the watch over all others: who is proven dead is rescued.

A thread and a connection of its own, and the last thing to stop. Death is observed, never read off a
timestamp: a counter that stands still while the observer's own heartbeats succeed, or, on the same
kernel, a process that is gone.

A dead connection may hold up the thread that beats, so a second one, the vigil, minds the time: it knows when others
may soon take this worker for dead, and ends a process in which not even it gets its turn.
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

from scheduling import observing, store
from scheduling.clock import Clock
from scheduling.conf import options
from scheduling.models import State, Worker
from scheduling.snapshots import Outcome
from scheduling.store.workers import LIVING, boot_id, process_start
from scheduling.tally import DATABASE_ERRORS, TURN, Figures, added, tally

logger = logging.getLogger(__name__)

OWN_BEATS = 3  # good heartbeats of the observer before it may call another one dead
ALONE = 60.0  # seconds that this process may stand still before it ends itself, with no other host about
LONGEST_TRY = 60.0  # seconds that one heartbeat may take; whatever holds it up for longer is no database
TICK = 0.2  # seconds between two looks of the vigil at the time
QUIET = 15.0  # seconds between two tellings of figures when nothing but the loop went on
SKEW = 5.0  # seconds of difference to the database's clock that are worth a warning


@dataclass(slots=True)
class _Seen:
    heartbeat: int
    since: float  # monotonic seconds
    own_beats: int = 0  # since then


class Pulse(threading.Thread):
    """Beats for `worker`; calls `fenced` once when it has been declared dead.

    While no heartbeat succeeds, `cut_off` is called again and again from the moment at which others may soon declare
    it dead: whatever must never run in two places has to stop now.
    """

    def __init__(
        self,
        worker: Worker,
        clock: Clock,
        report: Callable[[], dict[str, object]],
        fenced: Callable[[], None],
        cut_off: Callable[[], None] = lambda: None,
    ):
        super().__init__(name="pulse", daemon=True)
        self.worker = worker
        self.clock = clock
        self.report = report  # what the heartbeat says besides: turned_at, running
        self.fenced = fenced
        self.cut_off = cut_off
        self.ended = threading.Event()
        self.vigil = threading.Thread(target=self._keep_vigil, name="vigil", daemon=True)
        self.tried_at = self.beaten_at = time.monotonic()  # when the last try, and the last good heartbeat, began
        self.boot_id = boot_id()
        self.seen: dict[UUID, _Seen] = {}
        self.others_elsewhere = False
        self.is_cut_off = False
        self.figures: Figures = {}  # what this worker has counted since its start
        self.untold = False  # whether some of it is news
        self.told_at = time.monotonic()

    def start(self) -> None:
        super().start()
        self.vigil.start()

    def run(self) -> None:
        while True:
            self.tried_at = time.monotonic()
            try:
                if not self.beat():
                    self.fenced()
                    break
            except DatabaseFailure as error:
                logger.warning("No heartbeat: %s", error)
                tally.count(DATABASE_ERRORS, "heartbeat")
                connection.close()
                self.seen.clear()
            if self.ended.wait(options().heartbeat):
                break
        connection.close()

    def stop(self) -> None:
        """End, and wait until it has."""
        self.ended.set()
        for thread in (self, self.vigil):
            if thread.ident is not None:
                thread.join()
        faulthandler.cancel_dump_traceback_later()

    def beat(self) -> bool:
        """One heartbeat and one look at the others; False when this worker has been declared dead."""
        behind = self.clock.compare().total_seconds()
        if abs(behind) > SKEW:
            logger.warning(
                "This host's clock differs from the database's by %.1f s; jobs follow the database's.", behind
            )
        counted = self.counted()
        figures = counted if self.untold or self.tried_at >= self.told_at + QUIET else None
        if not store.heartbeat(
            self.worker.pk,
            now=self.clock.now(),
            figures=figures,
            **self.report(),  # type: ignore[arg-type]
        ):
            return False
        self.beaten_at = self.tried_at
        if figures is not None:
            self.untold, self.told_at = False, self.tried_at
        self._observe(time.monotonic())
        return True

    def counted(self) -> Figures:
        """All that this worker has counted, with what came since this was last asked."""
        news = tally.take()
        self.untold = self.untold or any(not series[0].startswith(TURN) for series in news)
        return added(self.figures, news)

    def _observe(self, now: float) -> None:
        others = list(Worker.objects.filter(state__in=LIVING).exclude(pk=self.worker.pk))
        self.others_elsewhere = any(other.boot_id != self.boot_id for other in others)
        self.seen = {other.pk: self._look_at(other, now) for other in others}
        for other in others:
            if reason := self._proof_of_death(other, now):
                self._take_over(other, reason)

    def _take_over(self, other: Worker, reason: str) -> None:
        now = self.clock.now()
        lost = store.rescue(other, now, why=reason)
        if lost is None:
            return
        logger.error("Worker %s %s; took over %d of its runs.", str(other), reason, len(lost))
        for row in lost:
            said = f"Lost: its worker {other} {reason}."
            observing.ended(row, Outcome(id=row.pk, fence=row.fence, state=State.LOST, finished_at=now, reason=said))

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

    def _keep_vigil(self) -> None:
        while not self.ended.wait(TICK):
            now = time.monotonic()
            if self.is_alive() and now - self.tried_at < LONGEST_TRY:
                self._arm_watchdog()
            self._mind_silence(now - self.beaten_at)

    def _mind_silence(self, seconds: float) -> None:
        was_cut_off, self.is_cut_off = self.is_cut_off, seconds >= longest_silence()
        if self.is_cut_off and not was_cut_off:
            logger.error("No heartbeat for %.0f s: exclusive runs are stopped before others take them over.", seconds)
        if self.is_cut_off:
            self.cut_off()

    def _arm_watchdog(self) -> None:
        """End this process if even this thread stands still: others may have taken over its runs by then."""
        limit = max(options().stale_after - 2, 1) if self.others_elsewhere else ALONE
        faulthandler.dump_traceback_later(limit, exit=True)


def longest_silence() -> float:
    """Seconds without a heartbeat that leave time to stop runs, and to kill them, before others take them over."""
    return max(options().stale_after - options().kill_grace - 1, 1.5 * options().heartbeat)


def process_lives(pid: int, started: float) -> bool:
    """Whether that very process (pid and start time) is there and no zombie."""
    try:
        return abs(process_start(pid) - started) < 1 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
