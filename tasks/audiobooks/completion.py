"""Which works are missing in series and of authors; those that the catalogue has are queued.

Looked at are the series and the authors of whom a book is here, that is, whole in the library. One that fails stops no
other, and an attempt that was cut short goes on behind the last one that was done.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from tasks.audiobooks import walks
from tasks.audiobooks.author_works import AuthorWorks
from tasks.audiobooks.catalogue import catalogue
from tasks.audiobooks.conf import options
from tasks.audiobooks.filling import Filler
from tasks.audiobooks.models import Author, Download, DownloadState, Series, Walk
from tasks.audiobooks.openlibrary import OpenLibrary
from tasks.audiobooks.patience import Patience, patience
from tasks.audiobooks.rounds import Round
from tasks.audiobooks.series_works import SeriesWorks
from tasks.audiobooks.streaks import Streak
from tasks.exceptions import AbortRun, UpstreamError
from tasks.recording import Entry

LONGEST_OWNER = 3600.0  # seconds for one series or author; an author goes on where that ended


class ServiceOut(AbortRun):
    """A service fails for all alike; the rest is left for the next attempt."""


def complete_series(entry: Entry, *, run: str, now: datetime) -> None:
    """Each series of which a book is here. Raises ServiceOut, RetryLater, DeadlineReached or PartsFailed."""
    configured, time, counts = options(), patience(), Counter[str]()
    with closing(OpenLibrary(configured, time)) as library, closing(catalogue(time)) as source:
        works = SeriesWorks(library, Filler(source, now), entry, counts, now)
        owned = Series.objects.filter(_is_here("edition__book__series"))
        walk = walks.begin("series_completion", run, now, goes_round=True)
        _Owners(entry, walk, time, works.complete).complete(owned, counts)


def complete_authors(entry: Entry, *, run: str, now: datetime) -> None:
    """Each author of whom a book is here. Raises ServiceOut, RetryLater, DeadlineReached or PartsFailed."""
    configured, time, counts = options(), patience(), Counter[str]()
    with closing(OpenLibrary(configured, time)) as library, closing(catalogue(time)) as source:
        works = AuthorWorks(library, source, Filler(source, now), entry, counts, now)
        owned = Author.objects.filter(_is_here("edition__book__authors"))
        walk = walks.begin("author_completion", run, now, goes_round=True)
        _Owners(entry, walk, time, works.complete).complete(owned, counts)


class _Owners[T: (Series, Author)](Round[T]):
    def __init__(self, entry: Entry, walk: Walk, time: Patience, complete: Callable[[T], None]) -> None:
        super().__init__(entry, walk)
        self._time = time
        self._complete: Callable[[T], None] = complete
        self._streak = Streak()

    def complete(self, owned: QuerySet[T], counts: Counter[str]) -> None:
        try:
            self.go(owned)
            self.go_back(owned)
        finally:
            self.entry.result = {"missing": 0, "found": 0, "queued": 0, "owned": 0, **counts}
        self.arrive()

    def do(self, row: T, *, again: bool) -> None:
        """Raises ServiceOut when a service fails for one after the other."""
        try:
            with self._time.within(LONGEST_OWNER):
                self._complete(row)
        except UpstreamError as error:
            if not again and self._streak.is_out_after(row.pk, error):
                raise ServiceOut(f"{error}: the rest is left for the next attempt.") from error
            raise
        self._streak.end()


def _is_here(owner: str) -> Exists:
    """Whether a recording of the owner's is whole in the library."""
    return Exists(Download.objects.filter(**{owner: OuterRef("pk")}, state=DownloadState.DONE))
