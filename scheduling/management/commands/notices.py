"""manage.py notices: what is wrong just now, and whether a channel works."""

from typing import ClassVar

from scheduling.management.composed import Composed
from scheduling.management.notices import listing, trying


class Command(Composed):
    help = "Tells what is wrong just now, which channels there are, and sends test messages."
    parts: ClassVar = (listing, trying)
