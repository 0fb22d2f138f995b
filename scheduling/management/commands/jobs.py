"""manage.py jobs: pause and resume jobs, and skip their next run. Exit code 2: refused."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling import store
from scheduling.exceptions import SchedulingError
from scheduling.management.finding import REFUSED, find_job
from scheduling.management.pausing import BY, ask_pause, ask_reason, ask_resume, end_of, told
from scheduling.models import Job
from scheduling.planning import Missed
from scheduling.triggers import shown_in


class Command(BaseCommand):
    help = "Pauses, resumes and skips; each change is on record with its reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        for name, ask, help in (
            ("pause", ask_pause, "keep jobs from firing, for good or for a while"),
            ("resume", ask_resume, "let jobs fire again"),
            ("skip", ask_reason, "skip the next run of jobs"),
        ):
            deed = deeds.add_parser(name, help=help)
            deed.add_argument("jobs", nargs="+", metavar="JOB", help="the id of a job")
            ask(deed)

    def handle(self, **given: Any) -> None:
        deed = {"pause": self._pause, "resume": self._resume, "skip": self._skip}[given["deed"]]
        for job in [find_job(wanted) for wanted in given["jobs"]]:
            try:
                self.stdout.write(f"{job.pk}: {deed(job, given, timezone.now())}")
            except SchedulingError as error:
                raise CommandError(f"{job.pk}: {error}", returncode=REFUSED) from None

    def _pause(self, job: Job, given: dict[str, Any], now: datetime) -> str:
        until = end_of(given, now)
        done = store.pause(job, by=BY, now=now, reason=given["reason"], until=until)
        return f"paused{f' until {_on_clock(job, until)}' if until else ''}." if done else "was paused already."

    def _resume(self, job: Job, given: dict[str, Any], now: datetime) -> str:
        count = store.missed_so_far(job, now) if job.paused_at else 0
        missed = Missed(given["missed"])
        if not store.resume(job, by=BY, now=now, reason=given["reason"], missed=missed):
            return "was not paused."
        return f"resumed. {told(count)} Made up for: {missed.label.lower()}. {_next(job)}"

    def _skip(self, job: Job, given: dict[str, Any], now: datetime) -> str:
        moment = store.skip_next(job, by=BY, now=now, reason=given["reason"])
        return f"the run of {_on_clock(job, moment)} is skipped. {_next(job)}"


def _next(job: Job) -> str:
    return f"Next run: {_on_clock(job, job.next_run_time)}." if job.next_run_time else "No run is planned."


def _on_clock(job: Job, moment: datetime) -> str:
    return f"{shown_in(job.schedule, moment):%Y-%m-%d %H:%M:%S %Z}"
