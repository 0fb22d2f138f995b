"""Failpoints: faults at named steps of the road, switched on by FAILPOINTS in the environment; the engine has no hook.

    FAILPOINTS="claim.after_commit:kill:0.1,*.before_commit:raise:0.02,finish.before:sleep=0.5"

Each is STEP:ACTION[:PROBABILITY]; the step may be a pattern as of a shell. Around a verb of the store there are
`before` and `after`, and `before_commit` and `after_commit` within it where it has a transaction; around an
executor's submit `start.before` and `start.after`, and around a task's code `task.before` and `task.after`.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import wraps
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.tasks.signals import task_finished, task_started

from scheduling import store
from scheduling.executors import EXECUTORS

VERBS = {
    "fire": "fire_due",
    "skip": "skip_overdue",
    "claim": "claim",
    "finish": "finish",
    "sweep": "release_strays",
    "heartbeat": "heartbeat",
    "rescue": "rescue",
    "register": "register",
    "retire": "retire",
}
IN_ONE_STATEMENT = {"sweep", "heartbeat"}  # these verbs have no transaction of their own to stop in
STEPS = [
    *(f"{verb}.{side}" for verb in VERBS for side in ("before", "after")),
    *(f"{verb}.{side}_commit" for verb in VERBS if verb not in IN_ONE_STATEMENT for side in ("before", "after")),
    *(f"{part}.{side}" for part in ("start", "task") for side in ("before", "after")),
]


@dataclass(frozen=True, slots=True)
class Failpoint:
    """What happens at a step, and how often."""

    step: str
    action: str  # kill, stop, raise, sleep
    seconds: float = 0.0  # of a sleep, and of a stop until it is continued
    probability: float = 1.0

    @classmethod
    def of(cls, text: str) -> Self:
        """`STEP:ACTION[=SECONDS][:PROBABILITY]` as a value. Raises ValueError for a step or an action unknown."""
        step, action, *probability = text.split(":")
        action, _, seconds = action.partition("=")
        if action not in ACTIONS or not any(fnmatch(known, step) for known in STEPS):
            raise ValueError(f"No such failpoint: {text}")
        return cls(step, action, float(seconds or 0), *map(float, probability))


class Failpoints:
    """Those of this process; `log` gets a line for each death and each stop, so that someone can count them."""

    def __init__(self, text: str, log: str = "") -> None:
        self.points = [Failpoint.of(each) for each in text.split(",")]
        self.log = log
        self.verb = threading.local()  # .name: whose commit this thread comes to

    def reach(self, step: str) -> None:
        """This process has come to `step`. May not return; raises OperationalError where that is the fault."""
        for point in self.points:
            if fnmatch(step, point.step) and random.random() < point.probability:  # noqa: S311
                if point.action in ("kill", "stop") and self.log:
                    append(self.log, f"{os.getpid()} {point.action} {step}")
                ACTIONS[point.action](step, point.seconds)

    def install(self) -> ExitStack:
        """Wrap the steps of this process, until the stack is closed."""
        stack = ExitStack()
        for verb, name in VERBS.items():
            stack.enter_context(patch.object(store, name, self._around(verb, getattr(store, name))))
        for executor in EXECUTORS.values():
            stack.enter_context(patch.object(executor, "submit", self._around("start", executor.submit)))
        commit = self._committing(BaseDatabaseWrapper.commit)
        stack.enter_context(patch.object(BaseDatabaseWrapper, "commit", commit))
        for signal_, receiver in ((task_started, self._task_started), (task_finished, self._task_finished)):
            signal_.connect(receiver)
            stack.callback(signal_.disconnect, receiver)
        return stack

    def _around(self, name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(verb)
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self.reach(f"{name}.before")
            self.verb.name = name
            try:
                result = verb(*args, **kwargs)
            finally:
                self.verb.name = ""
            self.reach(f"{name}.after")
            return result

        return stepped

    def _committing(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        @wraps(commit)
        def stepped(connection: Any) -> None:
            name = getattr(self.verb, "name", "")
            if name:
                self.reach(f"{name}.before_commit")
            commit(connection)
            if name:
                self.reach(f"{name}.after_commit")

        return stepped

    def _task_started(self, **_: Any) -> None:
        self.reach("task.before")

    def _task_finished(self, **_: Any) -> None:
        self.reach("task.after")


def append(path: str | Path, line: str) -> None:
    """Add a line to a file that several processes write to, so that none of them is torn but by a death."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def _kill(step: str, seconds: float) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(step: str, seconds: float) -> None:
    """Stand still; another process has to continue this one."""
    waker = f"sleep {seconds}; kill -CONT {os.getpid()}"
    subprocess.Popen(["sh", "-c", waker], start_new_session=True)
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(step: str, seconds: float) -> None:
    raise OperationalError(f"the connection was lost at the failpoint {step}")


def _sleep(step: str, seconds: float) -> None:
    time.sleep(seconds)


ACTIONS = {"kill": _kill, "stop": _stop, "raise": _raise, "sleep": _sleep}
