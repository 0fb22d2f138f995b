"""executions logs: what a run said; with --follow until it ends."""

import sys
from typing import Any

from django.core.management.base import CommandError

from scheduling.admin.run_page import plain
from scheduling.management.composed import add_deed
from scheduling.management.executions.attempts import next_attempt
from scheduling.management.executions.following import NOT_WELL, ending
from scheduling.management.finding import REFUSED, find_run, read_number
from scheduling.management.leaving import leave, leaving
from scheduling.management.telling import put_json
from scheduling.models import Execution, LogChunk, State

EVERY = 0.3  # seconds between two looks for more
AT_ONCE = 200  # chunks in one query
CODES = (
    "Exit code 0: told; with --follow, the run succeeded. 1: with --follow, it failed, timed out, was cancelled, "
    "skipped or lost. 2: refused. 130: left with Ctrl+C; the run goes on."
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
    """Print until `run` has ended. Raises CommandError unless it succeeded."""
    last = 0
    with leaving() as left:
        while not left.is_set():
            run.refresh_from_db()  # before the log is read: what an ended run has said is all there
            last = _print(run, last, out)
            if run.is_final:
                _tell_end(run)
                return
            left.wait(EVERY)
    raise leave(f"Run #{run.pk} goes on without you. Its end: manage.py executions cancel {run.pk}")


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


def _tell_end(run: Execution) -> None:
    again = next_attempt(run)
    follows = f"\nAttempt {again.attempt} follows: manage.py executions logs {again.pk} --follow" if again else ""
    if run.state != State.SUCCEEDED:
        raise CommandError(f"{ending(run)}{follows}", returncode=NOT_WELL)
    sys.stderr.write(f"{ending(run)}\n")
