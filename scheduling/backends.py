"""Django's TASKS backend: `task.enqueue()` is a QUEUED Execution like any other."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.base import Task, TaskResult
from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist
from django.tasks.signals import task_enqueued
from django.utils import timezone
from django.utils.json import normalize_json

from scheduling import registry, store
from scheduling.exceptions import UnknownTask
from scheduling.models import Execution, Why
from scheduling.results import task_result


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaTask(Task):
    """A task that says how it wants to be run: `@task(timeout=…, max_attempts=3, idempotent=True)`.

    These are the values of runs made by `enqueue()`, and the first values of jobs declared in code.
    """

    timeout: timedelta | None = None  # None: the setting DEFAULT_TIMEOUT
    max_attempts: int = 1
    backoff: timedelta = timedelta(seconds=30)
    backoff_max: timedelta = timedelta(hours=1)
    idempotent: bool = False
    exclusive: bool = False

    do_not_call_in_templates = True  # a page that shows a task does not run it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, called at once where one is: no run, none of the limits above.

        One that takes a context gets None where that is its default: it can do without.
        """
        if not self.takes_context:
            return self.call(*args, **kwargs)
        if next(iter(inspect.signature(self.func).parameters.values())).default is not None:
            raise TypeError(
                f"{self.name}() takes the context of a run, which a plain call has not: "
                f"{self.name}.enqueue(…) makes a run, {self.name}.func(context, …) takes a context of your own."
            )
        return self.call(None, *args, **kwargs)


class RotaBackend(BaseTaskBackend):
    """Keeps tasks in the database, for `runscheduler` to run."""

    task_class = RotaTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def enqueue(self, task: Task, args: Iterable[Any], kwargs: dict[str, Any]) -> TaskResult:
        """Queue one run. Raises InvalidTask when no worker could find the task, and InvalidArguments."""
        return self.enqueue_many([(task, list(args), kwargs)])[0]

    def enqueue_many(self, calls: Iterable[tuple[Task, list[Any], dict[str, Any]]]) -> list[TaskResult]:
        """Queue many runs in one transaction: triples of task, positional and named arguments."""
        rows = store.enqueue_task([execution_of(task, args, kwargs) for task, args, kwargs in calls])
        results = [task_result([row], self.alias) for row in rows]
        for result in results:
            task_enqueued.send(type(self), task_result=result)
        return results

    def get_result(self, result_id: str) -> TaskResult:
        """The run of that id, as its last attempt left it. Raises TaskResultDoesNotExist."""
        try:
            attempts = Execution.objects.filter(Q(pk=result_id) | Q(root=result_id)).order_by("attempt")
            return task_result(list(attempts), self.alias)
        except (IndexError, OverflowError, ValidationError, ValueError, UnknownTask) as error:
            raise TaskResultDoesNotExist(result_id) from error


def execution_of(task: Task, args: list[Any], kwargs: dict[str, Any], by: str = "", *, tenant: str = "") -> Execution:
    """A run of `task` that can be queued, not yet saved; `by` names who asked, `tenant` whose run it is.

    Raises InvalidTask, InvalidArguments.
    """
    task.get_backend().validate_task(task)
    path = task.module_path
    try:
        registry.get(path)
    except UnknownTask as error:
        raise InvalidTask(
            f"{path} is not in the `tasks` module of an installed app, where workers look for it."
        ) from error
    arguments = normalize_json(registry.joined(args, kwargs))
    registry.check_arguments(path, arguments)
    now = timezone.now()
    return Execution(
        task=path,
        arguments=arguments,
        queue=task.queue_name,
        priority=task.priority,
        **policy_of(task),
        max_instances=None,
        tenant=tenant,
        why=Why.ENQUEUE,
        requested_by=by,
        run_after=task.run_after or now,
        created_at=now,
    )


def policy_of(task: Task) -> dict[str, Any]:
    """How `task` wants to be run, as columns of an Execution or a Job."""
    limit = registry.time_limit(task.module_path)
    if not isinstance(task, RotaTask):
        return {"timeout": limit}
    return {
        "timeout": limit,
        "max_attempts": task.max_attempts,
        "backoff": task.backoff,
        "backoff_max": task.backoff_max,
        "idempotent": task.idempotent,
        "exclusive": task.exclusive,
    }
