"""perform: a Snapshot in, an Outcome out. The only place that calls task code."""

import json
import os
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.tasks.base import Task
from django.tasks.signals import task_finished, task_started
from django.utils.json import normalize_json

from scheduling import observing, registry
from scheduling.clock import steady
from scheduling.context import Context, StopSignal
from scheduling.exceptions import RetryLater, Stopped, UnknownTask
from scheduling.logs import captured
from scheduling.models import State
from scheduling.redact import plain, redact_json
from scheduling.results import ended_result, running_result
from scheduling.snapshots import Outcome, Snapshot

LONGEST_TRACEBACK = 50_000  # characters; the end is what tells
LONGEST_MESSAGE = 5_000
LONGEST_RESULT = 1_000_000  # characters of JSON
DEEPEST_RESULT = 30  # lists and objects in one another; MariaDB takes 32


def perform(snapshot: Snapshot, stop: StopSignal) -> Outcome:
    """Run the task of `snapshot` to its end, whatever that is; never raises on behalf of the task."""
    _mind_connections()
    try:
        task = registry.get(snapshot.task)
    except UnknownTask as error:
        return _outcome(snapshot, State.FAILED, reason=str(error), may_retry=False)
    with captured(snapshot):
        result = running_result(snapshot, task)
        sender = type(task.get_backend())
        task_started.send_robust(sender, task_result=result)
        started_at, began = datetime.now(UTC), steady()
        outcome = _perform(Context(task_result=result, snapshot=snapshot, stop=stop), task)
        outcome = replace(outcome, started_at=started_at, began=began)
        task_finished.send_robust(sender, task_result=ended_result(result, outcome))
    _mind_connections()
    return outcome


def _perform(context: Context, task: Task) -> Outcome:
    snapshot = context.snapshot
    try:
        result = _call(task, context)
    except Stopped:
        return _outcome(snapshot, State.CANCELLED)
    except RetryLater as later:
        return _outcome(
            snapshot,
            State.FAILED,
            reason=plain(_message(later)),
            retry_in=later.delay.total_seconds(),
            **_told(later),
        )
    except BaseException as error:
        context.stop.interruptible = False
        observing.raised(snapshot, error)
        return _outcome(snapshot, State.FAILED, **_told(error))
    finally:
        context.stop.interruptible = False
    return _succeeded(snapshot, result)


def _call(task: Task, context: Context) -> Any:
    args, kwargs = registry.split(context.snapshot.arguments)
    if task.takes_context:
        args = [context, *args]
    context.raise_if_cancelled()
    performer = os.getpid()
    try:
        context.stop.interruptible = True
        return task.call(*args, **kwargs)
    finally:
        if os.getpid() != performer:  # a copy that the task has forked: the rest, and the connections, are not for it
            os._exit(os.EX_OK)


def _succeeded(snapshot: Snapshot, result: Any) -> Outcome:
    try:
        return _outcome(snapshot, State.SUCCEEDED, result=_kept(result))
    except (TypeError, ValueError, RecursionError) as error:
        observing.raised(snapshot, error)
        reason = f"The task ended well, but returned a {type(result).__name__} that cannot be kept: {error}."
        return _outcome(snapshot, State.FAILED, reason=plain(reason), may_retry=False, **_told(error))


def _kept(result: Any) -> Any:
    """`result` as JSON that every database takes. Raises TypeError, ValueError, RecursionError."""
    text = json.dumps(normalize_json(result), allow_nan=False)
    if len(text) > LONGEST_RESULT:
        raise ValueError(f"it is longer than {LONGEST_RESULT} characters")
    value = json.loads(text)
    if _depth(value) > DEEPEST_RESULT:
        raise ValueError(f"it is deeper than {DEEPEST_RESULT} levels")
    return redact_json(value)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _told(error: BaseException) -> dict[str, str]:
    """Class, message and traceback of an error, as far as they fit into a row, without secrets."""
    kind = type(error)
    trace = "".join(traceback.format_exception(error))
    return {
        "error_class": f"{kind.__module__}.{kind.__qualname__}"[:200],
        "error_message": plain(_message(error))[:LONGEST_MESSAGE],
        "traceback": plain(trace)[-LONGEST_TRACEBACK:],
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be told)"


def _outcome(snapshot: Snapshot, state: State, **more: Any) -> Outcome:
    return Outcome(id=snapshot.id, fence=snapshot.fence, state=state, finished_at=datetime.now(UTC), **more)


def _mind_connections() -> None:
    """Close what a task has broken, or the server has dropped, before the next one finds it."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
