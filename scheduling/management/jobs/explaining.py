"""jobs explain: why a job did not run at a time, and when it will run next."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.exceptions import InvalidTrigger
from scheduling.explain import FORMS, asked, explain, outlook
from scheduling.management.composed import add_deed
from scheduling.management.explained import as_json, show
from scheduling.management.finding import REFUSED, find_job
from scheduling.management.telling import put_json

HELP = "Says when a job will run next and why not before; with --at, what became of a moment, and why."


def add_parsers(deeds: Any) -> None:
    help = "say when a job will run next and why not before; with --at, what became of a moment, and why"
    add_arguments(add_deed(deeds, "explain", act, help))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("job", help="the id of the job")
    parser.add_argument("--at", metavar="TIME", help=f"on the clock of the job; {FORMS}")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    job = find_job(given["job"])
    answers = {}
    if given["at"] is not None:
        try:
            moment, note = asked(given["at"], job.timezone, now)
        except (ValueError, InvalidTrigger) as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        answers["answer"] = explain(job, moment, now).after([note] if note else [])
    answers["outlook"] = outlook(job, now)
    if given["json"]:
        put_json(out, {"job": job.pk, **{name: as_json(each) for name, each in answers.items()}})
    else:
        show(job, answers.values(), out)
