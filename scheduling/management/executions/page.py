"""executions show: how the time of a run was spent, what came of it, and the attempts that it is one of."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from rich.text import Text

from scheduling.admin.columns import span
from scheduling.admin.run_page import plain
from scheduling.explain import Teller
from scheduling.explain.hindrances import waiting
from scheduling.management.composed import add_deed
from scheduling.management.executions.attempts import attempts
from scheduling.management.executions.rows import as_json, brief_json, drawn
from scheduling.management.finding import find_run, read_number
from scheduling.management.telling import facts, heading, indented, is_roomy, plural, put, put_json, state
from scheduling.models import Execution, State, Worker
from scheduling.redact import redact_json


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "show", act, "show a run: its times, its attempts, and its error")
    parser.add_argument("run", type=read_number, metavar="ID", help="its number, as 12 or '#12'")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    run = find_run(given["run"])
    chain = attempts(run)
    if given["json"]:
        put_json(out, {**as_json(run), "attempts": [brief_json(each) for each in chain]})
        return
    title = Text(f"Run #{run.pk} of {run.job_id or run.task.rpartition('.')[2]}: ", "bold") + state(run)
    put(out, title, Text(), facts(_facts(run, now)))
    if chain:
        put(out, heading("Attempts"), indented(drawn(chain, now, of_job=True, roomy=is_roomy(out))))
    if run.error_message or run.error_class:
        put(out, heading("Error"), indented(Text(plain(f"{run.error_class}: {run.error_message}"), "red")))
    if run.traceback:
        put(out, heading("Traceback"), indented(Text(plain(run.traceback).rstrip())))
    if not run.is_final or run.started_at:
        follow = "" if run.is_final else " --follow"
        put(out, Text(f"\nIts log: manage.py executions logs {run.pk}{follow}", "dim"))


def _facts(run: Execution, now: datetime) -> Iterator[tuple[str, str]]:
    told = Teller(timezone.get_current_timezone(), now)
    yield "Task", run.task
    if run.arguments:
        yield "Arguments", json.dumps(redact_json(run.arguments), ensure_ascii=False)
    yield "Why", f"{run.get_why_display().lower()}{f', by {run.requested_by}' if run.requested_by else ''}"
    yield from _times(run, told)
    if run.state == State.RUNNING and run.progress is not None:
        yield "Progress", f"{run.progress:.0%} {run.progress_text}"
    if run.reason:
        yield "Reason", run.reason
    if run.missed_count:
        yield "Stands for", plural(run.missed_count, "further moment")
    if run.cancel_requested_at:
        yield "Cancelled by", f"{run.cancel_requested_by or 'the system'}, {told.at(run.cancel_requested_at)}"
    yield "Attempt", f"{run.attempt} of {max(run.max_attempts, run.attempt)}"
    yield "Queue", f"{run.queue}{f', priority {run.priority}' if run.priority else ''}"
    if run.tenant:
        yield "Tenant", run.tenant
    yield "Time-out", span(run.timeout) if run.timeout else "none"
    if run.worker_id:
        worker = Worker.objects.filter(pk=str(run.worker_id)).first()
        yield "Worker", str(worker or "gone")
    if run.backfill_id:
        yield "Backfill", f"#{run.backfill_id}"
    if run.result is not None:
        yield "Result", json.dumps(redact_json(run.result), ensure_ascii=False)


def _times(run: Execution, told: Teller) -> Iterator[tuple[str, str]]:
    if run.scheduled_for:
        yield "Scheduled for", _when(run.scheduled_for, told)
    elif run.stands_for:
        yield "Makes up for", _when(run.stands_for, told)
    yield "Queued", _when(run.created_at, told)
    if run.run_after > run.created_at:
        yield "Not before", _when(run.run_after, told)
    if run.state == State.QUEUED:
        yield "Waits", " ".join(waiting(run, told))
    if run.started_at:
        late = f", {span(run.lateness)} late" if run.lateness and run.lateness.total_seconds() >= 1 else ""
        yield "Started", f"{_when(run.started_at, told)}{late}"
    if run.finished_at:
        took = f", took {span(run.duration)}" if run.duration is not None else ""
        yield "Ended", f"{_when(run.finished_at, told)}{took}"
    elif run.started_at:
        yield "Running for", span(told.now - run.started_at)


def _when(moment: datetime, told: Teller) -> str:
    return f"{told.at(moment)}, {told.since(moment)}"
