"""What a terminal and a program are told of jobs taken over: what they are here, when both would fire, what is left."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone
from rich.text import Text

from scheduling import registry
from scheduling.management.caller import by
from scheduling.management.finding import REFUSED
from scheduling.management.telling import plural, put, put_json
from scheduling.management.transfer import read_file, refuse
from scheduling.transfer import apply as applying
from scheduling.transfer.compare import MOST, Compared, compare
from scheduling.transfer.documents import without_secrets
from scheduling.transfer.reading import Refused, read
from scheduling.transfer.sources import taskmap
from scheduling.transfer.sources.found import Found
from scheduling.transfer.takeover import Drafted, Left, Offer, new_ones, offer, text_of
from scheduling.triggers import shown_in

ENDS = 3  # moments shown from the beginning and the end of a long row of equal ones
MOST_DAYS = 366  # of a comparison
CODES = (
    "Exit code 0: all of it can be (or was) taken over. 1: some of it cannot, or --would-have-fired found differences. "
    "2: refused; nothing was done."
)
ALWAYS = (
    "Here a due moment is skipped while the last run of its job still goes (overlap: skip); there it may start beside "
    "it. A moment that passed while nothing ran is made up for within misfire_grace_time."
)
TWICE = "They run here from now on. Switch them off there, or they run twice."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="create the jobs; else they are only shown, as YAML")
    parser.add_argument("--paused", action="store_true", help="with --apply: they stand still until `jobs resume`")
    parser.add_argument("--task-map", metavar="FILE", help="YAML that says which task stands for what; see its outline")
    parser.add_argument(
        "--would-have-fired", action="store_true", help="compare the coming moments, there and here, instead"
    )
    parser.add_argument("--days", type=int, default=7, metavar="N", help="so many days of them (7)")
    parser.add_argument("--starting", metavar="DAY", help="from then on, as 2027-03-25 (now)")


def take_over(entries: Iterable[Found], source: str, given: dict[str, Any], out: Any) -> None:
    """Show what the entries would be here, or compare, or create it. Raises CommandError with 1 if some cannot."""
    now = timezone.now()
    try:
        rules = taskmap.read(read_file(given["task_map"])) if given["task_map"] else []
        found = offer(entries, rules)
        if given["apply"]:
            _create(found, source, given, now, out)
    except Refused as refused:
        refuse(refused, out, as_json=given["json"])
    compared = _compared(found, given, now) if given["would_have_fired"] else []
    if given["json"]:
        put_json(out, _as_json(found, compared))
    elif compared:
        put(out, *(line for each in compared for line in _comparison(each)))
    elif not given["apply"]:
        out.write(text_of(found.drafted, _public), ending="")
    _tell_left(found, sys.stderr)
    _end(found, compared)


def _create(found: Offer, source: str, given: dict[str, Any], now: datetime, out: Any) -> None:
    """Raises Refused."""
    new = new_ones(found.drafted)
    waits = f"Taken over from {source}; resume it when it is switched off there." if given["paused"] else ""
    stopped = {each.job["id"]: waits or each.found.stopped for each in new}
    text = read(text_of(new))
    applying.apply(text, by=by(), now=now, reason=f"taken over from {source}", paused=lambda each: stopped[each])
    if given["json"]:
        return
    for each in new:
        out.write(f"{each.job['id']}: created{', paused' if stopped[each.job['id']] else ''}.")
    for each in found.drafted:
        if each not in new:
            out.write(f"{each.job['id']}: was there already{', and differs' if _differs(each) else ''}; left as it is.")
    if new and waits:
        told = " ".join(each.job["id"] for each in new if not each.found.stopped)
        out.write(f"They stand still. When they are switched off there: manage.py jobs resume {told}")
    elif new:
        out.write(TWICE)


def _compared(found: Offer, given: dict[str, Any], now: datetime) -> list[Compared]:
    """Raises CommandError."""
    first = now
    if not 1 <= given["days"] <= MOST_DAYS:
        raise CommandError(f"--days goes from 1 to {MOST_DAYS}.", returncode=REFUSED)
    if given["starting"]:
        try:
            first = datetime.fromisoformat(given["starting"])
        except ValueError:
            raise CommandError(f"{given['starting']!r} is no day; write 2027-03-25.", returncode=REFUSED) from None
        first = first if first.tzinfo else first.replace(tzinfo=timezone.get_default_timezone())
    return [compare(each, first, given["days"]) for each in found.drafted]


def _comparison(one: Compared) -> Iterator[Text]:
    """The moments side by side, of many equal ones only the first and the last."""
    same = len(one.there) - one.only_there
    said = f"{plural(same, 'moment')} the same"
    if not one.same:
        said += f", {one.only_there:,} only there, {one.only_here:,} only here"
    capped = f" (the first {MOST:,})" if MOST in (len(one.there), len(one.here)) else ""
    yield Text.assemble((one.draft.job["id"], "bold"), f"  {one.draft.found.said}  ", (said + capped, _colour(one)))
    schedule = one.draft.job_row.schedule
    for line in _shortened(one.moments):
        if line is None:
            yield Text("      …", "dim")
            continue
        moment, there, here = line
        local = f"{shown_in(schedule, moment):%a %Y-%m-%d %H:%M:%S %Z}"
        if there and here:
            yield Text(f"    = {local}", "dim")
        else:
            yield Text(f"    {'< ' if there else '> '}{local}  only {'there' if there else 'here'}", "red")


def _shortened(moments: list[tuple[datetime, bool, bool]]) -> Iterator[tuple[datetime, bool, bool] | None]:
    """Every difference with the moments around it; None in the place of a long row of equal ones."""
    near = {at for n, (_, there, here) in enumerate(moments) if there != here for at in (n - 1, n, n + 1)}
    near |= {*range(ENDS), *range(len(moments) - ENDS, len(moments))}
    skipping = False
    for number, moment in enumerate(moments):
        if number in near:
            skipping = False
            yield moment
        elif not skipping:
            skipping = True
            yield None


def _tell_left(found: Offer, err: Any) -> None:
    for each in found.left:
        kind = "Nothing to take over" if each.over else "Cannot be translated"
        err.write(f"{kind}: {each.found.where}: {' '.join(filter(None, (each.found.said, each.found.calls)))}\n")
        err.write(f"    {each.reason}\n")
    unmapped: dict[str, str] = {}
    for each in found.left:
        if each.unmapped:
            calls = each.found.calls
            unmapped[calls] = f"{unmapped[calls]}, {each.found.where}" if calls in unmapped else each.found.where
    if unmapped:
        err.write("\nA task map to fill in, for --task-map:\n\n")
        err.write(taskmap.skeleton(unmapped, registry.registered()) + "\n")
    if new_ones(found.drafted):
        err.write(f"{ALWAYS}\n")


def _end(found: Offer, compared: list[Compared]) -> None:
    different = sum(not each.same for each in compared)
    said = []
    if found.untranslated:
        said.append(f"{len(found.untranslated)} of {len(found.drafted) + len(found.left)} cannot be translated.")
    if different:
        said.append(f"{plural(different, 'job')} would fire at other moments.")
    if said:
        raise CommandError(" ".join(said), returncode=1)


def _as_json(found: Offer, compared: list[Compared]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "jobs": [
            {**_drafted(each), "job": json.loads(json.dumps(_public(each.job), default=repr))} for each in found.drafted
        ],
        "untranslated": [_left(each) for each in found.untranslated],
        "over": [_left(each) for each in found.left if each.over],
    }
    if compared:
        told["comparison"] = [
            {
                "id": each.draft.job["id"],
                "until": each.until,
                "same": each.same,
                "only_there": each.only_there,
                "only_here": each.only_here,
                "moments": [{"moment": at, "there": there, "here": here} for at, there, here in each.moments],
            }
            for each in compared
        ]
    return told


def _drafted(draft: Drafted) -> dict[str, Any]:
    found = draft.found
    notes = {"notes": list(draft.notes), "stopped": found.stopped, "exists": draft.step.deed != "created"}
    return {"where": found.where, "schedule": found.said, "calls": found.calls, **notes, "differs": _differs(draft)}


def _left(each: Left) -> dict[str, Any]:
    found = each.found
    return {"where": found.where, "schedule": found.said, "calls": found.calls, "reason": each.reason}


def _differs(draft: Drafted) -> bool:
    return draft.step.deed == "changed"


def _public(job: dict[str, Any]) -> dict[str, Any]:
    """A document without what looks secret in its arguments."""
    return {key: without_secrets(value) if key == "arguments" else value for key, value in job.items()}


def _colour(one: Compared) -> str:
    return "green" if one.same else "red"


def databases() -> list[str]:
    return list(settings.DATABASES)
