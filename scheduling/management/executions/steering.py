"""executions cancel, retry: an end for runs, and a new beginning."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import store
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.executions import following
from scheduling.management.executions.rows import as_json
from scheduling.management.finding import REFUSED, find_run, read_number, read_span
from scheduling.management.pausing import ask_reason
from scheduling.management.telling import put_json
from scheduling.models import Execution, State


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "cancel", cancel, "withdraw runs that wait, and have those stopped that are running")
    parser.add_argument("runs", nargs="+", type=read_number, metavar="ID", help="the number of a run")
    ask_reason(parser)
    parser = add_deed(deeds, "retry", retry, "run again what has ended, with the same arguments", following.CODES)
    parser.add_argument("run", type=read_number, metavar="ID", help="the number of a run")
    following.add_arguments(parser)


def cancel(given: dict[str, Any], out: Any) -> None:
    answers = []
    for run in [find_run(number) for number in given["runs"]]:
        done = store.cancel(run, by=by(), now=timezone.now(), reason=given["reason"])
        run.refresh_from_db()
        answers.append({"id": run.pk, "changed": done is not None, "state": run.state})
        if not given["json"]:
            out.write(f"#{run.pk}: {_told(run, done)}")
    if given["json"]:
        put_json(out, answers)


def retry(given: dict[str, Any], out: Any) -> None:
    if given["timeout"] is not None and not given["wait"]:
        raise CommandError("--timeout says how long to --wait; give both.", returncode=REFUSED)
    most = None if given["timeout"] is None else read_span(given["timeout"]).total_seconds()
    run = find_run(given["run"])
    if not run.is_final:
        told = f"Run #{run.pk} has not ended ({run.state}); cancel it first: manage.py executions cancel {run.pk}"
        raise CommandError(told, returncode=REFUSED)
    again = store.rerun(run, by=by(), now=timezone.now())
    if given["wait"]:
        again, code = following.follow(again, most)
        following.tell(again, code, out, json=given["json"])
    elif given["json"]:
        put_json(out, as_json(again))
    else:
        out.write(
            f"#{run.pk}: queued again as #{again.pk}. Follow it with: manage.py executions logs {again.pk} --follow"
        )


def _told(run: Execution, done: State | None) -> str:
    if done is State.CANCELLED:
        return "cancelled."
    if done is State.RUNNING:
        return "told to stop; its end is on its page soon."
    return "was told to stop already." if not run.is_final else f"had ended before ({run.get_state_display().lower()})."
