"""/tasks: what jobs can run, and what each of it takes."""

import inspect
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.tasks.base import Task
from django.utils.json import normalize_json
from ninja import Router, Schema
from pydantic import Field

from scheduling import registry
from scheduling.api.auth import needs
from scheduling.api.problems import refusals
from scheduling.api.shapes import seconds
from scheduling.models import Job, Scope
from scheduling.redact import redact_json
from scheduling.tenants import tenants_of

router = Router(tags=["tasks"])


class Parameter(Schema):
    """One thing that a task takes."""

    name: str = Field(examples=["limit"])
    required: bool
    default: Any = Field(description="What it is without being given.", examples=[50])
    annotation: str = Field(description="As the code has it; empty if it has none.", examples=["int"])
    kind: str = Field(
        description="named; positional only; *: any number of values; **: any further names.", examples=["named"]
    )


class TaskSchema(Schema):
    """A task that a job may name."""

    path: str = Field(description="What a job has as its `task`.", examples=["tasks.imports.tasks.import_all"])
    name: str = Field(examples=["import_all"])
    description: str
    parameters: list[Parameter]
    timeout: float | None = Field(description="Seconds after which a run is stopped, unless its job says otherwise.")


class Tasks(Schema):
    """All tasks, by path."""

    items: list[TaskSchema]


KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "named",
    inspect.Parameter.KEYWORD_ONLY: "named",
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


@router.get(
    "",
    response={200: Tasks, **refusals()},
    auth=needs("scheduling.view_job", scope=Scope.READ),
    operation_id="list_tasks",
    summary="List tasks",
)
def listed(request: HttpRequest) -> dict[str, Any]:
    """The registered tasks with their parameters: what `task` and `arguments` of a job may be.

    People of a tenant, who choose none, are told of those of their own jobs.
    """
    known = registry.registered()
    if tenants_of(request.user) is not None:
        own = set(Job.objects.seen_by(request.user).values_list("task", flat=True))
        known = {path: task for path, task in known.items() if path in own}
    return {"items": [_shown(path, task) for path, task in known.items()]}


def _shown(path: str, task: Task) -> dict[str, Any]:
    return {
        "path": path,
        "name": task.name,
        "description": inspect.cleandoc(task.func.__doc__ or ""),
        "parameters": list(_parameters(task)),
        "timeout": seconds(registry.time_limit(path)),
    }


def _parameters(task: Task) -> Iterator[dict[str, Any]]:
    for name, each in registry.signature(task).parameters.items():
        any_number = each.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        given = each.default is not inspect.Parameter.empty
        named = each.annotation is not inspect.Parameter.empty
        yield {
            "name": name,
            "required": not given and not any_number,
            "default": redact_json({name: _plain(each.default)})[name] if given else None,
            "annotation": inspect.formatannotation(each.annotation) if named else "",
            "kind": KINDS[each.kind],
        }


def _plain(value: Any) -> Any:
    try:
        return normalize_json(value)
    except TypeError:
        return repr(value)
