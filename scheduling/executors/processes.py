"""Processes: warm, preloaded children whose runs can be stopped for good.

One child runs one task at a time and has a pipe of its own, so that a child's death breaks nothing
that another one uses. One thread watches all pipes, deadlines and deaths. Deadlines are monotonic.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from scheduling.conf import options
from scheduling.executors import child
from scheduling.executors.base import Executor, Order, timed_out
from scheduling.models import State
from scheduling.snapshots import Outcome, Snapshot

logger = logging.getLogger(__name__)

NEVER = float("inf")
LONGEST_LOOK = 3600.0  # seconds that poll(2) is asked for at once; it takes less than 25 days
SPAWN_AGAIN = 1.0  # seconds


@dataclass(slots=True, eq=False)
class _Child:
    process: BaseProcess
    pipe: Connection
    snapshot: Snapshot | None = None
    deadline: float = NEVER  # when to order the stop of its run (monotonic)
    order: Order | None = None
    kill_at: float = NEVER
    performed: int = 0
    unread: bool = False  # it died without having read what it was sent last

    @property
    def next_moment(self) -> float:
        return min(self.deadline, self.kill_at)


@dataclass(slots=True)
class _Wire:
    """Wakes the watching thread from another one."""

    reader: Connection
    writer: Connection
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ring(self) -> None:
        with self.lock, contextlib.suppress(OSError):
            self.writer.send_bytes(b"!")


class ProcessExecutor(Executor):
    """Keeps `slots` children; a time-out or cancel ends the run's whole process group."""

    hard = True

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["scheduling.preload"])
        forkserver.ensure_running()  # it loads the tasks while we get ready
        self._wire = _Wire(*self._context.Pipe(duplex=False))
        self._held: dict[int, Snapshot] = {}
        self._orders: deque[tuple[Any, ...]] = deque()  # what other threads ask of the watching one
        self._children: list[_Child] = []
        self._waiting: deque[Snapshot] = deque()
        self._closing = False
        self._spawn_at = 0.0  # monotonic: not before, after a child could not be started
        self._thread = threading.Thread(target=self._watch_or_die, name="children", daemon=True)

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        self._fill()
        self._thread.start()

    def held(self) -> set[int]:
        return set(self._held)

    def exclusive(self) -> set[int]:
        return {snapshot.id for snapshot in list(self._held.values()) if snapshot.exclusive}

    def submit(self, snapshot: Snapshot) -> None:
        self._held[snapshot.id] = snapshot
        self._ask(self._begin, snapshot)

    def stop(self, execution_id: int, order: Order) -> None:
        self._ask(self._stop, execution_id, order)

    def kill(self) -> None:
        self._closing = True
        for each in list(self._children):
            _kill_family(each.process.pid)

    def shutdown(self, wait: bool = True) -> None:
        """End the children; with `wait`, those that run finish first."""
        self._ask(self._close, wait)
        if self._thread.ident is not None:
            self._thread.join()

    def _ask(self, deed: Any, *args: Any) -> None:
        self._orders.append((deed, *args))
        self._wire.ring()

    # What follows happens in the watching thread only.

    def _watch_or_die(self) -> None:
        """Without this thread nothing would be stopped or heard of: better a new process, and a rescue."""
        try:
            self._watch()
        except BaseException:
            logger.critical("The watch over the child processes failed; this worker ends itself.", exc_info=True)
            self.kill()
            os._exit(os.EX_SOFTWARE)

    def _watch(self) -> None:
        while self._children or not self._closing:
            self._fill()
            moment = min([each.next_moment for each in self._children], default=NEVER)
            if len(self._children) < self.slots and not self._closing:
                moment = min(moment, self._spawn_at)
            timeout = None if moment == NEVER else min(max(moment - time.monotonic(), 0), LONGEST_LOOK)
            watched: dict[Any, _Child] = {}
            for each in self._children:
                watched[each.pipe] = watched[each.process.sentinel] = each
            ready = wait([self._wire.reader, *watched], timeout)
            if self._wire.reader in ready:
                self._obey()
            for each in {watched[item]: None for item in ready if item in watched}:
                self._hear(each)
            for each in list(self._children):
                self._mind_time(each, time.monotonic())

    def _obey(self) -> None:
        while self._wire.reader.poll():
            self._wire.reader.recv_bytes()
        while self._orders:
            deed, *args = self._orders.popleft()
            deed(*args)

    def _begin(self, snapshot: Snapshot) -> None:
        """Give `snapshot` to an idle child; without one it waits for the child that is being replaced."""
        idle = next((each for each in self._children if each.snapshot is None and each.order is None), None)
        if idle is None:
            self._waiting.append(snapshot)
            return
        idle.snapshot = snapshot
        idle.deadline = time.monotonic() + snapshot.timeout if snapshot.timeout else NEVER
        try:
            idle.pipe.send_bytes(snapshot.dumps())
        except OSError:  # it is dead, which is heard of next
            idle.unread = True

    def _stop(self, execution_id: int, order: Order) -> None:
        for snapshot in [each for each in self._waiting if each.id == execution_id]:
            self._waiting.remove(snapshot)
            self._settle(_ended(snapshot, order))
        for each in self._children:
            if each.snapshot and each.snapshot.id == execution_id:
                self._order(each, order)

    def _order(self, each: _Child, order: Order) -> None:
        """Ask the run to stop; if it does not within the grace, it is killed."""
        if each.order is not None:
            return
        each.order, each.deadline = order, NEVER
        each.kill_at = time.monotonic() + options().kill_grace
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.process.pid or 0, child.STOP)

    def _mind_time(self, each: _Child, now: float) -> None:
        if each.deadline <= now and each.snapshot:
            self._order(each, timed_out(each.snapshot))
        if each.kill_at <= now:
            each.kill_at = NEVER
            _kill_family(each.process.pid)

    def _hear(self, each: _Child) -> None:
        """An outcome came, or the child died."""
        message = None
        try:
            message = each.pipe.recv_bytes() if each.pipe.poll() else None
        except ConnectionResetError:  # what Linux says of such an end
            each.unread = True
        except (EOFError, OSError):
            pass
        if message is not None and each.snapshot is not None:
            self._ended_by_itself(each, Outcome.loads(message))
        elif not each.process.is_alive():
            self._died(each)

    def _ended_by_itself(self, each: _Child, outcome: Outcome) -> None:
        each.performed += 1
        if each.order is not None:
            if outcome.state == State.CANCELLED:
                outcome = replace(outcome, state=each.order.state, reason=each.order.reason, cause=each.order.cause)
            each.snapshot = None
            _kill_family(each.process.pid)  # and all that the run has started
            self._dismiss(each)
        elif each.performed >= options().max_tasks_per_child or self._closing:
            each.snapshot = None
            with contextlib.suppress(OSError):
                each.pipe.send_bytes(child.GO_HOME)
            self._dismiss(each)
        else:
            each.snapshot, each.deadline = None, NEVER
        self._settle(outcome)

    def _died(self, each: _Child) -> None:
        snapshot, each.snapshot = each.snapshot, None
        _kill_family(each.process.pid)
        self._dismiss(each)
        if snapshot is not None and each.unread and each.order is None and not self._closing:
            self._waiting.appendleft(snapshot)  # nothing of it has begun: another child may
        elif snapshot is not None:
            order = each.order or Order(State.FAILED, _obituary(each.process.exitcode))
            self._settle(_ended(snapshot, order))

    def _dismiss(self, each: _Child) -> None:
        self._children.remove(each)
        each.pipe.close()

    def _fill(self) -> None:
        """Start the children that are missing, and give them the runs that wait; try again later if it fails."""
        while len(self._children) < self.slots and not self._closing and self._spawn_at <= time.monotonic():
            try:
                self._children.append(self._spawn())
            except (OSError, EOFError) as error:
                self._spawn_at = time.monotonic() + SPAWN_AGAIN
                logger.error("No child process could be started, trying again in %g s: %s", SPAWN_AGAIN, error)
        for _ in range(len(self._waiting)):
            self._begin(self._waiting.popleft())

    def _settle(self, outcome: Outcome) -> None:
        self.deliver(outcome)
        self._held.pop(outcome.id, None)
        self.wake()

    def _close(self, wait: bool) -> None:
        self._closing = True
        for each in list(self._children):
            if each.snapshot is None:
                with contextlib.suppress(OSError):
                    each.pipe.send_bytes(child.GO_HOME)
                self._dismiss(each)
            elif not wait:
                _kill_family(each.process.pid)

    def _spawn(self) -> _Child:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=child.main, args=(theirs,), name="run", daemon=False)
        process.start()
        theirs.close()
        return _Child(process, ours)


def _leave_fork_server() -> None:
    """A copy of this process can neither wait for our fork server nor may keep it alive: it starts one of its own."""
    server: Any = forkserver._forkserver
    server._lock = threading.Lock()
    if server._forkserver_pid is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None


os.register_at_fork(after_in_child=_leave_fork_server)


def _ended(snapshot: Snapshot, order: Order) -> Outcome:
    return Outcome(
        id=snapshot.id,
        fence=snapshot.fence,
        state=order.state,
        cause=order.cause,
        reason=order.reason,
        finished_at=datetime.now(UTC),
    )


def _obituary(exitcode: int | None) -> str:
    """How a child died, in words."""
    if exitcode is not None and exitcode < 0:
        hint = " (out of memory?)" if exitcode == -signal.SIGKILL else ""
        return f"Its process was killed by {signal.Signals(-exitcode).name}{hint}."
    return f"Its process ended with exit code {exitcode}."


def _kill_family(pid: int | None) -> None:
    """Kill a child, its process group, and whatever descends from it in groups of its own."""
    if pid is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        for descendant in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                descendant.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
