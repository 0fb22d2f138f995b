"""manage.py backfill: runs the moments of a range of time; lists, shows and stops such backfills."""

from typing import ClassVar

from scheduling.management.backfills import listing, starting, steering
from scheduling.management.composed import Composed


class Command(Composed):
    help = "Runs the moments of a job in a range of time: `backfill JOB --from …`, which is short for `backfill start`."
    parts: ClassVar = (starting, listing, steering)
    otherwise = "start"
