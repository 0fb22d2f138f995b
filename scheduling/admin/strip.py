"""The latest runs of a job as a strip of coloured cells."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.models import Execution


def strip(runs: Sequence[Execution]) -> SafeString:
    """The outcomes as coloured cells, oldest first, each a link to its run."""
    cells = ((columns.page(run), columns.look(run)[1], _title(run)) for run in reversed(runs))
    drawn = format_html_join("", '<a href="{}" class="rota-cell rota-{}" title="{}"></a>', cells)
    return format_html('<span class="rota-strip">{}</span>', drawn or "—")


def _title(run: Execution) -> str:
    begun = columns.exact(run.started_at or run.run_after)
    took = f", took {columns.span(run.duration)}" if run.duration is not None else ""
    return f"#{run.pk} {columns.look(run)[0]}: {begun}{took}"
