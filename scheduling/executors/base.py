"""The protocol of all executors: take a Snapshot, hand back its Outcome, stop it when told."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apscheduler.executors.base import BaseExecutor

from scheduling.models import State
from scheduling.snapshots import Outcome, Snapshot


@dataclass(frozen=True, slots=True)
class Order:
    """Stop a run: how it shall end, and why."""

    state: State  # TIMED_OUT, CANCELLED or LOST
    reason: str
    cause: str = ""  # one of models.Cause


class Executor(BaseExecutor, ABC):
    """Holds up to `slots` runs at once. APScheduler knows it by its queue's name.

    `deliver` gets each Outcome, from a thread of the executor, while the run still counts as held; then
    `wake` says that a place is free. Both must be quick and must not raise.
    """

    hard = False  # whether a run can be stopped against its will

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.deliver: Callable[[Outcome], None] = lambda outcome: None
        self.wake: Callable[[], None] = lambda: None

    @property
    def free(self) -> int:
        """How many more runs it can take now."""
        return max(self.slots - len(self.held()), 0)

    @abstractmethod
    def held(self) -> set[int]:
        """The ids of the Executions that it has been given and whose Outcome it has not delivered."""

    @abstractmethod
    def exclusive(self) -> set[int]:
        """Those of them that must never run in two places."""

    @abstractmethod
    def submit(self, snapshot: Snapshot) -> None:
        """Run `snapshot`; returns at once."""

    @abstractmethod
    def stop(self, execution_id: int, order: Order) -> None:
        """Stop a run; its Outcome comes as `order` says, or as it ended before."""

    @abstractmethod
    def kill(self) -> None:
        """End everything at once, without outcomes: this worker has been declared dead."""

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        """APScheduler's own way in, which would run a job without a record of it."""
        raise TypeError("Runs come through store.enqueue(), not through APScheduler's submit_job().")


def timed_out(snapshot: Snapshot) -> Order:
    """The order for a run that has used up its time."""
    return Order(State.TIMED_OUT, f"Stopped at its time-out of {snapshot.timeout:g} s.")
