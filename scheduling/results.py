"""An Execution as Django's TaskResult."""

from dataclasses import replace
from typing import Any

from django.tasks.base import Task, TaskError, TaskResult, TaskResultStatus

from scheduling import registry
from scheduling.models import Execution, State
from scheduling.snapshots import Outcome, Snapshot

STATUS = {State.QUEUED: TaskResultStatus.READY, State.RUNNING: TaskResultStatus.RUNNING}
STATUS |= {State.SUCCEEDED: TaskResultStatus.SUCCESSFUL}  # all others have FAILED


def task_result(row: Execution, backend: str) -> TaskResult:
    """`row` in the words of django.tasks. Raises UnknownTask when its task is no longer registered."""
    args, kwargs = registry.split(row.arguments)
    result: TaskResult = TaskResult(
        task=registry.get(row.task).using(
            priority=row.priority, queue_name=row.queue, run_after=row.run_after, backend=backend
        ),
        id=str(row.pk),
        status=STATUS.get(State(row.state), TaskResultStatus.FAILED),
        enqueued_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        last_attempted_at=row.started_at,
        args=args,
        kwargs=kwargs,
        backend=backend,
        errors=_errors(row),
        worker_ids=[str(row.worker_id)] * row.attempt if row.worker_id else [],
    )
    return with_value(result, row.result)


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


def _errors(row: Execution) -> list[TaskError]:
    if not row.error_class:
        return []
    return [TaskError(exception_class_path=row.error_class, traceback=row.traceback)]
