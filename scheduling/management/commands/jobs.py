"""manage.py jobs: list and show jobs, run them, pause and resume them, try schedules out."""

from typing import ClassVar

from scheduling.management import transfer
from scheduling.management.composed import Composed
from scheduling.management.jobs import explaining, listing, page, preview, removing, running, steering


class Command(Composed):
    help = "Shows jobs and steers them; each change is on record with its reason."
    parts: ClassVar = (listing, page, preview, explaining, running, steering, removing, transfer)
