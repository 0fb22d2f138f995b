"""Wrong settings and unknown task paths, said at start: `manage.py check`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from scheduling import registry
from scheduling.conf import options
from scheduling.executors import EXECUTORS
from scheduling.models import Job


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Queues, executors and spans make sense together."""
    found: list[CheckMessage] = []
    for lane in options().queues:
        if lane.executor not in EXECUTORS:
            hint = f"Choose one of: {', '.join(EXECUTORS)}."
            found.append(
                Error(
                    f"Queue {lane.name!r} names the unknown executor {lane.executor!r}.",
                    hint,
                    id="scheduling.E001",
                )
            )
        if lane.slots < 1:
            found.append(Error(f"Queue {lane.name!r} has no slots.", "Give it one or more.", id="scheduling.E002"))
    if options().stale_after < 3 * options().heartbeat:
        hint = "A worker would be called dead after a single late heartbeat: raise STALE_AFTER or lower HEARTBEAT."
        found.append(Error("STALE_AFTER is less than three times HEARTBEAT.", hint, id="scheduling.E003"))
    return found


@register
def check_declarations(**_: Any) -> list[CheckMessage]:
    """Jobs declared in code name configured queues."""
    names = {lane.name for lane in options().queues}
    wanted = {(each.id, each.options.get("queue", "default")) for each in registry.declarations().values()}
    return [
        Error(
            f"The job {job!r} names the queue {queue!r}, which is not configured.",
            f"Add it to QUEUES, or choose one of: {', '.join(sorted(names))}.",
            id="scheduling.E004",
        )
        for job, queue in sorted(wanted)
        if queue not in names
    ]


@register(Tags.database)
def check_jobs(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Jobs in the database can run: their tasks are registered, their queues configured."""
    if not databases or "default" not in databases or not settings.DATABASES:
        return []
    queues = {lane.name for lane in options().queues}
    try:
        rows = list(Job.objects.values_list("id", "task", "queue"))
    except DatabaseError:  # not migrated yet
        return []
    return [
        Warning(
            f"The job {job!r} cannot run: {what}.",
            "Change the job in the admin, or bring back what it names.",
            id="scheduling.W001",
        )
        for job, task, queue in rows
        if (what := _wrong(task, queue, queues))
    ]


def _wrong(task: str, queue: str, queues: set[str]) -> str:
    if task not in registry.registered():
        return f"no task {task!r} is registered"
    return "" if queue in queues else f"its queue {queue!r} is not configured"
