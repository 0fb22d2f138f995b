"""backfill list, show: which backfills there were, how far each is, and what became of its moments."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.text import Text

from scheduling.admin.columns import span
from scheduling.explain import Teller
from scheduling.management.backfills.showing import counted
from scheduling.management.composed import add_deed
from scheduling.management.executions.rows import brief_json, drawn
from scheduling.management.finding import REFUSED, find_job, read_number
from scheduling.management.telling import away, facts, heading, id_width, indented, is_roomy, put, put_json, table
from scheduling.models import Backfill, BackfillState, Execution
from scheduling.models.backfills import BackfillQuerySet
from scheduling.survey import Progress, progress_of

LATEST = 10  # runs that are shown
MOST = 1_000  # backfills
STATES = {BackfillState.GOING: "blue", BackfillState.STOPPED: "yellow", BackfillState.DONE: "green"}
TOLD = ("first_at", "last_at", "again", "newest_first", "at_once", "alongside", "per_minute", "reason", "requested_by")
ENDED = ("created_at", "ended_at", "ended_by", "ended_reason")


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "list", list_all, "list backfills, the latest first, and how far each is")
    parser.add_argument("--job", help="only those of this job (its id)")
    parser.add_argument("--state", choices=BackfillState.values, help="only those that stand so")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (20)")
    parser = add_deed(deeds, "show", show, "show a backfill: what was asked for, how far it is, and its latest runs")
    parser.add_argument("number", type=read_number, metavar="ID", help="its number")


def list_all(given: dict[str, Any], out: Any) -> None:
    if not 1 <= given["limit"] <= MOST:
        raise CommandError(f"--limit takes a number from 1 to {MOST:,}.", returncode=REFUSED)
    found = list(_chosen(given)[: given["limit"]])
    progress = progress_of(found)
    if given["json"]:
        put_json(out, [_as_json(each, progress[each.pk]) for each in found])
        return
    now = timezone.now()
    made = table(
        *("ID", "Job", "State", "Begun", "From", "To", "Moments"),
        wraps=("Job", "Moments"),
        least={"Job": id_width(each.job_id for each in found)},
    )
    for each in found:
        first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in _local(each))
        begun = away(each.created_at, now)
        so_far = f"{progress[each.pk].ended:,} of {each.total:,}: {counted(progress[each.pk])}"
        made.add_row(Text(str(each.pk), "bold"), Text(each.job_id), _state(each), begun, first, last, so_far)
    put(out, made if found else Text("No backfill fits."))


def show(given: dict[str, Any], out: Any) -> None:
    backfill = find_backfill(given["number"])
    progress = progress_of([backfill])[backfill.pk]
    runs = list(Execution.objects.light().filter(backfill=backfill.pk).order_by("-id")[:LATEST])
    if given["json"]:
        put_json(out, {**_as_json(backfill, progress), "runs": [brief_json(run) for run in runs]})
        return
    now = timezone.now()
    title = Text(f"Backfill {backfill.pk} of {backfill.job_id}: ", "bold") + _state(backfill)
    put(out, title, Text(), facts(_facts(backfill, progress, now)))
    if runs:
        put(out, heading("Latest runs"), indented(drawn(runs, now, of_job=True, roomy=is_roomy(out))))
    if backfill.state == BackfillState.GOING:
        put(out, Text(f"\nStop it: manage.py backfill stop {backfill.pk}", "dim"))


def find_backfill(number: int) -> Backfill:
    """Raises CommandError, with where to look."""
    backfill = Backfill.objects.light().filter(pk=number).first()
    if backfill is None:
        raise CommandError(f"There is no backfill {number}; see: manage.py backfill list", returncode=REFUSED)
    return backfill


def _chosen(given: dict[str, Any]) -> BackfillQuerySet:
    """Raises CommandError for a job that neither is nor had one."""
    backfills = Backfill.objects.light().order_by("-id")
    if given["state"]:
        backfills = backfills.filter(state=given["state"])
    if given["job"] is not None:
        known = Backfill.objects.filter(job=given["job"]).exists()  # perhaps of a job that was deleted
        backfills = backfills.filter(job=given["job"] if known else find_job(given["job"]).pk)
    return backfills


def _facts(backfill: Backfill, progress: Progress, now: datetime) -> Iterator[tuple[str, Text]]:
    here = timezone.get_current_timezone()
    teller = Teller(here, now)
    first, last = (f"{moment:%a %Y-%m-%d %H:%M:%S %Z}" for moment in _local(backfill))
    yield "Range", Text(f"{first} to {last}")
    yield "Moments", Text(f"{progress.ended:,} of {progress.total:,} are dealt with: {counted(progress)}")
    yield "How", Text(", ".join(_ways(backfill)))
    yield "Begun", Text(f"{teller.at(backfill.created_at)}, by {backfill.requested_by or 'the system'}")
    if backfill.reason:
        yield "Reason", Text(backfill.reason)
    if backfill.ended_at:
        who = f", by {backfill.ended_by}" if backfill.ended_by else ""
        why = f": {backfill.ended_reason}" if backfill.ended_reason else ""
        took = span(backfill.ended_at - backfill.created_at)
        yield "Ended", Text(f"{teller.at(backfill.ended_at)}, after {took}{who}{why}")


def _ways(backfill: Backfill) -> Iterator[str]:
    yield f"the {'newest' if backfill.newest_first else 'oldest'} first"
    yield f"{backfill.at_once} at once"
    if backfill.per_minute:
        yield f"at most {backfill.per_minute} a minute"
    if backfill.alongside:
        yield "beside the job's own runs"
    if backfill.again:
        yield "also those that had succeeded"


def _local(backfill: Backfill) -> tuple[datetime, datetime]:
    """The range in the zone of TIME_ZONE: the job, whose clock it was given by, may be gone."""
    return timezone.localtime(backfill.first_at), timezone.localtime(backfill.last_at)


def _state(backfill: Backfill) -> Text:
    known = BackfillState(backfill.state)
    return Text(known.value, STATES[known])


def _as_json(backfill: Backfill, progress: Progress) -> dict[str, Any]:
    told = {name: getattr(backfill, name) for name in (*TOLD, *ENDED)}
    so_far = {**asdict(progress), "ended": progress.ended}
    return {"id": backfill.pk, "job": backfill.job_id, "state": backfill.state, **told, "progress": so_far}
