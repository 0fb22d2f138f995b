"""jobs preview: the moments of a job, or of any schedule that one thinks of."""

from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone
from rich.text import Text

from scheduling import calendars, triggers
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED, find_job, read_moment, read_span
from scheduling.management.jobs.moments import as_json, coming, drawn
from scheduling.management.telling import put, put_json
from scheduling.triggers import Kind, Schedule

MOST = 1000  # moments


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "preview", act, "show the coming moments of a job, or of a schedule")
    parser.add_argument("job", nargs="?", help="the id of a job; or one of:")
    parser.add_argument("--cron", metavar="TEXT", help="a crontab, as '30 7 * * 1-5'")
    parser.add_argument("--interval", metavar="SPAN", help="the time from one to the next, as '90 s' or '6 h'")
    parser.add_argument("--at", metavar="TIME", help="a single moment")
    parser.add_argument("--timezone", metavar="ZONE", help=f"whose clock it goes by ({settings.TIME_ZONE})")
    parser.add_argument("--start", metavar="TIME", help="no moment before it; an interval begins with it")
    parser.add_argument("--end", metavar="TIME", help="no moment after it")
    parser.add_argument("--calendar", action="append", default=[], metavar="ID", help="that it keeps; any number")
    parser.add_argument("--after", metavar="TIME", help="begin after this moment (now)")
    parser.add_argument("-n", type=_count, default=10, dest="count", metavar="N", help="so many moments (10)")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    schedule, kept = _wanted(given, now)
    triggers.check(schedule)
    calendars.check(kept)
    after = now if given["after"] is None else read_moment(given["after"], schedule.timezone, now)
    moments = list(coming(schedule, kept, given["count"], after))
    if given["json"]:
        told = {"schedule": triggers.describe(schedule), "timezone": schedule.timezone}
        put_json(out, {**told, "moments": [as_json(each) for each in moments]})
        return
    put(
        out, Text(f"{triggers.describe(schedule)}\n", "bold"), drawn(moments, now) if moments else Text(_none(schedule))
    )


def _wanted(given: dict[str, Any], now: datetime) -> tuple[Schedule, list[str]]:
    """The schedule, and the calendars that it keeps. Raises CommandError and InvalidTrigger."""
    kinds = [name for name in ("job", "cron", "interval", "at") if given[name] is not None]
    if len(kinds) != 1:
        raise CommandError("Give a job, or one of --cron, --interval and --at.", returncode=REFUSED)
    if kinds == ["job"]:
        if extra := [f"--{name}" for name in ("timezone", "start", "end") if given[name] is not None]:
            raise CommandError(f"The job has its own: leave out {' and '.join(extra)}.", returncode=REFUSED)
        job = find_job(given["job"])
        return job.schedule, [*job.calendars, *given["calendar"]]
    zone = given["timezone"] or settings.TIME_ZONE
    moments = {name: given[name] and read_moment(given[name], zone, now) for name in ("at", "start", "end")}
    schedule = Schedule(
        Kind.DATE if kinds == ["at"] else Kind(kinds[0]),
        cron=given["cron"] or "",
        interval=read_span(given["interval"]) if given["interval"] else None,
        run_at=moments["at"],
        timezone=zone,
        start_at=moments["start"],
        end_at=moments["end"],
        anchor=now,
    )
    return schedule, given["calendar"]


def _none(schedule: Schedule) -> str:
    return "It runs only when it is asked to." if schedule.kind is Kind.MANUAL else "It names no further moment."


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"from 1 to {MOST}, not {text!r}")
    return int(text)
