"""What the commands need before they begin: a database with our tables, which is ours, and the code's jobs in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from scheduling.conf import options
from scheduling.store.installation import adopt, owner
from scheduling.sync import Synced, sync


def synced() -> list[Synced]:
    """Bring the code's jobs in. Raises CommandError where there are no tables, or no database, for them."""
    with _tables():
        return sync(timezone.now())


def owned(*, taken_over: bool) -> None:
    """See to it that the database is this installation's, if need be by taking it over.

    Raises CommandError when it is another one's: on a copy of it, its jobs would run a second time.
    """
    name, now = options().instance, timezone.now()
    with _tables():
        if taken_over:
            adopt(name, by="runscheduler --adopt", now=now)
        whose = owner(name, now)
    if whose != name:
        raise CommandError(
            f"This database is that of the installation {whose!r}, and this is {name!r} (the setting INSTANCE). "
            "If it is a copy whose jobs shall run here, or if the name was changed, take it over with: "
            "manage.py runscheduler --adopt",
            returncode=2,
        )


@contextmanager
def _tables() -> Iterator[None]:
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        raise CommandError(f"The database is not ready: {error}. Has `manage.py migrate` been run?") from error
