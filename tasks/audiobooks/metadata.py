"""What is told of books: asked of each source in turn, merged, with the source of each field kept."""

from datetime import datetime

from tasks.recording import Entry


def refresh_all(entry: Entry, *, run: str, now: datetime) -> None:
    raise NotImplementedError


def refresh_new(entry: Entry, *, run: str, now: datetime) -> None:
    raise NotImplementedError
