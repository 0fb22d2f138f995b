"""Which works are missing in series and of authors; those that the catalogue has are queued."""

from datetime import datetime

from tasks.recording import Entry


def complete_series(entry: Entry, *, run: str, now: datetime) -> None:
    raise NotImplementedError


def complete_authors(entry: Entry, *, run: str, now: datetime) -> None:
    raise NotImplementedError
