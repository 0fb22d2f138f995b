"""What is new in the catalogue, and what is wanted most."""

from datetime import datetime

from tasks.recording import Entry


def find_new(entry: Entry, *, run: str, now: datetime) -> None:
    raise NotImplementedError


def find_top(entry: Entry, *, now: datetime) -> None:
    raise NotImplementedError
