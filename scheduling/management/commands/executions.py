"""manage.py executions: list and show runs, read and follow their logs, cancel them and run them again."""

from typing import ClassVar

from scheduling.management.composed import Composed
from scheduling.management.executions import listing, log, page, steering


class Command(Composed):
    help = "Shows runs, with the moments that had none, and steers them."
    parts: ClassVar = (listing, page, log, steering)
