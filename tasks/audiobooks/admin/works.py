"""The works of a series or of an author in their order: what is here, on its way, missing, or not wanted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from tasks.audiobooks.admin.drawing import Squares, in_order, squares
from tasks.audiobooks.admin.pages import download_badge, gap_badge
from tasks.audiobooks.admin.wall import best_downloads
from tasks.audiobooks.gaps import NEAREST
from tasks.audiobooks.models import Author, Book, Download, DownloadState, Gap, GapState, Series

MOST_WORKS = 1000  # on a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A place in a series, or one of an author's works."""

    position: str
    title: str
    state: str  # of GapState
    badge: SafeString
    book: Book | None = None  # that fills it
    gap: Gap | None = None  # None: the completion has not looked at it yet
    may_be_declined: bool = False
    may_be_wanted: bool = False
    may_be_queued: bool = False


def works_of(owner: Series | Author) -> list[Work]:
    """At most MOST_WORKS, by position; those without one at the end, by title."""
    rows: QuerySet[Gap] = owner.gaps.select_related("book", "edition__book").order_by("pk")
    gaps = list(rows[:MOST_WORKS])
    known = {gap.book_id for gap in gaps} | {gap.edition.book_id for gap in gaps if gap.edition}
    keys = {gap.work_key for gap in gaps}
    others = [
        book
        for book in owner.books.defer("description", "told_by").order_by("pk")[: MOST_WORKS - len(gaps)]
        if book.pk not in known and not (book.openlibrary_key and book.openlibrary_key in keys)
    ]
    books = [book for gap in gaps if (book := book_of(gap))] + others
    downloads = best_downloads([book.pk for book in books])
    found = [_of_gap(gap, downloads) for gap in gaps] + [_of_book(book, downloads, owner) for book in others]
    return sorted(found, key=lambda work: in_order(work.position, work.title))


def book_of(gap: Gap) -> Book | None:
    return gap.book or (gap.edition.book if gap.edition else None)


def drawn(works: Iterable[Work]) -> Squares:
    return squares((work.position, work.title, work.state) for work in works)


def neighbours(works: Sequence[Work], book: Book) -> tuple[Work | None, Work | None]:
    """The works before and after the one that `book` is."""
    place = next((number for number, work in enumerate(works) if work.book and work.book.pk == book.pk), None)
    if place is None:
        return None, None
    return (works[place - 1] if place else None), (works[place + 1] if place + 1 < len(works) else None)


def _of_gap(gap: Gap, downloads: dict[int, Download]) -> Work:
    book = book_of(gap)
    download = downloads.get(book.pk) if book else None
    state = GapState(gap.state)
    return Work(
        position=gap.position,
        title=gap.title,
        state=state,
        badge=download_badge(download) if download and state != GapState.IGNORED else gap_badge(state),
        book=book,
        gap=gap,
        may_be_declined=state in {GapState.MISSING, GapState.FOUND},
        may_be_wanted=state is GapState.IGNORED,
        may_be_queued=state is GapState.FOUND and gap.edition_id is not None,
    )


def _of_book(book: Book, downloads: dict[int, Download], owner: Any) -> Work:
    """A book that belongs there, though nobody has looked at the whole yet."""
    download = downloads.get(book.pk)
    state = NEAREST.get(DownloadState(download.state), GapState.FOUND) if download else GapState.FOUND
    position = book.position if isinstance(owner, Series) else ""
    badge = download_badge(download) if download else gap_badge(state)
    return Work(position=position, title=book.title, state=state, badge=badge, book=book)
