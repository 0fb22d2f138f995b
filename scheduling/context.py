"""What a task is given when it takes a context: who it is, and how it speaks while it runs."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from django.db import Error as DatabaseFailure
from django.db import connection
from django.tasks.base import TaskContext

from scheduling.exceptions import Stopped
from scheduling.models import Execution, ExecutionQuerySet
from scheduling.redact import plain
from scheduling.snapshots import Snapshot

PROGRESS_EVERY = 0.5  # seconds between two writes of progress


class StopSignal:
    """How a run is told to stop: a flag that it may look at, and in a child an exception into its code."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.interruptible = False  # True only while the task's own code runs

    def request(self) -> None:
        self.event.set()

    def on_signal(self, *_: object) -> None:
        """A signal handler: raises Stopped into the task, and only into the task."""
        self.request()
        if self.interruptible:
            self.interruptible = False
            raise Stopped


@dataclass(slots=True)
class _Told:
    at: float = float("-inf")  # monotonic seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(TaskContext):  # type: ignore[misc]  # frozen in Django, not in its stubs
    """Django's TaskContext, and what Rota knows beyond it."""

    snapshot: Snapshot
    stop: StopSignal
    told: _Told = field(default_factory=_Told)

    @property
    def attempt(self) -> int:
        return self.snapshot.attempt

    @property
    def execution_id(self) -> int:
        return self.snapshot.id

    @property
    def job_id(self) -> str | None:
        """The job that asked for this run; None for `task.enqueue()`."""
        return self.snapshot.job

    @property
    def tenant(self) -> str:
        """Whose this run is: what it enqueues for the same people is given it, too. Empty: the installation's own."""
        return self.snapshot.tenant

    @property
    def scheduled_for(self) -> datetime | None:
        """The due moment, for runs that a trigger asked for."""
        return self.snapshot.scheduled_for

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts of this run: send it along where a service accepts such a key."""
        return f"rota-{self.snapshot.root or self.snapshot.id}"

    @property
    def cancelled(self) -> bool:
        """Whether the run has been told to stop, by a person or by its time-out."""
        return self.stop.event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise Stopped if the run has been told to stop. In threads this is what makes it stop."""
        if self.cancelled:
            raise Stopped

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Show how far the run is: `done` of `total`, or a share from 0 to 1; written twice a second at most.

        Raises Stopped if the run has been told to stop.
        """
        self.raise_if_cancelled()
        share = min(max(done / total if total else done, 0.0), 1.0) if total != 0 else 1.0
        if share < 1 and time.monotonic() - self.told.at < PROGRESS_EVERY:
            return
        self.told.at = time.monotonic()
        self._mine().update(progress=share, progress_text=plain(text)[:200])

    def still_mine(self) -> bool:
        """Whether this run still belongs to this worker: ask before an effect that cannot be taken back.

        False also when the database cannot say: then someone else may have been given the run.
        """
        try:
            return self._mine().exists()
        except DatabaseFailure:
            connection.close_if_unusable_or_obsolete()  # asked again, it may answer
            return False

    def _mine(self) -> ExecutionQuerySet:
        return Execution.objects.running().filter(pk=self.snapshot.id, fence=self.snapshot.fence)
