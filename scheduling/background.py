"""The scheduler of a process that serves pages, or whatever else: it runs jobs in the background, beside any others."""

import logging
import os
import threading
from collections.abc import Callable

from apscheduler.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils import timezone

from scheduling import events, store
from scheduling.apscheduler_api import TableAPI, missed_of
from scheduling.conf import options
from scheduling.coroutines import anywhere
from scheduling.exceptions import SchedulingError
from scheduling.health import turning
from scheduling.jobstore import BY
from scheduling.loop import Scheduler
from scheduling.models import Queue
from scheduling.store.installation import owner
from scheduling.sync import sync

logger = logging.getLogger(__name__)

ALL_PAUSED = "All jobs were paused by scheduler.pause()."  # by this the queues are known that resume() lets go on
AGAIN = 2.0  # seconds before a loop that the database has ended, or another worker, begins anew


class Engine(Scheduler):
    """One loop in the background: where it must end at once, the process goes on without it if that is safe."""

    def __init__(self, waits: Callable[[], bool], *, skip_initial: bool) -> None:
        super().__init__(skip_initial=skip_initial)
        self.waits = waits  # whether nothing may start before resume()

    def _main_loop(self) -> None:
        if self.state == STATE_PAUSED and not self.waits():  # resume() was called before there was anything to resume
            self.resume()
        super()._main_loop()

    def _fenced(self) -> None:
        """Declared dead: write nothing and kill all. Threads cannot be killed: where one runs, the process ends."""
        if any(lane.held() for lane in self.lanes.values() if not lane.hard):
            super()._fenced()
        logger.critical("This worker was declared dead by another one; its runs are killed, and it begins anew.")
        self.state = STATE_STOPPED
        for lane in self.lanes.values():
            lane.kill()
        self.wakeup()


class BackgroundScheduler(TableAPI):
    """APScheduler's BackgroundScheduler on the table of jobs, which its calls edit whether it runs or not.

    `running` and `state` tell of this process and of what it has paused itself; listeners hear of what is called here,
    and of the runs that this process performs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._as_new()
        os.register_at_fork(after_in_child=self._as_new)

    def _as_new(self) -> None:
        """Threads do not outlive a fork: a copy of the process runs nothing until it starts a scheduler of its own."""
        self.state = STATE_STOPPED
        self._changing = threading.RLock()
        self._listeners_lock = self._create_lock()
        self._ending = threading.Event()
        self._engine: Engine | None = None
        self._thread: threading.Thread | None = None
        self._alone = True  # whether no other scheduler was at work at the start
        self._waits = False  # whether it was started paused, and not resumed

    def start(self, paused: bool = False) -> None:
        """Run jobs in the background of this process; `paused` starts none before resume(). Returns at once.

        Takes over no signal. Raises SchedulerAlreadyRunningError, SchedulingError where the database belongs to another
        installation, and the database's own errors.
        """
        with self._changing:
            if self.state != STATE_STOPPED:
                raise SchedulerAlreadyRunningError
            self._alone = prepare()
            self._waits, self.state = paused, STATE_PAUSED if paused else STATE_RUNNING
            self._ending = threading.Event()
            self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
            self._thread.start()

    def shutdown(self, wait: bool = True) -> None:
        """Take no new runs and end, after those that run have ended by themselves (`wait`), or at once.

        At once means that they are interrupted, and handed back: run again by another scheduler where their job says
        that this does no harm (idempotent), lost otherwise. A run in a thread is only asked to stop. Waiting has no
        limit but the time-outs of the runs. Raises SchedulerNotRunningError.
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        self.end(grace=float("inf") if wait else 0.0)

    def end(self, grace: float) -> None:
        """As shutdown(); `grace` is how many seconds the runs have. Does nothing where none runs."""
        with self._changing:
            self._ending.set()
            engine, thread = self._engine, self._thread
        if engine is not None:
            engine.stop(grace=grace)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @anywhere
    def pause(self) -> None:
        """Pause all jobs, wherever they run, until resume(): each queue stands still, as the admin shows.

        What runs goes on. What falls due meanwhile is accounted for as in any pause, and is not made up for unless
        resume() is told to.
        """
        store.ensure_queues()
        for queue in Queue.objects.filter(paused_at=None):
            store.pause_queue(queue, by=BY, now=timezone.now(), reason=ALL_PAUSED)
        if self.state == STATE_RUNNING:
            self.state = STATE_PAUSED
        events.paused(self)

    @anywhere
    def resume(self, missed: str = "none") -> None:
        """Let go on what pause() has paused, in whatever process; a queue that staff paused stays so.

        `missed` says which of the moments that passed run after all: none, latest or all.
        """
        which = missed_of(missed)
        for queue in Queue.objects.paused().filter(paused_by=BY, paused_reason=ALL_PAUSED):
            store.resume_queue(queue, by=BY, now=timezone.now(), missed=which)
        with self._changing:
            self._waits = False
            if self.state == STATE_PAUSED:
                self.state = STATE_RUNNING
            if self._engine is not None and self._engine.running:
                self._engine.resume()
        self.wakeup()
        events.paused(self, resumed=True)

    def wakeup(self) -> None:
        """The loop of this process looks around; those elsewhere hear of a change by themselves."""
        if self._engine is not None:
            self._engine.look_around()

    @property
    def abandons(self) -> bool:
        """Whether threads still run that did not listen when they were told to stop."""
        return self._engine is not None and self._engine.abandons

    # In the thread

    def _run(self) -> None:
        """One loop after the other until the end is asked for: the database may go, and others may declare us dead."""
        try:
            while not self._ending.is_set():
                self._turn()
                self._ending.wait(AGAIN)
        finally:
            with self._changing:
                self.state = STATE_STOPPED
            connection.close()

    def _turn(self) -> None:
        """One loop from its begin to its end, whatever ends it."""
        try:
            if engine := self._new_engine():
                try:
                    engine.start(paused=self._waits)
                finally:
                    if engine.running:
                        engine.shutdown(wait=False)
        except DatabaseFailure as error:
            logger.warning("The scheduler could not begin, or end, trying again: %s", error)
            connection.close()
        except Exception:
            logger.exception("The scheduler in the background failed, and begins anew; please report it.")

    def _new_engine(self) -> Engine | None:
        with self._changing:
            if self._ending.is_set():
                return None
            self._engine, self._alone = Engine(lambda: self._waits, skip_initial=not self._alone), False
            self._engine.add_listener(self._dispatch_event)
            return self._engine


@anywhere
def prepare() -> bool:
    """What must be so before jobs are run here: the database is this installation's, and has the code's jobs in it.

    Returns whether no other scheduler is at work: then this one's start is that for which some jobs wait.
    """
    now = timezone.now()
    try:
        whose = owner(options().instance, now)
        if whose != options().instance:
            raise SchedulingError(
                f"This database is that of the installation {whose!r}, and this is {options().instance!r} (the setting "
                "INSTANCE). If its jobs shall run here, take it over with: manage.py runscheduler --adopt"
            )
        sync(now)
        return not turning(now)
    except DatabaseFailure as error:
        error.add_note("The scheduler needs its tables: has `manage.py migrate` been run?")
        raise
