"""The states of a run and every step between them: one table, from which code and database refuse all else.

The steps are those of ENGINE.md, section 1. A run ends once: a final state is never left, and what comes later
is a row of its own.
"""

from dataclasses import dataclass

from django.db.models import TextChoices


class State(TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    TIMED_OUT = "timed_out", "Timed out"
    CANCELLED = "cancelled", "Cancelled"
    LOST = "lost", "Lost"
    SKIPPED = "skipped", "Skipped"


OPEN = (State.QUEUED, State.RUNNING)
FINAL = tuple(state for state in State if state not in OPEN)
UNWELL = (State.FAILED, State.TIMED_OUT, State.LOST)  # what an operator wants to hear of


@dataclass(frozen=True, slots=True)
class Step:
    """A way from one state to another, and who goes it under which guard."""

    before: State
    after: tuple[State, ...]
    who: str
    guard: str


CLAIM = Step(
    State.QUEUED,
    (State.RUNNING,),
    who="a worker with a free place",
    guard="the worker is alive, the time has come, the queue is not paused, an instance of the job is free",
)
FINISH = Step(
    State.RUNNING,
    (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.LOST),
    who="the worker that runs it",
    guard="worker and fence are those of the claim",
)
RELEASE = Step(
    State.RUNNING, (State.QUEUED,), who="the worker that claimed it", guard="the task's code has never begun"
)
RESCUE = Step(
    State.RUNNING,
    (State.LOST,),
    who="any living worker",
    guard="its worker has just been declared dead, or has retired, in the same transaction",
)
WITHDRAW = Step(State.QUEUED, (State.CANCELLED,), who="a person, or the deletion of its job", guard="it still waits")
PASS_OVER = Step(
    State.QUEUED, (State.SKIPPED,), who="the scheduler, or a pause", guard="it still waits, and may not start any more"
)
STEPS = (CLAIM, FINISH, RELEASE, RESCUE, WITHDRAW, PASS_OVER)
WAYS = frozenset((step.before, after) for step in STEPS for after in step.after)
