"""jobs pause, resume, skip: when jobs stand still."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import store
from scheduling.exceptions import SchedulingError
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED, find_job
from scheduling.management.pausing import ask_pause, ask_reason, ask_resume, end_of, told
from scheduling.management.telling import put_json
from scheduling.models import Job
from scheduling.planning import Missed
from scheduling.triggers import shown_in


class Done(NamedTuple):
    """What came of it for one job: whether anything changed, in a sentence, and what a program is told besides."""

    changed: bool
    said: str
    more: dict[str, Any]


Verb = Callable[[Job, dict[str, Any], datetime], Done]


def add_parsers(deeds: Any) -> None:
    for name, verb, ask, help in (
        ("pause", _pause, ask_pause, "keep jobs from firing, for good or for a while"),
        ("resume", _resume, ask_resume, "let jobs fire again"),
        ("skip", _skip, ask_reason, "skip the next run of jobs"),
    ):
        parser = add_deed(deeds, name, _for_each(verb), help)
        parser.add_argument("jobs", nargs="+", metavar="JOB", help="the id of a job")
        ask(parser)


def _for_each(verb: Verb) -> Callable[[dict[str, Any], Any], None]:
    """Do it to each job; one that is unknown is told before anything is done."""

    def act(given: dict[str, Any], out: Any) -> None:
        answers = []
        for job in [find_job(wanted) for wanted in given["jobs"]]:
            try:
                done = verb(job, given, timezone.now())
            except SchedulingError as error:
                raise CommandError(f"{job.pk}: {error}", returncode=REFUSED) from None
            if not given["json"]:
                out.write(f"{job.pk}: {done.said}")
            then = {"next_run_time": job.next_run_time, "paused_until": job.paused_until}
            answers.append({"job": job.pk, "changed": done.changed, **then, **done.more})
        if given["json"]:
            put_json(out, answers)

    return act


def _pause(job: Job, given: dict[str, Any], now: datetime) -> Done:
    until = end_of(given, now)
    done = store.pause(job, by=by(), now=now, reason=given["reason"], until=until)
    said = f"paused{f' until {_on_clock(job, until)}' if until else ''}." if done else "was paused already."
    return Done(done, said, {})


def _resume(job: Job, given: dict[str, Any], now: datetime) -> Done:
    count = store.missed_so_far(job, now) if job.paused_at else 0
    missed = Missed(given["missed"])
    if not store.resume(job, by=by(), now=now, reason=given["reason"], missed=missed):
        return Done(False, "was not paused.", {"missed": 0})
    said = f"resumed. {told(count)} Made up for: {missed.label.lower()}. {_next(job)}"
    return Done(True, said, {"missed": count})


def _skip(job: Job, given: dict[str, Any], now: datetime) -> Done:
    moment = store.skip_next(job, by=by(), now=now, reason=given["reason"])
    return Done(True, f"the run of {_on_clock(job, moment)} is skipped. {_next(job)}", {"skipped": moment})


def _next(job: Job) -> str:
    return f"Next run: {_on_clock(job, job.next_run_time)}." if job.next_run_time else "No run is planned."


def _on_clock(job: Job, moment: datetime) -> str:
    return f"{shown_in(job.schedule, moment):%Y-%m-%d %H:%M:%S %Z}"
