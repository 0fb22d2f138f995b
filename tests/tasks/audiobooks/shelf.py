"""Books of the demo's list as rows, as if the catalogue had told of them; and the services that tell more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tasks.audiobooks.models import Author, Book, Download, DownloadState, Edition, Series
from tasks.audiobooks.titles import name_key, title_key
from tasks.demo import books
from tasks.models import TaskRecord
from tasks.recording import Entry, record

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def work_where(**wanted: Any) -> books.Work:
    """The first recorded work of the list with these properties."""
    found = (work for work in books.ALL_WORKS if work.recordings)
    return next(work for work in found if all(getattr(work, name) == value for name, value in wanted.items()))


def shelve(work: books.Work, **columns: Any) -> Book:
    """A book, with the first recording of it if there is one."""
    plain: dict[str, Any] = {"title": work.title, "key": title_key(work.title), "added_at": NOW}
    book = Book.objects.create(**{**plain, **columns})
    book.authors.add(author_of(work.author))
    for each in work.recordings[:1]:
        Edition.objects.create(
            book=book, source_id=each.id, archive_id=each.archive_id, title=work.title, content_hash="x", seen_at=NOW
        )
    return book


def author_of(author: books.Author) -> Author:
    plain = {"name": author.name, "key": name_key(author.name), "born": author.born, "died": author.died}
    names = {"first_name": author.first_name, "last_name": author.last_name}
    return Author.objects.get_or_create(librivox_id=author.librivox_id, defaults={**plain, **names})[0]


def series_of(series: books.Series) -> Series:
    return Series.objects.get_or_create(key=series.key, defaults={"name": series.name})[0]


def own(book: Book) -> Download:
    """Have its recording in the library."""
    edition = book.editions.get()
    return Download.objects.create(edition=edition, state=DownloadState.DONE, why="A test", queued_at=NOW)


@contextmanager
def recorded() -> Iterator[Entry]:
    with record(None, task_name="tests") as entry:
        yield entry


def log() -> str:
    """What the last record has written down."""
    return TaskRecord.objects.latest("id").log_output


def result() -> dict[str, Any]:
    return dict(TaskRecord.objects.latest("id").result or {})
