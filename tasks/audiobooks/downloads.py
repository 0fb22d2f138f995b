"""What is queued, fetched into the library: resumable, checked, within the budget."""

from datetime import datetime

from tasks.audiobooks.models import Download, Edition
from tasks.recording import Entry


def queue(edition: Edition, why: str, *, now: datetime) -> Download | None:
    """Queue the recording; None if it is queued or here already, or has no files."""
    raise NotImplementedError


def download_queued(entry: Entry, *, now: datetime) -> None:
    raise NotImplementedError
