"""manage.py audiobooks: see what is in the library and how full it is, run its jobs, ask for a recording, list gaps."""

from typing import ClassVar

from scheduling.management.composed import Composed
from tasks.audiobooks.management import asking, lacking, running, standing


class Command(Composed):
    help = "Shows how the library of audiobooks stands, and lets it grow; a scheduler does the work."
    parts: ClassVar = (standing, running, asking, lacking)
