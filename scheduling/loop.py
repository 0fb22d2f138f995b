"""The scheduler process: APScheduler's loop, API and events around our own turn of the wheel."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.base import STATE_PAUSED
from apscheduler.schedulers.blocking import BlockingScheduler
from django.db import DataError, IntegrityError, connection
from django.db import Error as DatabaseFailure

from scheduling import events, store
from scheduling.apscheduler_api import TableAPI
from scheduling.clock import Clock
from scheduling.conf import Lane, options
from scheduling.exceptions import SchedulingError, WorkerFenced
from scheduling.executors import executor_of
from scheduling.executors.base import Executor, Order
from scheduling.logs import name_worker
from scheduling.models import Cause, Execution, Job, Queue, State, Worker
from scheduling.notices.threads import Notices
from scheduling.planning import spoken
from scheduling.pulse import Pulse
from scheduling.snapshots import Outcome
from scheduling.tally import DATABASE_ERRORS, FAILED_TURNS, TURN, tally
from scheduling.wakeup import Watcher, longest_sleep

logger = logging.getLogger(__name__)

BACK_OFF = (0.1, 2.0)  # seconds after the first failed turn, and at most
LAST_WORDS = 5.0  # seconds after the grace in which to reach the database, before giving up
ANCHOR_EVERY = 60.0  # seconds between two looks for jobs whose ledger lies in the future
FENCED = 70  # exit code: declared dead by another worker (sysexits.h, EX_SOFTWARE)

CUT_OFF = Order(State.LOST, "Stopped: its worker was cut off from the database, and it may not run in two places.")
INTERRUPTED = Order(State.LOST, store.INTERRUPTED, Cause.INTERRUPTED)


class Scheduler(TableAPI, BlockingScheduler):
    """Fires, claims, hands to executors and finishes, until told to stop.

    APScheduler's own API works on it: add_job, pause_job, reschedule_job, get_jobs, add_listener; pause() and
    resume() are this one's alone. Any number of them may turn on one database.
    """

    def __init__(self, lanes: Iterable[Lane] | None = None, *, once: bool = False, skip_initial: bool = False) -> None:
        super().__init__()
        self.lanes: dict[str, Executor] = {}
        for lane in options().queues if lanes is None else lanes:
            self.lanes[lane.name] = executor_of(lane)
            self.lanes[lane.name].deliver = self._deliver
            self.lanes[lane.name].wake = self.wakeup
            self.add_executor(self.lanes[lane.name], lane.name)
        self._event = threading.Event()  # a signal may come before start()
        self.once = once
        self.skip_initial = skip_initial
        self.failed = False  # whether any run of this worker ended badly
        self.clock = Clock()
        self.worker: Worker | None = None
        self.turned_at = self.clock.now()
        self._ended: deque[Outcome] = deque()  # what is not yet confirmed as written
        self._stop_at: float | None = None  # monotonic: when the grace is over
        self._told_at: float | None = None  # monotonic: when the stop was asked for
        self._winding = False
        self._handed_back = False
        self._failures = 0
        self._swept = self._anchored = float("-inf")
        self._changed = True  # something may have happened elsewhere
        self._look_at = 0.0  # monotonic: when to look even if nothing is heard

    # The process: from start to stop

    def start(self, *args: Any, **kwargs: Any) -> None:
        """Turn until stopped; blocks. A stop is asked for by `stop()`."""
        self.clock.compare()
        super().start(*args, **kwargs)

    def _main_loop(self) -> None:
        """APScheduler's loop, while this worker is known to all: from when its executors stand until they fall."""
        lanes = {name: lane.slots for name, lane in self.lanes.items()}
        self.worker = store.register(lanes, self.clock.now())
        name_worker(str(self.worker.pk))
        pulse = Pulse(self.worker, self.clock, self._report, self._fenced, self._cut_off)
        watcher = Watcher(self.look_around)
        notices = Notices(self.clock, lambda: self.turned_at)
        try:
            with tally.kept():
                pulse.start()
                watcher.start()
                notices.start()
                if not self.skip_initial:
                    store.enqueue_at_startup(self.clock.now())
                super()._main_loop()
        finally:
            watcher.stop()
            pulse.stop()  # last: as long as runs are held, others must see us alive
            store.retire(self.worker.pk, self.clock.now(), pulse.counted())
            store.hand_over()  # what was given up only now
            notices.stop()
            connection.close()

    @property
    def is_stopping(self) -> bool:
        return self._stop_at is not None

    @property
    def abandons(self) -> bool:
        """Whether threads still run that did not listen: only the end of the process ends them."""
        return bool(self._held())

    def stop(self, *, now: bool = False, grace: float | None = None) -> None:
        """Take no new runs, give those that run their grace (none if `now`), hand back the rest, and end.

        `grace` in seconds, the setting STOP_GRACE unless given. Safe in a signal handler: it takes no lock that the
        loop may hold.
        """
        moment = time.monotonic()
        end = moment + (options().stop_grace if grace is None else grace)
        self._stop_at = moment if now else min(self._stop_at or float("inf"), end)
        self._told_at = self._told_at or moment
        threading.Thread(target=self.wakeup, daemon=True).start()

    def look_around(self) -> None:
        """Something has changed elsewhere: have a look at once."""
        self._changed = True
        self.wakeup()

    # One turn of the wheel

    def _process_jobs(self) -> float | None:
        """APScheduler's turn: one beat of ours; returns how many seconds to sleep."""
        began = time.monotonic()
        try:
            sleep = self.beat(self.clock.now())
            tally.observe(TURN, time.monotonic() - began)
            self._failures = 0
        except WorkerFenced:
            self._fenced()
            sleep = 0.0
        except DatabaseFailure as error:
            tally.count(DATABASE_ERRORS, "loop")
            sleep = self._backed_off(f"The database did not answer, trying again: {error}")
            connection.close()
        except Exception:
            tally.count(FAILED_TURNS)
            sleep = self._backed_off("A turn of the scheduler failed, trying again.")
            logger.exception("This should not happen; please report it.")
        return sleep

    def beat(self, now: datetime) -> float:
        """One turn, in the order in which things happen; returns the seconds until the next is needed.

        A turn that only an outcome has caused looks for nothing else: it writes the end and fills the place.
        """
        self._finish(now)
        look = self._changed or time.monotonic() >= self._look_at
        if look:
            self._changed = False
            self._obey_orders()
        if self._stop_at is not None:  # nothing fires any more: no turn that counts
            return self._wind_down()
        if self.state == STATE_PAUSED:  # what runs may end, be cancelled and be stopped; nothing starts
            self.turned_at, self._changed = now, True
            return longest_sleep(options().poll)
        if look:
            self._look(now)
        self._start(now)
        self.turned_at = now
        if self.once and not (self._changed or self._held() or self._ended):
            self.stop()
        return max(self._look_at - time.monotonic(), 0.0)

    def _look(self, now: datetime) -> None:
        """Fire what is due, and find out when to look again: at the next due moment, or when the poll is over."""
        events.resumed(self, store.end_pauses(now), store.end_queue_pauses(now))
        fired = store.fire_due(now)
        events.fired(self, fired)
        events.skipped(self, store.skip_overdue(now))
        store.feed(now)
        self._sweep()
        if fired.full:
            self._changed = True
            return
        seconds = [(moment - self.clock.now()).total_seconds() for moment in self._moments(now)]
        self._look_at = time.monotonic() + max(min([longest_sleep(options().poll), *seconds]), 0.0)

    def _moments(self, now: datetime) -> list[datetime]:
        """The next due moment of a job, when the next waiting run may start, and when the next pause ends."""
        firing = Job.objects.armed().exclude(queue__in=store.paused_queues())
        waiting = Execution.objects.queued().filter(queue__in=self.lanes, run_after__gt=now)
        asked = (
            (firing, "next_run_time"),
            (waiting, "run_after"),
            (Job.objects.filter(paused_until__isnull=False), "paused_until"),
            (Queue.objects.filter(paused_until__isnull=False), "paused_until"),
        )
        return [moment for rows, name in asked for moment in rows.order_by(name).values_list(name, flat=True)[:1]]

    def _finish(self, now: datetime) -> None:
        """Write what has ended; what cannot be written now stays until it is confirmed or refused."""
        if not self._ended:
            return
        outcomes = list(self._ended)
        try:
            done = store.finish(self._me.pk, outcomes, now)
        except (DataError, IntegrityError):
            self._set_aside(outcomes, now)
            return
        for _ in outcomes:
            self._ended.popleft()
        follow = any(row.backfill_id for row in done.rows.values())
        self._changed = self._changed or follow or bool(done.retries)
        self.failed = self.failed or any(outcome.is_unwell for outcome in done.written)
        events.finished(self, done)

    def _set_aside(self, outcomes: list[Outcome], now: datetime) -> None:
        """One of the ends is none that the database can keep: find it, and keep that it could not be kept."""
        for outcome in outcomes:
            try:
                events.finished(self, store.finish(self._me.pk, [outcome], now))
            except (DataError, IntegrityError) as error:
                plain = Outcome(
                    id=outcome.id,
                    fence=outcome.fence,
                    state=State.FAILED,
                    finished_at=outcome.finished_at,
                    reason=f"It ended as {outcome.state}, but the database refused what it told: {error}",
                    may_retry=False,
                )
                events.finished(self, store.finish(self._me.pk, [plain], now))
                self.failed = True
            self._ended.popleft()

    def _start(self, now: datetime) -> None:
        free = {name: lane.free for name, lane in self.lanes.items()}
        claimed = store.claim(self._me.pk, free, now)
        for snapshot in claimed:
            self.lanes[snapshot.queue].submit(snapshot)
        events.submitted(self, claimed)

    def _obey_orders(self) -> None:
        """Stop the runs that someone has cancelled."""
        if not self._held():
            return
        for execution_id, reason in store.cancel_orders(self._me.pk):
            for lane in self.lanes.values():
                lane.stop(execution_id, Order(State.CANCELLED, reason))

    def _sweep(self) -> None:
        """At the heartbeat's pace: give back what bears our name but never reached us, and mind the clock."""
        if time.monotonic() - self._swept < options().heartbeat:
            return
        self._swept = time.monotonic()
        strays = store.release_strays(self._me.pk, self._held() | {outcome.id for outcome in list(self._ended)})
        if strays:
            logger.warning("Gave back %d runs whose claim was not confirmed.", strays)
        jumped = self.clock.jumped()
        if jumped:
            way = "on" if jumped > timedelta() else "back"
            logger.error("The clock was set %s by %s; moments go by the new time.", way, spoken(abs(jumped)))
        if jumped or time.monotonic() >= self._anchored + ANCHOR_EVERY:
            self._anchored = time.monotonic()
            events.reanchored(store.reanchor(self.clock.now()))

    # Stopping

    def _wind_down(self) -> float:
        assert self._stop_at is not None
        if not self._winding:
            self._winding = True
            store.stopping(self._me.pk)
        left = self._stop_at - time.monotonic()
        if not self._held() and not self._ended:
            self.shutdown(wait=False)
            return 0.0
        if left > 0:
            return min(left, longest_sleep(options().poll))
        if not self._handed_back:
            self._handed_back = True
            for lane in self.lanes.values():
                for execution_id in lane.held():
                    lane.stop(execution_id, INTERRUPTED)
        if left < -(options().kill_grace + 1):  # threads that do not listen: retire() gives them up
            self.shutdown(wait=False)
        return 0.1

    def _cut_off(self) -> None:
        """The database is out of reach for long: what must never run in two places stops, before others take over."""
        for lane in self.lanes.values():
            for execution_id in lane.exclusive():
                lane.stop(execution_id, CUT_OFF)

    def _fenced(self) -> None:
        """Declared dead: others have taken over. Write nothing, kill all, and let the supervisor start anew."""
        logger.critical("This worker was declared dead by another one; it ends now, and its runs with it.")
        for lane in self.lanes.values():
            lane.kill()
        logging.shutdown()
        os._exit(FENCED)

    # Helpers

    @property
    def _me(self) -> Worker:
        if self.worker is None:
            raise SchedulingError("This scheduler has not been started.")
        return self.worker

    def _held(self) -> set[int]:
        return set().union(*(lane.held() for lane in self.lanes.values()))

    def _report(self) -> dict[str, object]:
        return {"turned_at": self.turned_at, "running": len(self._held())}

    def _deliver(self, outcome: Outcome) -> None:
        began = None if outcome.began is None else self.clock.at(outcome.began)
        self._ended.append(replace(outcome, started_at=began, finished_at=self.clock.at(outcome.ended)))

    def _backed_off(self, message: str) -> float:
        self._failures += 1
        logger.warning(message)
        end = self._stop_at if self._held() or self._ended else self._told_at
        if end is not None and time.monotonic() > end + LAST_WORDS:
            self.shutdown(wait=False)
        first, most = BACK_OFF
        return float(min(first * 2**self._failures, most))
