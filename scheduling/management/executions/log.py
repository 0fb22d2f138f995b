"""executions logs: what a run said; with --follow until it ends."""

import re
import sys
from typing import Any

from django.core.management.base import CommandError

from scheduling.admin.run_page import plain
from scheduling.management.composed import add_deed
from scheduling.management.executions import following
from scheduling.management.executions.attempts import next_attempt
from scheduling.management.executions.following import NOT_WELL, ending
from scheduling.management.finding import REFUSED, find_run, read_number
from scheduling.management.telling import put_json
from scheduling.models import Execution, LogChunk

_FIGURES = re.compile(r"\d+")
CODES = (
    "Exit code 0: told; with --follow, the run succeeded. 1: with --follow, it failed, timed out, was cancelled, "
    "skipped or lost. 2: refused. With --follow, 3: nobody ran it, since no scheduler is at work. "
    "130: left with Ctrl+C; the run goes on."
)


def add_parsers(deeds: Any) -> None:
    help = "print what a run has logged, in the zone of TIME_ZONE"
    parser = add_deed(deeds, "logs", act, help, CODES)
    parser.add_argument("run", type=read_number, metavar="ID", help="its number, as 12 or '#12'")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")


def act(given: dict[str, Any], out: Any) -> None:
    run = find_run(given["run"])
    if given["json"]:
        if given["follow"]:
            raise CommandError("--json tells it once; leave out --follow.", returncode=REFUSED)
        put_json(out, {"id": run.pk, "state": run.state, "log": "".join(text for _, text in _chunks(run, 0))})
    elif given["follow"]:
        _follow(run, out)
    else:
        _print(run, 0, out)


def _follow(run: Execution, out: Any) -> None:
    """Print until `run` has ended; while it waits, say for what. Raises CommandError unless it succeeded."""
    printer = _Printer(out)
    run, code = following.wait(run, None, _current, printer.see)
    following.stay(run, code)
    if code == NOT_WELL:
        raise CommandError(f"{ending(run)}{_next(run)}", returncode=code)
    if code:
        raise CommandError(following.trouble(run, code), returncode=code)
    sys.stderr.write(f"{ending(run)}\n")


class _Printer:
    """Prints what is new in the log, and on standard error what a run waits for, once for each thing."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._last = 0
        self._hints = {""}

    def see(self, run: Execution, hint: str) -> None:
        kind = _FIGURES.sub("", hint)  # "in 58 s" is the same as "in 56 s"
        if kind not in self._hints:
            self._hints.add(kind)
            sys.stderr.write(f"Run #{run.pk} waits. {hint}\n")
        self._last = _print(run, self._last, self._out)


def _current(run: Execution) -> Execution:
    run.refresh_from_db()  # before the log is read: what an ended run has said is all there
    return run


def _print(run: Execution, last: int, out: Any) -> int:
    """What came after the chunk `last`; returns the latest."""
    chunks = _chunks(run, last)
    for _, text in chunks:
        out.write(text, ending="")
    out.flush()
    return chunks[-1][0] if chunks else last


def _chunks(run: Execution, last: int) -> list[tuple[int, str]]:
    new = LogChunk.objects.filter(execution=run.pk, id__gt=last).order_by("id")
    return [(number, plain(text)) for number, text in new.values_list("id", "text")]


def _next(run: Execution) -> str:
    """Where the log goes on, if the run is tried again."""
    again = next_attempt(run)
    return f"\nAttempt {again.attempt} follows: manage.py executions logs {again.pk} --follow" if again else ""
