"""manage.py runscheduler: the scheduler process (the `worker` of the Procfile)."""

import logging
import os
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from scheduling.banner import banner
from scheduling.conf import Lane, options
from scheduling.loop import Scheduler
from scheduling.management.composed import ALWAYS, Coded
from scheduling.management.ready import owned, synced

logger = logging.getLogger(__name__)

CODES = (
    "Exit code 0: it was stopped; with --once, all that was due succeeded. 1: with --once, a run failed. 2: refused."
)


class Command(Coded):
    """Turns the scheduler until SIGINT or SIGTERM; a second one stops it at once."""

    help = "Runs the jobs of this installation on time. Any number of schedulers may run side by side."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = f"{CODES} {ALWAYS}"
        parser.add_argument(
            "--once",
            action="store_true",
            help="run what is due and queued, wait, and end; exit 1 if a run failed",
        )
        parser.add_argument(
            "--skip-initial", action="store_true", help="without the runs that jobs ask for at start-up"
        )
        parser.add_argument(
            "--adopt", action="store_true", help="make the database, a copy of another installation's, this one's own"
        )
        parser.add_argument("--queues", help="serve these queues only, separated by commas")
        parser.add_argument("--workers", type=int, help="slots of each queue, instead of the configured numbers")

    def handle(self, **given: Any) -> None:
        lanes = chosen_lanes(given["queues"], given["workers"])
        owned(taken_over=given["adopt"])
        scheduler = Scheduler(lanes, once=given["once"], skip_initial=given["skip_initial"])
        for each in synced():
            if each.deed != "unchanged":
                self.tell(f"{each.job}: {each.deed} {', '.join(each.columns)}".rstrip())
        self.tell(banner(lanes))
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: scheduler.stop(now=scheduler.is_stopping))
        scheduler.start()
        self.tell("Stopped.")
        if scheduler.abandons:
            self.stdout.flush()
            logging.shutdown()
            os._exit(0)
        if given["once"] and scheduler.failed:
            raise CommandError("A run failed; see its page in the admin.", returncode=1)

    def tell(self, text: str) -> None:
        """Say it to people; where a program reads the log, as one line of that."""
        if options().log_json:
            logger.info("; ".join(" ".join(line.split()) for line in text.splitlines()))
        else:
            self.stdout.write(text)


def chosen_lanes(names: str | None, slots: int | None) -> list[Lane]:
    """The queues to serve. Raises CommandError for one that is not configured."""
    known = {lane.name: lane for lane in options().queues}
    wanted = list(dict.fromkeys(name.strip() for name in names.split(","))) if names else list(known)
    for name in wanted:
        if name not in known:
            raise CommandError(f"No queue {name!r} is configured; there are: {', '.join(known)}.", returncode=2)
    if slots is not None and slots < 1:
        raise CommandError("--workers takes a number from 1 upwards.", returncode=2)
    return [Lane(name, known[name].executor, slots or known[name].slots) for name in wanted]
