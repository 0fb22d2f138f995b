"""The record helpers of the source system, on TaskRecord; and the records that are old."""

from datetime import datetime

from tasks.recording import Entry


def clean_up(entry: Entry, *, now: datetime) -> None:
    raise NotImplementedError
