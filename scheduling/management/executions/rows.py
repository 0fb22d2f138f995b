"""A run in a row of a table, and as a program is told of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from scheduling.admin.columns import absolute, span
from scheduling.admin.run_page import plain
from scheduling.management.telling import NOTHING, away, id_width, state, table
from scheduling.models import Execution
from scheduling.redact import redact_json

LONGEST = 80  # characters of a reason


def drawn(runs: Iterable[Execution], now: datetime, *, of_job: bool = False, roomy: bool = True) -> Table:
    """The runs as a table; without the column of the job where all are of one, and shorter where room is scarce."""
    asked = ["Why"] if roomy else []
    columns = ["Run", *([] if of_job else ["Job"]), "State", *asked, "Due", "Late", "Took", "Note"]
    listed = list(runs)
    widths = {"Job": id_width(map(_of, listed))}
    made = table(*columns, wraps=("Note", "Job"), right=("Late", "Took"), least=widths)
    for run in listed:
        made.add_row(*_row(run, now, of_job=of_job, roomy=roomy))
    return made


def brief_json(run: Execution) -> dict[str, Any]:
    """What a list tells of a run."""
    return {
        "id": run.pk,
        "job": run.job_id,
        "task": run.task,
        "queue": run.queue,
        "tenant": run.tenant,
        "state": run.state,
        "cause": run.cause,
        "reason": run.reason,
        "why": run.why,
        "requested_by": run.requested_by,
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "scheduled_for": run.scheduled_for,
        "stands_for": run.stands_for,
        "run_after": run.run_after,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "lateness": run.lateness,
        "duration": run.duration,
        "progress": run.progress,
        "error_class": run.error_class,
        "missed_count": run.missed_count,
    }


def as_json(run: Execution) -> dict[str, Any]:
    """All that is known of a run, without secrets."""
    return {
        **brief_json(run),
        "arguments": redact_json(run.arguments),
        "result": redact_json(run.result),
        "error_message": run.error_message,
        "traceback": run.traceback,
        "progress_text": run.progress_text,
        "worker": run.worker_id and str(run.worker_id),
        "root": run.root_id,
        "backfill": run.backfill_id,
        "cancel_requested_at": run.cancel_requested_at,
        "cancel_requested_by": run.cancel_requested_by,
        "timeout": run.timeout,
        "created_at": run.created_at,
    }


def note(run: Execution) -> str:
    """Why it ended so, or how far it is, in a line."""
    if run.state == "running" and run.progress is not None:
        return f"{run.progress:.0%} {run.progress_text}".strip()
    more = f" (and {run.missed_count:,} more)" if run.missed_count else ""
    error = run.error_class.rpartition(".")[2]
    if "error_message" not in run.get_deferred_fields() and run.error_message:
        error = f"{error}: {' '.join(plain(run.error_message).split())}"
    said = (run.reason or error) + more
    attempt = f"attempt {run.attempt} of {max(run.max_attempts, run.attempt)}" if run.attempt > 1 else ""
    whole = ". ".join(part for part in (attempt, said) if part)
    return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 1]}…"


def _row(run: Execution, now: datetime, *, of_job: bool, roomy: bool) -> list[Text]:
    due = run.scheduled_for or run.stands_for or run.run_after
    took = run.duration or (now - run.started_at if run.started_at and not run.is_final else None)
    return [
        Text(f"#{run.pk}", "bold"),
        *([] if of_job else [Text(_of(run))]),
        state(run),
        *([Text(run.get_why_display().lower())] if roomy else []),
        Text.assemble(away(due, now), (f"  {absolute(due, now)}" if roomy else "", "dim")),
        Text(_late(run)),
        Text(span(took)),
        Text(note(run), "dim"),
    ]


def _of(run: Execution) -> str:
    """The id of its job; of a run that no job asked for, the name of its task."""
    return run.job_id or run.task.rpartition(".")[2]


def _late(run: Execution) -> str:
    return NOTHING if run.lateness is None or run.lateness.total_seconds() < 1 else span(run.lateness)
