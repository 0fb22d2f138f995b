"""manage.py tickets: fetch tickets, analyse them, run the whole pipeline, see how it stands, cancel it."""

from typing import ClassVar

from scheduling.management.composed import Composed
from tasks.tickets.management import standing, starting


class Command(Composed):
    help = "Runs the pipeline of support tickets, one run at a time, whoever asks; a scheduler does the work."
    parts: ClassVar = (starting, standing)
