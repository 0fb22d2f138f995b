"""manage.py backfill: runs the moments of a range of time. Exit code 1: not all succeeded, 2: refused."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling import store
from scheduling.exceptions import SchedulingError
from scheduling.management import backfilling
from scheduling.management.asking import make_sure
from scheduling.management.finding import REFUSED
from scheduling.models import Backfill
from scheduling.survey import survey

BY = "the command line"


class Command(BaseCommand):
    help = "Shows the moments of a job in a range of time and what became of them, and runs those that need it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        backfilling.add_arguments(parser)

    def handle(self, **given: Any) -> None:
        try:
            if given["stop"] is None:
                self._backfill(given)
            else:
                self._stop(given["stop"])
        except SchedulingError as error:
            raise CommandError(str(error), returncode=REFUSED) from None

    def _backfill(self, given: dict[str, Any]) -> None:
        now = timezone.now()
        wanted = backfilling.wanted(given, now)
        found = survey(wanted.job, wanted.first_at, wanted.last_at, now)
        ends_here = given["dry_run"] or not found.to_run(again=wanted.again)
        if ends_here or not given["json"]:
            backfilling.show(wanted, found, self.stdout, as_json=given["json"])
        if ends_here:
            return
        make_sure("Run them?", yes=given["yes"], otherwise="Nothing was started")
        begun = store.backfill(wanted, by=BY, now=timezone.now())
        left = f"Backfill {begun.pk} goes on without you; `manage.py backfill --stop {begun.pk}` stops it."
        progress = backfilling.watch(begun, left, wait=not given["no_wait"])
        backfilling.tell(begun, progress, self.stdout, as_json=given["json"])
        if not given["no_wait"] and not progress.all_well:
            raise CommandError("Not all of it succeeded.", returncode=1)

    def _stop(self, number: int) -> None:
        backfill = Backfill.objects.filter(pk=number).first()
        if backfill is None:
            raise CommandError(f"There is no backfill {number}.", returncode=REFUSED)
        done = store.stop_backfill(backfill, by=BY, now=timezone.now())
        self.stdout.write(f"Backfill {number} {'is stopped; what runs may end' if done else 'was not going'}.")
