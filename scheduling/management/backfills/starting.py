"""backfill start: runs the moments of a range of time. It is what `backfill JOB …` means."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import store
from scheduling.management.asking import make_sure
from scheduling.management.backfills import showing, steering
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.survey import survey

NOT_WELL = 1  # exit code
CODES = (
    "Exit code 0: all of it succeeded, or there was nothing to do; with --dry-run or --no-wait, shown or started. "
    "1: not all of it succeeded. 2: refused. 130: left with Ctrl+C; the backfill goes on."
)


def add_parsers(deeds: Any) -> None:
    help = "show the moments of a job in a range of time and what became of them, and run those that need it"
    showing.add_arguments(add_deed(deeds, "start", act, help, CODES))


def act(given: dict[str, Any], out: Any) -> None:
    if given["stop"] is not None:
        steering.stop({"number": given["stop"], "reason": given["reason"], "json": given["json"]}, out)
        return
    now = timezone.now()
    wanted = showing.wanted(given, now)
    found = survey(wanted.job, wanted.first_at, wanted.last_at, now)
    ends_here = given["dry_run"] or not found.to_run(again=wanted.again)
    if ends_here or not given["json"]:
        showing.show(wanted, found, out, as_json=given["json"])
    if ends_here:
        return
    make_sure("Run them?", yes=given["yes"], otherwise="Nothing was started")
    begun = store.backfill(wanted, by=by(), now=timezone.now())
    left = f"Backfill {begun.pk} goes on without you; `manage.py backfill --stop {begun.pk}` stops it."
    progress = showing.watch(begun, left, wait=not given["no_wait"])
    showing.tell(begun, progress, out, as_json=given["json"])
    if not given["no_wait"] and not progress.all_well:
        raise CommandError("Not all of it succeeded.", returncode=NOT_WELL)
