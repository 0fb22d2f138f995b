"""manage.py scheduler: whether it is at work, and what is wrong with this installation."""

from typing import ClassVar

from scheduling.management.composed import Composed
from scheduling.management.scheduler import doctor, status


class Command(Composed):
    help = "Tells how the scheduler is: at work or not, healthy or not."
    requires_system_checks = ()  # what they would say, the doctor says
    parts: ClassVar = (status, doctor)
