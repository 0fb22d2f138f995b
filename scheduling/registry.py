"""Task path <-> `@task` function: the only code that a Job or an Execution may name.

Tasks are Django's `@task` functions in the `tasks` modules of the installed apps. A path that is not
in here is never imported, whatever a row, a form or a request says.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.conf import settings
from django.tasks.base import Task
from django.utils.module_loading import module_has_submodule

from scheduling import spans, triggers
from scheduling.conf import options
from scheduling.exceptions import InvalidArguments, InvalidTrigger, SchedulingError, UnknownTask
from scheduling.triggers import Kind, Schedule, schedule_of

DEEPEST = 25  # lists and objects in one another; MariaDB takes 32, of which a Change has some for itself
POSITIONAL = "*"  # the key under which arguments keep positional values

_tasks: dict[str, Task] = {}

SPANS = ("misfire_grace_time", "timeout", "backoff", "backoff_max", "jitter", "keep_for", "keep_unwell_for")
JOB_OPTIONS = frozenset(
    {
        *SPANS,
        *("name", "description", "tags", "arguments", "queue", "priority", "max_instances", "coalesce"),
        *("overlap", "max_attempts", "idempotent", "exclusive", "run_at_startup", "calendars", "ping", "tenant"),
    }
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A Job as the code defines it with `@scheduled`."""

    id: str
    task: str
    schedule: Schedule
    options: dict[str, Any]  # columns of Job, only those that the code names
    needs: Callable[[], list[str]] = list  # the settings that are missing: until they are there the job cannot run


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the jobs of a task may run."""

    least: timedelta  # from one run to the next
    most: timedelta


LOOKED_AT = 100  # moments of a cron schedule between which the shortest time is searched

_declarations: dict[str, Declaration] = {}
_paces: dict[str, Pace] = {}  # by the path of the task


def discover() -> None:
    """Import the `tasks` module of every installed app and register the tasks found in it.

    An error in such a module stops the start: a scheduler that silently lacks tasks would park jobs.
    """
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "tasks"):
            register_module(f"{config.name}.tasks")


def register_module(name: str) -> None:
    """Register the `@task` functions that the module called `name` defines."""
    for task in vars(import_module(name)).values():
        if isinstance(task, Task) and task.func.__module__ == name:
            _tasks[task.module_path] = task


def registered() -> dict[str, Task]:
    """All tasks by their path, in alphabetical order."""
    return dict(sorted(_tasks.items()))


def get(path: str) -> Task:
    """The task at `path`. Raises UnknownTask; nothing is imported to find out."""
    try:
        return _tasks[path]
    except KeyError:
        raise UnknownTask(f"No task {path!r} is registered in the installed apps.") from None


def path_of(target: Task | str | Callable[..., Any]) -> str:
    """The path of a task given as the task, as its function, as `module.name` or `module:name`."""
    if isinstance(target, Task):
        path = target.module_path
    elif isinstance(target, str):
        path = target.replace(":", ".")
    else:
        path = f"{target.__module__}.{target.__qualname__}"
    get(path)
    return path


def time_limit(path: str) -> timedelta | None:
    """How long a run of the task may take when its job does not say; None without limit."""
    own: timedelta | None = getattr(_tasks.get(path), "timeout", None)
    return own or options().default_timeout


def check_schedule(path: str, schedule: Schedule) -> None:
    """Raise InvalidTrigger unless the schedule names a moment, and keeps to the pace that the task at `path` allows."""
    triggers.check(schedule)
    pace = _paces.get(path)
    if pace is None or schedule.kind not in (Kind.INTERVAL, Kind.CRON):
        return
    allowed = f"Jobs of this task run every {spans.write(pace.least)} to every {spans.write(pace.most)}"
    if schedule.kind is Kind.INTERVAL:
        if not pace.least <= (schedule.interval or pace.least) <= pace.most:
            raise InvalidTrigger(f"{allowed}; choose an interval between them.", field="interval")
    elif _shortest(schedule) < pace.least:
        raise InvalidTrigger(f"{allowed}; this schedule runs them more often.")


def _shortest(schedule: Schedule) -> timedelta:
    """The shortest time between two of the first moments of a cron schedule."""
    moments = triggers.preview(schedule, LOOKED_AT, triggers.DAWN)
    return min((later - earlier for earlier, later in pairwise(moments)), default=timedelta.max)


def split(arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Stored arguments as the positional and the named ones of a call."""
    named = {name: value for name, value in arguments.items() if name != POSITIONAL}
    return list(arguments.get(POSITIONAL, [])), named


