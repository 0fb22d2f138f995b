"""What a task can return, raise or do that an engine may not have thought of."""

import json
import os
import signal
import time
from typing import Any

from django.tasks import task

from scheduling.exceptions import RetryLater
from scheduling.models import Execution
from scheduling.perform import LONGEST_RESULT


class Unspeakable(Exception):
    """An error whose text is an error of its own."""

    def __str__(self) -> str:
        raise RuntimeError("not even this can be told")


@task
def returns(what: str) -> Any:
    """The result of that name."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    itself: list[Any] = []
    itself.append(itself)
    return {
        "a_set": {1, 2},
        "an_object": object(),
        "not_a_number": [float("nan")],
        "infinity": {"a": float("inf")},
        "itself": itself,
        "a_deep_nest": deep,
        "forty_lists": json.loads("[" * 40 + "]" * 40),
        "a_long_text": "x" * (LONGEST_RESULT + 1),
        "numbers_as_keys": {1: "a", None: "b"},
        "odd_text": {"a\x00": "b\x00 \ud800"},
    }[what]


@task
def fails(what: str) -> None:
    """Raise the error of that name."""
    raise {
        "odd_text": ValueError("b\x00 \ud800"),
        "unspeakable": Unspeakable(),
        "very_long": ValueError("x" * 1_000_000),
    }[what]


@task
def forgets_the_unit() -> None:
    raise RetryLater(90)  # type: ignore[arg-type]


@task(takes_context=True)
def asks_for_its_own_stop(context: Any) -> None:
    context.stop.request()
    context.progress(0.5)
    raise AssertionError("progress() should have stopped this run")


@task
def signals_itself() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(1)


@task(takes_context=True)
def tells_its_context(context: Any) -> dict[str, Any]:
    return {
        "attempt": context.attempt,
        "execution_id": context.execution_id,
        "job_id": context.job_id,
        "scheduled_for": context.scheduled_for and context.scheduled_for.isoformat(),
        "idempotency_key": context.idempotency_key,
        "cancelled": context.cancelled,
        "still_mine": context.still_mine(),
        "task_result": context.task_result.id,
    }


@task(takes_context=True)
def tells_progress(context: Any, done: float, total: float | None, text: str) -> list[Any]:
    context.progress(done, total, text)
    row = Execution.objects.get(pk=context.execution_id)
    return [row.progress, row.progress_text]


@task(takes_context=True)
def tells_odd_progress(context: Any) -> str:
    context.progress(1, 1, "a\x00 \ud800")
    return Execution.objects.get(pk=context.execution_id).progress_text
