"""manage.py social: how syncs went, sync now, schedules of businesses, accounts connected."""

from typing import ClassVar

from scheduling.management.composed import Composed
from tasks.social.management import connecting, showing, steering


class Command(Composed):
    help = "Syncs the figures of posts of businesses, and says how that went; a scheduler does the work."
    parts: ClassVar = (showing, steering, connecting)
