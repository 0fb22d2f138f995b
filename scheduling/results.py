"""A run, with all its attempts, as Django's TaskResult."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.tasks.base import Task, TaskError, TaskResult, TaskResultStatus

from scheduling import registry
from scheduling.models import Execution, State
from scheduling.snapshots import Outcome, Snapshot

STATUS = {State.QUEUED: TaskResultStatus.READY, State.RUNNING: TaskResultStatus.RUNNING}
STATUS |= {State.SUCCEEDED: TaskResultStatus.SUCCESSFUL}  # all others have FAILED


def task_result(attempts: Sequence[Execution], backend: str) -> TaskResult:
    """All attempts of a run, in order, in the words of django.tasks; the last one decides how it stands.

    Raises UnknownTask when its task is no longer registered.
    """
    first, last = attempts[0], attempts[-1]
    args, kwargs = registry.split(first.arguments)
    result: TaskResult = TaskResult(
        task=registry.get(first.task).using(
            priority=first.priority, queue_name=first.queue, run_after=first.run_after, backend=backend
        ),
        id=str(first.pk),
        status=STATUS.get(State(last.state), TaskResultStatus.FAILED),
        enqueued_at=first.created_at,
        started_at=first.started_at,
        finished_at=last.finished_at,
        last_attempted_at=max((row.started_at for row in attempts if row.started_at), default=None),
        args=args,
        kwargs=kwargs,
        backend=backend,
        errors=[
            TaskError(exception_class_path=row.error_class, traceback=row.traceback)
            for row in attempts
            if row.error_class
        ],
        worker_ids=[str(row.worker_id) for row in attempts if row.worker_id],
    )
    return with_value(result, last.result)


def running_result(snapshot: Snapshot, task: Task) -> TaskResult:
    """The result that a running task finds in its context."""
    args, kwargs = registry.split(snapshot.arguments)
    return TaskResult(
        task=task,
        id=str(snapshot.id),
        status=TaskResultStatus.RUNNING,
        enqueued_at=snapshot.created_at,
        started_at=snapshot.started_at,
        finished_at=None,
        last_attempted_at=snapshot.started_at,
        args=args,
        kwargs=kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[snapshot.worker] * snapshot.attempt,
    )


def ended_result(result: TaskResult, outcome: Outcome) -> TaskResult:
    """`result` of a task that has just ended, for the receivers of `task_finished`."""
    changes: dict[str, Any] = {"status": STATUS.get(State(outcome.state), TaskResultStatus.FAILED)}
    changes["finished_at"] = outcome.finished_at
    if outcome.error_class:
        changes["errors"] = [TaskError(exception_class_path=outcome.error_class, traceback=outcome.traceback)]
    return with_value(replace(result, **changes), outcome.result)


def with_value(result: TaskResult, value: Any) -> TaskResult:
    """`result` with what the task returned; the field is set by Django's backends in this way only."""
    object.__setattr__(result, "_return_value", value)
    return result
