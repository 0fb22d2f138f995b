"""The latest runs of many jobs at once: as many short walks along an index, in one statement."""

from collections import defaultdict
from collections.abc import Sequence

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.models import FINAL, Execution

SHOWN = 20  # runs of a job, in its strip
SHOWN_COLUMNS = (
    "id",
    "job_id",
    "state",
    "cause",
    "reason",
    "why",
    "attempt",
    "run_after",
    "scheduled_for",
    "started_at",
    "finished_at",
)


def latest(jobs: Sequence[str], limit: int = SHOWN) -> dict[str, list[Execution]]:
    """The latest `limit` runs of each of `jobs` (ids), newest first; other columns are not loaded."""
    runs: dict[str, list[Execution]] = defaultdict(list)
    if jobs:
        for run in Execution.objects.raw(_statement(len(jobs), limit), list(jobs)):
            runs[str(run.job_id)].append(run)
    return runs


def _statement(jobs: int, limit: int) -> str:
    quote = connection.ops.quote_name
    wanted, table = ", ".join(map(quote, SHOWN_COLUMNS)), quote(Execution._meta.db_table)
    one = f"SELECT {wanted} FROM {table} WHERE job_id = %s ORDER BY id DESC LIMIT {limit}"  # noqa: S608
    return " UNION ALL ".join(f"SELECT * FROM ({one}) AS part{number}" for number in range(jobs))  # noqa: S608


def ended(runs: Sequence[Execution]) -> Execution | None:
    """The latest of `runs` that has an outcome."""
    return next((run for run in runs if run.state in FINAL), None)


def strip(runs: Sequence[Execution]) -> SafeString:
    """The outcomes as coloured cells, oldest first, each a link to its run."""
    cells = ((columns.page(run), columns.look(run)[1], _title(run)) for run in reversed(runs))
    drawn = format_html_join("", '<a href="{}" class="rota-cell rota-{}" title="{}"></a>', cells)
    return format_html('<span class="rota-strip">{}</span>', drawn or "—")


def _title(run: Execution) -> str:
    begun = columns.exact(run.started_at or run.run_after)
    took = f", took {columns.span(run.duration)}" if run.duration is not None else ""
    return f"#{run.pk} {columns.look(run)[0]}: {begun}{took}"
