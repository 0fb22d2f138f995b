"""What the commands need before they begin: a database with our tables, which is ours, and the code's jobs in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils import timezone

from scheduling.conf import options
from scheduling.management.caller import by
from scheduling.redact import redact
from scheduling.store.installation import adopt, owner
from scheduling.sync import Synced, sync

NOT_READY = 5  # exit code: nothing was done, since the database does not answer or a check of the settings fails
NO_TABLE = ("no such table", "no such column", 'relation "', 'column "', "doesn't exist", "Unknown column")


def synced() -> list[Synced]:
    """Bring the code's jobs in. Raises CommandError where there are no tables, or no database, for them."""
    with tables():
        return sync(timezone.now())


def owned(*, taken_over: bool) -> None:
    """See to it that the database is this installation's, if need be by taking it over.

    Raises CommandError when it is another one's: on a copy of it, its jobs would run a second time.
    """
    name, now = options().instance, timezone.now()
    with tables():
        if taken_over:
            adopt(name, by=by(), now=now)
        whose = owner(name, now)
    if whose != name:
        raise CommandError(
            f"This database is that of the installation {whose!r}, and this is {name!r} (the setting INSTANCE). "
            "If it is a copy whose jobs shall run here, or if the name was changed, take it over with: "
            "manage.py runscheduler --adopt",
            returncode=2,
        )


@contextmanager
def tables() -> Iterator[None]:
    """Raises CommandError, with what to do, where the database has no tables for us, or does not answer."""
    try:
        yield
    except (OperationalError, ProgrammingError, InterfaceError) as error:
        raise CommandError(unready(error), returncode=NOT_READY) from error


def unready(error: Exception) -> str:
    """What a failure of the database means, and what to do; without secrets."""
    told = redact(str(error)).strip().partition("\n")[0].rstrip(".")
    if any(sign in told for sign in NO_TABLE):
        return f"The database is not ready: {told}. Has `manage.py migrate` been run?"
    return f"The database is not ready: {told}. Look into it with: manage.py scheduler doctor"
