"""manage.py explain: why a job did not run at a time, and when it will run next."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling.exceptions import InvalidTrigger
from scheduling.explain import FORMS, asked, explain, outlook
from scheduling.management.explained import as_json, show
from scheduling.management.finding import REFUSED, find_job


class Command(BaseCommand):
    help = "Says when a job will run next and why not before; with --at, what became of a moment, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", help="the id of the job")
        parser.add_argument("--at", metavar="TIME", help=f"on the clock of the job; {FORMS}")
        parser.add_argument("--json", action="store_true", help="as JSON, with moments in UTC")

    def handle(self, **given: Any) -> None:
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
            self.stdout.write(json.dumps({"job": job.pk, **{name: as_json(each) for name, each in answers.items()}}))
        else:
            show(job, answers.values(), self.stdout)
