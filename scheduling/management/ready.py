"""What the commands need before they begin: a database with our tables, and the code's jobs in it."""

from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from scheduling.sync import Synced, sync


def synced() -> list[Synced]:
    """Bring the code's jobs in. Raises CommandError where there are no tables, or no database, for them."""
    try:
        return sync(timezone.now())
    except (OperationalError, ProgrammingError) as error:
        raise CommandError(f"The database is not ready: {error}. Has `manage.py migrate` been run?") from error
