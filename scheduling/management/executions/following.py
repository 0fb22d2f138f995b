"""Waiting for a run: a bar while it goes, the attempts that follow it, and what came of it."""

import time
from dataclasses import dataclass
from datetime import datetime
from json import dumps
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from scheduling.admin.columns import look, span
from scheduling.explain import Teller
from scheduling.explain.hindrances import waiting
from scheduling.health import turning
from scheduling.management.executions.attempts import last_attempt
from scheduling.management.executions.rows import as_json
from scheduling.management.leaving import leave, leaving
from scheduling.management.telling import put_json
from scheduling.models import Execution, State
from scheduling.redact import redact_json

NOT_WELL, NOT_BEGUN, STILL_GOING = 1, 3, 4  # exit codes
CODES = (
    "Exit code 0: queued; with --wait, it succeeded. 1: it failed, timed out, was cancelled, skipped or lost. "
    "2: refused. With --wait, 3: nobody ran it (no scheduler, or none had a place before --timeout); it stays queued. "
    "4: it is still going at the end of --timeout. 130: left with Ctrl+C; the run goes on."
)
EVERY = 0.2  # seconds between two looks at the run
ASKED_EVERY = 2.0  # seconds between two looks for what it waits for
PATIENCE = 30.0  # seconds that no scheduler may turn, as during a deploy


@dataclass(slots=True)
class _Wait:
    """How long has been waited, on the steady clock."""

    began: float
    most: float | None  # seconds
    asked: float = float("-inf")
    alive: float = 0.0  # when a scheduler was last seen to turn
    hint: str = ""

    def is_over(self, now: float) -> bool:
        return self.most is not None and now - self.began >= self.most

    def is_alone(self, now: float) -> bool:
        return now - self.alive >= PATIENCE


def add_arguments(parser: Any) -> None:
    parser.add_argument("--wait", action="store_true", help="wait for its end, with that of further attempts")
    parser.add_argument("--timeout", metavar="SPAN", help="with --wait: no longer than this, as '90 s' or '10 min'")


def follow(run: Execution, most: float | None) -> tuple[Execution, int]:
    """Wait until `run`, or the last attempt that follows it, has ended; at most so many seconds.

    Returns it, and 0 or what kept it from ending. Ctrl+C ends the waiting.
    """
    started = time.monotonic()
    state = _Wait(started, most, alive=started)
    with leaving() as left, _bar() as bar:
        line = bar.add_task("", total=None)
        while not left.is_set():
            run = last_attempt(run)
            _draw(bar, line, run, state)
            if run.is_final:
                return run, 0 if run.state == State.SUCCEEDED else NOT_WELL
            now = time.monotonic()
            if state.is_over(now) or state.is_alone(now):
                begun = run.state == State.RUNNING and not state.is_alone(now)
                return run, STILL_GOING if begun else NOT_BEGUN
            left.wait(EVERY)
    raise leave(
        f"Run #{run.pk} goes on without you. Its log: manage.py executions logs {run.pk} --follow; "
        f"its end: manage.py executions cancel {run.pk}"
    )


def tell(run: Execution, code: int, out: Any, *, json: bool) -> None:
    """What came of the waiting. Raises CommandError with `code` unless all is well."""
    if json:
        put_json(out, as_json(run))
    if code:
        raise CommandError(_trouble(run, code), returncode=code)
    if not json:
        result = "" if run.result is None else f" Result: {dumps(redact_json(run.result), ensure_ascii=False)}"
        out.write(f"{ending(run)}{result}")


def ending(run: Execution) -> str:
    """ "Run #12 of films succeeded after 3.2 s.\""""
    of = f" of {run.job_id}" if run.job_id else ""
    took = f" after {span(run.duration)}" if run.duration is not None else ""
    attempts = f", at attempt {run.attempt}" if run.attempt > 1 else ""
    why = ": ".join(part for part in (run.error_class.rpartition(".")[2], run.error_message) if part)
    said = " ".join(part for part in (run.reason, why) if part)
    return f"Run #{run.pk}{of}: {look(run)[0].lower()}{took}{attempts}.{f' {said}' if said else ''}"


def _trouble(run: Execution, code: int) -> str:
    if code == NOT_WELL:
        return f"{ending(run)}\nWhat it said: manage.py executions logs {run.pk}"
    withdraw = f"withdraw it with: manage.py executions cancel {run.pk}"
    if code == STILL_GOING:
        return f"Run #{run.pk} is still going. Follow it with: manage.py executions logs {run.pk} --follow"
    if not turning(timezone.now()):
        return (
            f"Nobody runs #{run.pk}: no scheduler is at work. It stays {run.state}. "
            f"Start one with: manage.py runscheduler; or {withdraw}"
        )
    return f"Run #{run.pk} has not begun: {_hint(run, timezone.now())} It stays queued; {withdraw}"


def _hint(run: Execution, now: datetime) -> str:
    """What a queued run waits for, in a sentence."""
    return next(waiting(run, Teller(timezone.get_current_timezone(), now)))


def _bar() -> Progress:
    spinner, elapsed = SpinnerColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    return Progress(spinner, TextColumn("{task.description}"), BarColumn(30), elapsed, console=console, transient=True)


def _draw(bar: Progress, line: TaskID, run: Execution, wait: _Wait) -> None:
    moment = time.monotonic()
    if moment - wait.asked >= ASKED_EVERY:
        now = timezone.now()
        wait.asked = moment
        if turning(now):
            wait.alive = moment
        wait.hint = _hint(run, now) if run.state == State.QUEUED else ""
    share = {"total": 1.0, "completed": run.progress} if run.progress is not None else {"total": None}
    bar.update(line, description=escape(_describe(run, wait)), **share)


def _describe(run: Execution, wait: _Wait) -> str:
    attempt = f", attempt {run.attempt} of {max(run.max_attempts, run.attempt)}" if run.attempt > 1 else ""
    doing = {State.QUEUED: wait.hint, State.RUNNING: f"Running. {run.progress_text}".strip()}
    return f"#{run.pk}{attempt}: {doing.get(State(run.state), look(run)[0].lower())}"
