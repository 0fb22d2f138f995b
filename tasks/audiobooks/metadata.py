"""What is told of books: asked of each source in turn, merged, with the source of each field kept.

A book that was asked about since the run began is not asked about again, source by source. So an attempt that was cut
short, or in which a source was out, is taken up where it is due, and nothing is asked twice.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

from tasks.audiobooks import told, walks
from tasks.audiobooks.asking import Panel
from tasks.audiobooks.audnexus import Audnexus
from tasks.audiobooks.conf import Options, options
from tasks.audiobooks.covers import Covers
from tasks.audiobooks.google_books import GoogleBooks
from tasks.audiobooks.models import Book, BookQuerySet, Walk
from tasks.audiobooks.openlibrary_books import OpenLibraryBooks
from tasks.audiobooks.telling import Source
from tasks.http import Deadline
from tasks.recording import Entry

SOURCES: tuple[type[Source], ...] = (OpenLibraryBooks, GoogleBooks, Audnexus)  # in the order in which they are asked
ORDER = [source.name for source in SOURCES]
BATCH = 100  # books that are in memory at once
LONGEST = 5.75 * 3600  # seconds; less than the task's own time-out


def refresh_all(entry: Entry, *, run: str, now: datetime) -> None:
    """Ask about every book. Raises SourcesOut or RetryLater when a source was out for a part of them."""
    _Refresh(entry, walks.begin("metadata_full", run, now), now, goes_round=True).go(Book.objects.all())


def refresh_new(entry: Entry, *, run: str, now: datetime) -> None:
    """Ask about the books that were added in the last NEW_BOOKS_DAYS. Raises like `refresh_all`."""
    new = Book.objects.added_since(now - timedelta(days=options().new_books_days))
    _Refresh(entry, walks.begin("metadata_new", run, now), now, goes_round=False).go(new)


class _Refresh:
    """One walk over books, by their ids."""

    def __init__(self, entry: Entry, walk: Walk, now: datetime, *, goes_round: bool) -> None:
        self._entry = entry
        self._walk = walk
        self._now = now
        self._goes_round = goes_round
        self._changed = 0

    def go(self, books: BookQuerySet) -> None:
        configured, deadline = options(), Deadline(LONGEST)
        with ExitStack() as opened:
            sources = [opened.enter_context(closing(each)) for each in _sources(configured, deadline)]
            covers = opened.enter_context(closing(Covers(configured, deadline, self._entry, self._now)))
            panel = Panel(sources, self._entry, self._now, goes_round=self._goes_round)
            self._entry.expect(books.filter(pk__gt=self._walk.position).count())
            try:
                self._walk_over(books, panel, covers)
            finally:
                self._step_back(panel)
                found = {"changed": self._changed, "covers": covers.fetched, "sources": panel.told()}
                self._entry.result = found
            panel.close()
        walks.arrive(self._walk)

    def _walk_over(self, books: BookQuerySet, panel: Panel, covers: Covers) -> None:
        for batch in _batches(books, self._walk.position):
            for book in batch:
                if panel.is_out:
                    break
                with self._entry.item(book.title):
                    self._refresh(book, panel, covers)
            if panel.is_out:
                return
            if panel.missed_from is None:
                walks.reach(self._walk, batch[-1].pk)

    def _step_back(self, panel: Panel) -> None:
        """Have the next attempt begin before the first book that a source is still to be asked of."""
        if panel.missed_from is not None and panel.missed_from <= self._walk.position:
            walks.reach(self._walk, panel.missed_from - 1)

    def _refresh(self, book: Book, panel: Panel, covers: Covers) -> None:
        """What a source says is kept although another one fails."""
        rows = {row.source: row for row in book.sources.all()}
        said, errors = panel.ask(book.pk, told.known(book, ORDER), rows, self._walk.began_at or self._now)
        if said:
            before = book.cover_url
            self._changed += bool(told.keep(book.pk, said, ORDER, self._now))
            book.refresh_from_db(fields=["cover_url", "cover_at"])
            covers.drop(before, unless=book.cover_url)
        covers.fetch(book)
        if errors:
            raise errors[0]


def _sources(configured: Options, deadline: Deadline) -> Iterator[Source]:
    return (source(configured, deadline) for source in SOURCES if source.is_wanted(configured))


def _batches(books: BookQuerySet, position: int) -> Iterator[list[Book]]:
    """All behind `position`, with what is to be known of them, however many there are."""
    ordered = books.order_by("pk").select_related("series").prefetch_related("authors", "editions", "sources")
    while batch := list(ordered.filter(pk__gt=position)[:BATCH]):
        yield batch
        position = batch[-1].pk
