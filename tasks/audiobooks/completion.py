"""Which works are missing in series and of authors; those that the catalogue has are queued.

Looked at are the series and the authors of whom a book is here, that is, whole in the library. One that fails stops no
other, and an attempt that was cut short goes on behind the last one that was done.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from tasks.audiobooks import walks
from tasks.audiobooks.author_works import AuthorWorks
from tasks.audiobooks.catalogue import catalogue
from tasks.audiobooks.conf import options
from tasks.audiobooks.filling import Filler
from tasks.audiobooks.models import Author, DownloadState, Series, Walk
from tasks.audiobooks.openlibrary import OpenLibrary
from tasks.audiobooks.series_works import SeriesWorks
from tasks.audiobooks.streaks import Streak
from tasks.exceptions import AbortRun, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry

LONGEST = 5.75 * 3600  # seconds; less than the task's own time-out
OWNED = {"books__editions__download__state": DownloadState.DONE}


class ServiceOut(AbortRun):
    """A service fails for all alike; the rest is left for the next attempt."""


def complete_series(entry: Entry, *, run: str, now: datetime) -> None:
    """Each series of which a book is here. Raises ServiceOut, RetryLater or DeadlineReached."""
    configured, deadline, counts = options(), Deadline(LONGEST), Counter[str]()
    with closing(OpenLibrary(configured, deadline)) as library, closing(catalogue(deadline)) as source:
        works = SeriesWorks(library, Filler(source, now), entry, counts, now)
        _walk(entry, walks.begin("series_completion", run, now), Series, works.complete, counts)


def complete_authors(entry: Entry, *, run: str, now: datetime) -> None:
    """Each author of whom a book is here. Raises ServiceOut, RetryLater or DeadlineReached."""
    configured, deadline, counts = options(), Deadline(LONGEST), Counter[str]()
    with closing(OpenLibrary(configured, deadline)) as library, closing(catalogue(deadline)) as source:
        works = AuthorWorks(library, source, Filler(source, now), entry, counts, now)
        _walk(entry, walks.begin("author_completion", run, now), Author, works.complete, counts)


def _walk[T: (Series, Author)](
    entry: Entry, walk: Walk, model: type[T], complete: Callable[[T], None], counts: Counter[str]
) -> None:
    """One after another, by their ids."""
    left = model._default_manager.filter(**OWNED).order_by("pk").distinct()
    streak = Streak()
    entry.expect(left.filter(pk__gt=walk.position).count())
    try:
        position = walk.position
        while owner := left.filter(pk__gt=position).first():
            position = owner.pk
            with entry.item(str(owner)):
                _try(owner, complete, streak)
            if not streak.items:
                walks.reach(walk, position)
        walks.reach(walk, position)
    finally:
        entry.result = {"missing": 0, "found": 0, "queued": 0, "owned": 0, **counts}
    walks.arrive(walk)


def _try[T: (Series, Author)](owner: T, complete: Callable[[T], None], streak: Streak) -> None:
    """Raises ServiceOut when a service fails for one after the other."""
    try:
        complete(owner)
    except UpstreamError as error:
        if streak.is_out_after(owner.pk, error):
            raise ServiceOut(f"{error}: the rest is left for the next attempt.") from error
        raise
    streak.end()
