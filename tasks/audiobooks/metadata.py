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
from tasks.audiobooks.patience import Patience, patience
from tasks.audiobooks.rounds import Round
from tasks.audiobooks.telling import Source
from tasks.recording import Entry

SOURCES: tuple[type[Source], ...] = (OpenLibraryBooks, GoogleBooks, Audnexus)  # in the order in which they are asked
ORDER = [source.name for source in SOURCES]


def refresh_all(entry: Entry, *, run: str, now: datetime) -> None:
    """Ask about every book. Raises SourcesOut or RetryLater when a source was out for a part of them; PartsFailed."""
    _refresh(entry, walks.begin("metadata_full", run, now, goes_round=True), Book.objects.all(), now, goes_round=True)


def refresh_new(entry: Entry, *, run: str, now: datetime) -> None:
    """Ask about the books that nobody was asked about yet, and those of the last days. Raises like `refresh_all`.

    Of the last NEW_BOOKS_DAYS, or since the last of these walks that came to its end.
    """
    walk = walks.begin("metadata_new", run, now, goes_round=True)
    began = walk.began_at or now
    since = began - timedelta(days=options().new_books_days)
    new = Book.objects.new_since(min(since, walk.ended_at or since), untold_at=began)
    _refresh(entry, walk, new, now, goes_round=False)


def _refresh(entry: Entry, walk: Walk, books: BookQuerySet, now: datetime, *, goes_round: bool) -> None:
    """`goes_round`: all books are walked over, so that a source which gave out goes on behind the last of its books."""
    configured, time = options(), patience()
    with ExitStack() as opened:
        sources = [opened.enter_context(closing(each)) for each in _sources(configured, time)]
        covers = opened.enter_context(closing(Covers(configured, time, entry, now)))
        panel = Panel(sources, entry, now, time, goes_round=goes_round)
        books_round = _Books(entry, walk, panel, covers, now)
        try:
            books_round.go(books.with_all())
            if not panel.missed and not panel.is_out:
                books_round.go_back(Book.objects.with_all())
        finally:
            for book in panel.missed:
                walks.step_back(walk, book)
            entry.result = {"changed": books_round.changed, "covers": covers.fetched, "sources": panel.told()}
        panel.close()
    books_round.arrive()


class _Books(Round[Book]):
    def __init__(self, entry: Entry, walk: Walk, panel: Panel, covers: Covers, now: datetime) -> None:
        super().__init__(entry, walk)
        self.changed = 0
        self._panel = panel
        self._covers = covers
        self._now = now

    def is_out(self) -> bool:
        return self._panel.is_out

    def may_pass(self) -> bool:
        return not self._panel.missed

    def do(self, row: Book, *, again: bool) -> None:
        """What a source says is kept although another one fails."""
        rows, since = {each.source: each for each in row.sources.all()}, self.walk.began_at or self._now
        said, errors = self._panel.ask(row.pk, told.known(row, ORDER), rows, since, again=again)
        if said:
            before = row.cover_url
            self.changed += bool(told.keep(row.pk, said, ORDER, self._now))
            row.refresh_from_db(fields=["cover_url", "cover_at"])
            self._covers.drop(before, unless=row.cover_url)
        self._covers.fetch(row)
        if errors:
            raise errors[0]


def _sources(configured: Options, time: Patience) -> Iterator[Source]:
    return (source(configured, time) for source in SOURCES if source.is_wanted(configured))
