"""Threads: for very many short I/O tasks. A thread cannot be killed, so stopping is up to the task."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from scheduling.context import StopSignal
from scheduling.executors.base import Executor, Order, timed_out
from scheduling.models import State
from scheduling.perform import perform
from scheduling.snapshots import Outcome, Snapshot


@dataclass(slots=True)
class _Run:
    snapshot: Snapshot
    stop: StopSignal = field(default_factory=StopSignal)
    order: Order | None = None
    timer: threading.Timer | None = None


class ThreadExecutor(Executor):
    """Runs each task in a thread of this process; time-outs and cancels are requests.

    The task meets them at `context.progress()`, `context.raise_if_cancelled()` or `context.cancelled`.
    """

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="run")
        self._runs: dict[int, _Run] = {}
        self._changing = threading.Lock()

    def held(self) -> set[int]:
        with self._changing:
            return set(self._runs)

    def exclusive(self) -> set[int]:
        with self._changing:
            return {run.snapshot.id for run in self._runs.values() if run.snapshot.exclusive}

    def submit(self, snapshot: Snapshot) -> None:
        run = _Run(snapshot)
        with self._changing:
            self._runs[snapshot.id] = run
        if snapshot.timeout:
            run.timer = threading.Timer(snapshot.timeout, self.stop, (snapshot.id, timed_out(snapshot)))
            run.timer.daemon = True
            run.timer.start()
        self._pool.submit(self._work, run)

    def stop(self, execution_id: int, order: Order) -> None:
        with self._changing:
            run = self._runs.get(execution_id)
            if run is None or run.order is not None:
                return
            run.order = order
        run.stop.request()

    def kill(self) -> None:
        """Ask all runs to stop and forget them; the process is about to end."""
        with self._changing:
            runs, self._runs = list(self._runs.values()), {}
        for run in runs:
            run.stop.request()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def shutdown(self, wait: bool = True) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _work(self, run: _Run) -> None:
        began = time.monotonic()
        outcome = perform(run.snapshot, run.stop)
        if run.timer:
            run.timer.cancel()
        if run.snapshot.id in self._runs:  # not after kill()
            self.deliver(_as_ordered(outcome, run, time.monotonic() - began))
        with self._changing:
            self._runs.pop(run.snapshot.id, None)
        self.wake()


def _as_ordered(outcome: Outcome, run: _Run, seconds: float) -> Outcome:
    """What the run's end is called after it had been told to stop."""
    if run.order is None:
        return outcome
    if outcome.state == State.CANCELLED:
        return replace(outcome, state=run.order.state, reason=run.order.reason, cause=run.order.cause)
    late: dict[str, Any] = {"reason": f"Ended by itself after {seconds:.3g} s, though told to stop. {outcome.reason}"}
    return replace(outcome, **late)
