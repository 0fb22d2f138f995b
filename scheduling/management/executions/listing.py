"""executions list: the latest runs, and the moments that had none."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q, QuerySet
from django.utils import timezone
from rich.text import Text

from scheduling.admin.filters import REACH
from scheduling.management.composed import add_deed
from scheduling.management.executions.rows import brief_json, drawn
from scheduling.management.finding import REFUSED, find_job, read_moment, read_span
from scheduling.management.telling import is_roomy, put, put_json
from scheduling.models import Cause, Execution, State

MOST = 10_000  # rows


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "list", act, "list runs, the latest first")
    parser.add_argument("--job", help="only those of this job (its id)")
    parser.add_argument("--tenant", help="only those of this tenant; '': only the installation's own")
    parser.add_argument("--state", action="append", choices=State.values, help="only those; may be given again")
    parser.add_argument("--cause", choices=Cause.values, help=f"why a moment had no run; of the latest {REACH:,} rows")
    parser.add_argument("--queue", help=f"only those of this queue; of the latest {REACH:,} rows")
    parser.add_argument(
        "--since", metavar="WHEN", help="only those that have not ended before: '2h', 02:00, 2026-11-01"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    if not 1 <= given["limit"] <= MOST:
        raise CommandError(f"--limit takes a number from 1 to {MOST:,}.", returncode=REFUSED)
    found = list(chosen(given, now)[: given["limit"] + 1])
    runs = found[: given["limit"]]
    if given["json"]:
        put_json(out, [brief_json(run) for run in runs])
        return
    if not runs:
        put(out, Text("No run fits."))
        return
    more = [Text(f"\nThere are more; --limit {2 * given['limit']} shows some of them.", "dim")]
    put(
        out, drawn(runs, now, of_job=bool(given["job"]), roomy=is_roomy(out)), *(more if len(found) > len(runs) else [])
    )


def chosen(given: dict[str, Any], now: datetime) -> QuerySet[Execution]:
    """The runs that fit what was asked for. Raises CommandError."""
    runs = Execution.objects.defer("arguments", "result", "traceback").order_by("-id")
    if given["job"] is not None:
        known = Execution.objects.filter(job=given["job"]).exists()  # perhaps of a job that was deleted
        runs = runs.filter(job=given["job"] if known else find_job(given["job"]).pk)
    if given["tenant"] is not None:
        runs = runs.filter(tenant=given["tenant"])
    if given["state"]:
        runs = runs.filter(state__in=given["state"])
    if given["since"] is not None:
        runs = runs.filter(Q(finished_at=None) | Q(finished_at__gte=_since(given["since"], now)))
    for name in ("cause", "queue"):
        if given[name] is not None:
            newest = Execution.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            runs = runs.filter(**{name: given[name]}, pk__gt=newest - REACH)
    return runs


def _since(text: str, now: datetime) -> datetime:
    """A span before now, or a moment on the clock of TIME_ZONE."""
    if ":" in text or "-" in text:
        return read_moment(text, timezone.get_default_timezone_name(), now)
    try:
        return now - read_span(text)
    except OverflowError:
        raise CommandError(f"{text!r} is longer ago than any history.", returncode=REFUSED) from None