def joined(args: list[Any] | tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The positional and named arguments of a call as they are stored."""
    return {POSITIONAL: list(args), **kwargs} if args else dict(kwargs)


def named(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Stored arguments by the names that the task has for them, as far as they fit it."""
    args, kwargs = split(arguments)
    try:
        return signature(get(path)).bind_partial(*args, **kwargs).arguments
    except (TypeError, UnknownTask):
        return arguments


def signature(task: Task) -> inspect.Signature:
    """What the task asks of its caller: its signature without `context`."""
    whole = inspect.signature(task.func)
    given = list(whole.parameters.values())
    return whole.replace(parameters=given[1:] if task.takes_context else given)


def check_arguments(path: str, arguments: Any) -> None:
    """Raise InvalidArguments, naming what is missing or unknown, unless the task can be called so."""
    if not isinstance(arguments, dict):
        raise InvalidArguments('Arguments are a JSON object of names and values, such as {"limit": 5}.')
    check_storable(arguments)
    asked = signature(get(path))
    if not isinstance(arguments.get(POSITIONAL, []), list):
        raise InvalidArguments(f'The arguments under "{POSITIONAL}" are a list of values, in their order.')
    args, kwargs = split(arguments)
    try:
        asked.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArguments(f"{path} takes {asked}: {error}.") from None


def check_storable(arguments: Any) -> None:
    """Raise InvalidArguments for what not every database can keep as JSON: NaN, NUL, half characters, deep nests."""
    if _is_deeper(arguments, DEEPEST):
        raise InvalidArguments(f"Arguments must not hold more than {DEEPEST} lists and objects in one another.")
    try:
        text = json.dumps(arguments, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidArguments(f"Arguments must be JSON{_unfit(arguments)}: {error}.") from None
    if "\\u0000" in text:
        raise InvalidArguments("Arguments must not contain the NUL character (\\u0000).")


def _unfit(arguments: Any) -> str:
    """Which of the arguments it is that cannot be kept."""
    if not isinstance(arguments, dict) or not isinstance(arguments.get(POSITIONAL, []), list):
        return ""
    args, kwargs = split(arguments)
    placed = {f"number {number}": value for number, value in enumerate(args, 1)}
    for name, value in {**placed, **{repr(name): value for name, value in kwargs.items()}}.items():
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError):
            return f", and {name} is not"
    return ""


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return bool(inner) and (levels == 0 or any(_is_deeper(item, levels - 1) for item in inner))


def scheduled(
    trigger: str,
    *,
    id: str = "",
    needs: Callable[[], list[str]] = list,
    between: tuple[timedelta, timedelta] | None = None,
    **keywords: Any,
) -> Callable[[Task], Task]:
    """Declare a Job in code, above `@task`, with APScheduler's own keywords.

    `trigger` is cron, interval, date or manual; its keywords (`hour=2`, `minutes=5`, `run_date=…`) and
    the columns of Job (`name`, `queue`, `timeout`, …) go side by side. Spans may be seconds. The Job's
    id is the function's name unless `id` is given. `manage.py syncjobs` brings it into the database, as soon as
    `needs` names no more settings that are missing. No job of the task may run more often than the first of
    `between`, or at an interval longer than the second.
    """
    options = {name: keywords.pop(name) for name in JOB_OPTIONS & keywords.keys()}
    for name in SPANS:
        if isinstance(options.get(name), int | float):
            options[name] = timedelta(seconds=options[name])
    zone = str(keywords.pop("timezone", settings.TIME_ZONE))
    schedule, jitter = schedule_of(trigger, zone, **keywords)
    if jitter:
        options["jitter"] = jitter

    def declare(task: Task) -> Task:
        if not isinstance(task, Task):
            raise TypeError(f"Write @scheduled above @task, not below it: {task!r}.")
        name = id or task.name
        known = _declarations.get(name)
        if known is not None and known.task != task.module_path:
            raise SchedulingError(f"Two jobs are declared as {name!r}: by {known.task} and by {task.module_path}.")
        if between:
            paced(*between)(task)
        _declarations[name] = Declaration(name, task.module_path, schedule, options, needs)
        return task

    return declare


def paced[T: Task](least: timedelta, most: timedelta) -> Callable[[T], T]:
    """Let no job of the task run more often than every `least`, or at an interval longer than `most`; above `@task`."""

    def declare(task: T) -> T:
        _paces[task.module_path] = Pace(least, most)
        return task

    return declare


def declarations() -> dict[str, Declaration]:
    """The Jobs that the code defines, by id."""
    return dict(_declarations)
