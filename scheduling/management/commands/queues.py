"""manage.py queues: what each queue holds; pause one and let it go on."""

from typing import ClassVar

from scheduling.management.composed import Composed
from scheduling.management.queues import listing, steering


class Command(Composed):
    help = "Lists, pauses and resumes queues; each change is on record with its reason."
    parts: ClassVar = (listing, steering)
