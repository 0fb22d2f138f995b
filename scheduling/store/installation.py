"""Whose database this is: the first installation that asks gets it, another one only by taking it over."""

from datetime import datetime

from django.db import transaction

from scheduling.models import Installation
from scheduling.models.installation import ONLY
from scheduling.store.changes import record


def owner(asking: str, now: datetime) -> str:
    """The name of the installation whose database this is; as yet nobody's, it is now that of `asking`."""
    row, _ = Installation.objects.get_or_create(pk=ONLY, defaults={"name": asking, "since": now})
    return row.name


def adopt(name: str, *, by: str, now: datetime) -> bool:
    """Make this the database of the installation `name`; False if it was."""
    with transaction.atomic():
        former = owner(name, now)
        if not Installation.objects.exclude(name=name).update(name=name, since=now):
            return False
        record(None, "adopted", subject="installation", by=by, now=now, fields={"name": [former, name]})
    return True
