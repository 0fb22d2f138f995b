"""manage.py audiowatch: prepares and runs the watch over Head-Fi's classifieds, and tells how it stands."""

from typing import ClassVar

from scheduling.management.composed import Composed
from tasks.classifieds.management.audiowatch import init, run, status


class Command(Composed):
    help = "Watches Head-Fi's classifieds: prepare it, run it once or on schedule, see how it stands."
    parts: ClassVar = (init, run, status)
