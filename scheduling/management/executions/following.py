"""Waiting for a run: whoever shows it sees each look at it; a bar, the attempts that follow, and what came of it."""

import time
from collections.abc import Callable
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
from scheduling.management.leaving import LEFT, leave, leaving
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


Current = Callable[[Execution], Execution]  # the run to look at, as it stands now
See = Callable[[Execution, str], None]  # the run as it stands now, and in a sentence what it waits for


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

    def ask(self, run: Execution) -> None:
        """Look, now and then, whether a scheduler turns, and what `run` waits for."""
        moment = time.monotonic()
        if run.state != State.QUEUED:
            self.hint = ""
        if moment - self.asked < ASKED_EVERY:
            return
        now = timezone.now()
        self.asked = moment
        if turning(now):
            self.alive = moment
        if run.state == State.QUEUED:
            self.hint = _hint(run, now)

    def is_alone(self, now: float) -> bool:
        return now - self.alive >= PATIENCE


def add_arguments(parser: Any) -> None:
    parser.add_argument("--wait", action="store_true", help="wait for its end, with that of further attempts")
    parser.add_argument("--timeout", metavar="SPAN", help="with --wait: no longer than this, as '90 s' or '10 min'")


def wait(run: Execution, most: float | None, current: Current, see: See) -> tuple[Execution, int]:
    """Look at `run` until it has ended, at most so many seconds; `see` is shown each look, the last one too.

    Returns it, and 0 or what kept it from ending well; LEFT after Ctrl+C, which ends the waiting.
    """
    started = time.monotonic()
    state = _Wait(started, most, alive=started)
    with leaving() as left:
        while not left.is_set():
            run = current(run)
            state.ask(run)
            see(run, state.hint)
            if run.is_final:
                return run, 0 if run.state == State.SUCCEEDED else NOT_WELL
            now = time.monotonic()
            if state.is_over(now) or state.is_alone(now):
                begun = run.state == State.RUNNING and not state.is_alone(now)
                return run, STILL_GOING if begun else NOT_BEGUN
            left.wait(EVERY)
    return run, LEFT


def follow(run: Execution, most: float | None) -> tuple[Execution, int]:
    """Wait with a bar until `run`, or the last attempt that follows it, has ended."""
    with _bar() as bar:
        line = bar.add_task("", total=None)
        return wait(run, most, last_attempt, lambda now, hint: _draw(bar, line, now, hint))


def tell(run: Execution, code: int, out: Any, *, json: bool) -> None:
    """What came of the waiting. Raises CommandError with `code` unless all is well."""
    stay(run, code)
    if json:
        put_json(out, as_json(run))
    if code:
        raise CommandError(trouble(run, code), returncode=code)
    if not json:
        result = "" if run.result is None else f" Result: {dumps(redact_json(run.result), ensure_ascii=False)}"
        out.write(f"{ending(run)}{result}")


def stay(run: Execution, code: int) -> None:
    """Raises SystemExit, with how to go on, where somebody left."""
    if code == LEFT:
        log, end = f"manage.py executions logs {run.pk} --follow", f"manage.py executions cancel {run.pk}"
        raise leave(f"Run #{run.pk} goes on without you. Its log: {log}; its end: {end}")


def ending(run: Execution) -> str:
    """ "Run #12 of films succeeded after 3.2 s.\""""
    of = f" of {run.job_id}" if run.job_id else ""
    took = f" after {span(run.duration)}" if run.duration is not None else ""
    attempts = f", at attempt {run.attempt}" if run.attempt > 1 else ""
    why = ": ".join(part for part in (run.error_class.rpartition(".")[2], run.error_message) if part)
    said = " ".join(part for part in (run.reason, why) if part)
    return f"Run #{run.pk}{of}: {look(run)[0].lower()}{took}{attempts}.{f' {said}' if said else ''}"


def trouble(run: Execution, code: int) -> str:
    """Why the waiting was in vain, and what to do."""
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


def _draw(bar: Progress, line: TaskID, run: Execution, hint: str) -> None:
    share = {"total": 1.0, "completed": run.progress} if run.progress is not None else {"total": None}
    bar.update(line, description=escape(_describe(run, hint)), **share)


def _describe(run: Execution, hint: str) -> str:
    attempt = f", attempt {run.attempt} of {max(run.max_attempts, run.attempt)}" if run.attempt > 1 else ""
    doing = {State.QUEUED: hint, State.RUNNING: f"Running. {run.progress_text}".strip()}
    return f"#{run.pk}{attempt}: {doing.get(State(run.state), look(run)[0].lower())}"
