"""The pictures of covers, on the disk."""

from pathlib import Path

from tasks.audiobooks.models import Book


def cover_file(book: Book) -> Path:
    """Where the picture of the book is, if it is there."""
    raise NotImplementedError
