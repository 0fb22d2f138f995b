"""What fills a gap: a book that is here, or one that the catalogue has, which is queued.

A work counts as owned when a recording of it is whole in the library (a Download that is done), and as found when the
catalogue has one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from tasks.audiobooks import downloads
from tasks.audiobooks.catalogue import Catalogue, Recording
from tasks.audiobooks.keep import keep
from tasks.audiobooks.matching import Offer, Wanted, bare, choose, same_name
from tasks.audiobooks.models import LIBRIVOX, Author, Book, DownloadState, Edition, GapState
from tasks.audiobooks.titles import last_name, name_key, same_work, title_key
from tasks.audiobooks.wishes import Filling, Wish

MOST_BOOKS = 50  # of one title that are looked at
OVER = (DownloadState.FAILED, DownloadState.OFF)


class Filler:
    def __init__(self, catalogue: Catalogue, now: datetime) -> None:
        self._catalogue = catalogue
        self._now = now

    def fill(self, wish: Wish, why: str, *, may_queue: bool) -> Filling:
        """Find it here or in the catalogue, and queue it. Raises UpstreamError or RetryLater of the catalogue."""
        edition = self.here(wish)
        if edition is None and (recording := self._offered(wish)):
            edition = keep(recording, self._now)
        return Filling() if edition is None else self.queue(edition, why, may_queue=may_queue)

    def here(self, wish: Wish) -> Edition | None:
        """A recording that is known here: by its own id, by the key of the work, or by title and author."""
        known = Edition.objects.filter(
            Q(source=LIBRIVOX, source_id__in=wish.recordings[:MOST_BOOKS]) | Q(book__openlibrary_key=wish.key)
        )
        return _best(known) or _best(Edition.objects.filter(book__in=_same_books(wish)))

    def queue(self, edition: Edition, why: str, *, may_queue: bool) -> Filling:
        """What is so far of the book that this is a recording of; it is queued if none of its recordings ever was.

        In place of one that was given up, another comes; not so if staff have taken one off.
        """
        states = dict(
            Edition.objects.filter(book=edition.book_id, download__state__isnull=False).values_list(
                "pk", "download__state"
            )
        )
        owned = next((pk for pk, state in states.items() if state == DownloadState.DONE), None)
        if owned:
            return Filling(state=GapState.OWNED, book=edition.book_id, edition=owned)
        coming = next((pk for pk, state in states.items() if state not in OVER), None)
        if coming:
            return Filling(state=GapState.QUEUED, book=edition.book_id, edition=coming)
        other = edition if edition.pk not in states else _best(edition.book.editions.filter(download=None))
        is_wanted = may_queue and other is not None and DownloadState.OFF not in states.values()
        if is_wanted and other and downloads.queue(other, why[:100], now=self._now):
            return Filling(state=GapState.QUEUED, book=edition.book_id, edition=other.pk, is_new=True)
        return Filling(state=GapState.FOUND, book=edition.book_id, edition=edition.pk)

    def _offered(self, wish: Wish) -> Recording | None:
        """What the catalogue has of it."""
        if not wish.authors or not title_key(wish.title):
            return None
        offered = self._catalogue.search(bare(wish.title), last_name_of(wish.authors[0]))
        return of_wish(wish, offered)


def of_wish(wish: Wish, offered: Sequence[Recording]) -> Recording | None:
    """The recording of it; of several the first that has files."""
    offers = [
        Offer(
            title=each.title,
            authors=[person.name for person in each.authors],
            recordings=(each.id,) if each.source == LIBRIVOX else (),
            weight=int(bool(each.archive_id)),
        )
        for each in offered
    ]
    place = choose(Wanted(title=wish.title, authors=wish.authors, recordings=wish.recordings), offers)
    return None if place is None else offered[place]


def last_name_of(name: str) -> str:
    """As the catalogue has it, if he is known here; else as names go."""
    known = Author.objects.filter(key=name_key(name)).exclude(last_name="").values_list("last_name", flat=True).first()
    return known or last_name(name)


def _same_books(wish: Wish) -> list[int]:
    key = title_key(wish.title)
    if not key or not wish.authors:
        return []
    books = Book.objects.filter(key=key).prefetch_related("authors").order_by("pk")[:MOST_BOOKS]
    mine = (book for book in books if same_work(book.title, wish.title))
    return [book.pk for book in mine if _is_by(book.authors.all(), wish.authors)]


def _is_by(authors: Iterable[Author], names: Iterable[str]) -> bool:
    return any(same_name(author.name, name) for author in authors for name in names)


def _best(editions: QuerySet[Edition]) -> Edition | None:
    """The one that has files, and that most people have fetched."""
    rows = list(editions.order_by("pk")[:MOST_BOOKS])
    return max(rows, key=lambda row: (bool(row.archive_id), row.downloads or 0, -row.pk), default=None)


__all__ = ["Filler", "Filling", "Wish", "last_name_of", "of_wish"]
