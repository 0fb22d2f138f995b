"""How a terminal speaks of a backfill: what is asked for, its moments, one bar while it goes, what came of it."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from scheduling.management.finding import REFUSED, find_job, read_range
from scheduling.management.leaving import leave, leaving
from scheduling.management.telling import put, put_json, table
from scheduling.models import Backfill, BackfillState, State
from scheduling.survey import Moment, Progress, Survey, progress_of
from scheduling.triggers import shown_in

ENDS = 5  # moments shown from the beginning and from the end of a long range
EVERY = 0.5  # seconds between two looks at a backfill that goes
COLUMNS = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", help="the id of the job")
    parser.add_argument(
        "--from", dest="first", metavar="A", help="2026-11-01 or '2026-11-01 02:00', on the job's clock"
    )
    parser.add_argument("--to", dest="last", metavar="B", help="the same, included; a day is the whole of it (now)")
    parser.add_argument("--order", choices=("oldest", "newest"), default="oldest", help="which come first (oldest)")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="so many runs at the same time (1)")
    parser.add_argument("--per-minute", type=int, metavar="N", help="at most so many starts a minute")
    parser.add_argument("--alongside", action="store_true", help="beside the job's own runs, not among them")
    parser.add_argument("--again", action="store_true", help="also the moments that succeeded")
    parser.add_argument("--reason", default="", help="why; it goes into the history")
    parser.add_argument("--dry-run", action="store_true", help="only show the moments")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--no-wait", action="store_true", help="start it, and do not wait for its end")
    parser.add_argument("--stop", type=int, metavar="ID", help="the same as `backfill stop ID`")


def wanted(given: dict[str, Any], now: datetime) -> Backfill:
    """What the arguments ask for. Raises CommandError."""
    if not given["job"] or not given["first"]:
        raise CommandError("Give a job and --from; or a deed: list, show ID, stop ID.", returncode=REFUSED)
    job = find_job(given["job"])
    first, last = read_range(job, given["first"], given["last"], now)
    same = {name: given[name] for name in ("again", "at_once", "alongside", "per_minute", "reason")}
    return Backfill(job=job, first_at=first, last_at=last, newest_first=given["order"] == "newest", **same)


def show(asked: Backfill, found: Survey, out: Any, *, as_json: bool) -> None:
    """The moments and what became of each, of many only the first and the last; and the counts of all."""
    if as_json:
        put_json(out, _survey(asked, found))
        return
    made = table("Moment", "What became of it", "Now", wraps=("What became of it",))
    for moment in _ends(found.moments):
        if moment is None:
            made.add_row("…", f"{len(found.moments) - 2 * ENDS:,} more", "…")
            continue
        runs = asked.again or not moment.is_settled
        local = shown_in(asked.job.schedule, moment.at)
        made.add_row(f"{local:%a %Y-%m-%d %H:%M:%S %Z}", Text(_became(moment)), "runs" if runs else "left alone")
    put(out, made, Text(_counts(asked, found)))


def watch(begun: Backfill, leaving_it: str, *, wait: bool) -> Progress:
    """One bar until `begun` has ended and none of its runs goes; Ctrl+C says `leaving_it`, and leaves it going."""
    with leaving() as left, Bar(*COLUMNS, console=Console(stderr=True), disable=not wait) as bar:
        line = bar.add_task("", total=begun.total)
        while not left.is_set():
            begun.refresh_from_db(fields=["state", "queued", "passed"])
            progress = progress_of([begun])[begun.pk]
            bar.update(line, completed=progress.ended, description=counted(progress))
            over = begun.state != BackfillState.GOING and not (progress.running or progress.waiting)
            if over or not wait:
                return progress
            left.wait(EVERY)
    raise leave(leaving_it)


def tell(begun: Backfill, progress: Progress, out: Any, *, as_json: bool) -> None:
    """What came of it."""
    if as_json:
        put_json(out, {"backfill": begun.pk, "job": begun.job_id, "state": begun.state, **asdict(progress)})
    else:
        out.write(f"Backfill {begun.pk} of {begun.job_id}, {begun.state}: {counted(progress)}.")


def counted(progress: Progress) -> str:
    """The counts that are not zero: "12 succeeded, 1 failed, 2 running"."""
    counts = asdict(progress)
    return ", ".join(
        f"{counts[name]:,} {name.replace('_', ' ')}" for name in counts if name != "total" and counts[name]
    )


def _counts(asked: Backfill, found: Survey) -> str:
    chosen = len(found.to_run(again=asked.again))
    excluded = f"; calendars exclude {found.excluded:,} more" if found.excluded else ""
    moments = f"{len(found.moments):,} moment{'' if len(found.moments) == 1 else 's'}"
    return f"{moments}: {found.settled:,} succeeded or still going, {chosen:,} to run{excluded}."


def _became(moment: Moment) -> str:
    if moment.row is None:
        return "no run on record"
    said = f": {moment.row.reason}" if moment.row.reason else ""
    return f"{State(moment.row.state).label.lower()} (#{moment.row.pk}){said}"


def _survey(asked: Backfill, found: Survey) -> dict[str, Any]:
    return {
        "job": asked.job_id,
        "total": len(found.moments),
        "settled": found.settled,
        "to_run": len(found.to_run(again=asked.again)),
        "excluded": found.excluded,
        "moments": [
            {
                "moment": each.at,
                "state": each.row and each.row.state,
                "run": each.row and each.row.pk,
                "reason": each.row.reason if each.row else "",
            }
            for each in found.moments
        ],
    }


def _ends(moments: list[Moment]) -> Iterator[Moment | None]:
    """All of few; of many the first, None for those between, and the last."""
    if len(moments) <= 2 * ENDS + 1:
        yield from moments
        return
    yield from moments[:ENDS]
    yield None
    yield from moments[-ENDS:]
