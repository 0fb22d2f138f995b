"""The works of a series: which of them are here, which the catalogue has, and which are missing."""

from collections import Counter
from datetime import datetime

from tasks.audiobooks import gaps
from tasks.audiobooks.filling import Filler, Filling, Wish
from tasks.audiobooks.models import Author, GapState, Series
from tasks.audiobooks.openlibrary import Doc, Listed, OpenLibrary
from tasks.exceptions import UpstreamError
from tasks.recording import Entry

MOST_ALONE = 50  # works that are asked for one by one, because the search does not know them in the series


class SeriesWorks:
    def __init__(self, library: OpenLibrary, filler: Filler, entry: Entry, counts: Counter[str], now: datetime) -> None:
        self._library = library
        self._filler = filler
        self._entry = entry
        self._counts = counts
        self._now = now

    def complete(self, series: Series) -> None:
        """Find what is missing in it, and queue what there is. Raises UpstreamError or RetryLater."""
        wishes = self._wishes(series)
        if wishes:
            known = gaps.of(series)
            for wish in wishes.values():
                self._entry.check()
                gap = known.get(wish.key)
                is_wanted = gap is None or gap.state != GapState.IGNORED
                filling = self._fill(wish, series, may_queue=is_wanted)
                gaps.keep(series, gap, wish, filling, self._now)
                if is_wanted:
                    self._counts[filling.told] += 1
            gaps.forget(series, wishes.keys())
        else:
            self._entry.log(f"{series}: Open Library no longer knows this series; what is known of it here stays.")
        gaps.count(series)
        Series.objects.filter(pk=series.pk).update(completed_at=self._now)

    def _fill(self, wish: Wish, series: Series, *, may_queue: bool) -> Filling:
        """A work that the catalogue cannot be asked about is missing, and spoils nothing else."""
        try:
            return self._filler.fill(wish, f"Gap in {series}", may_queue=may_queue)
        except UpstreamError as error:
            if error.retryable:
                raise
            self._entry.log(f"{wish.title}: {error}")
            return Filling()

    def _wishes(self, series: Series) -> dict[str, Wish]:
        """By their keys: what the series lists, with what the search knows of it; none if there is no such series."""
        listed = self._listed(series.key)
        docs = {doc.key: doc for doc in self._library.of_series(series.key)}
        wishes = {key: _wish(doc, series.key) for key, doc in docs.items()}
        alone = [work for work in listed if work.key not in wishes]
        authors = _authors_of(series) if alone else ()
        for place, work in enumerate(alone):
            position = self._position(work.key, series.key) if place < MOST_ALONE else ""
            wishes[work.key] = Wish(key=work.key, title=work.title, authors=authors, position=position)
        return wishes

    def _listed(self, key: str) -> list[Listed]:
        try:
            return list(self._library.seeds(key))
        except UpstreamError as error:
            if error.status == 404:
                return []
            raise

    def _position(self, work_key: str, series_key: str) -> str:
        work = self._library.work(work_key)
        places = (place.position for place in work.series if place.key == series_key) if work else iter(())
        return next(places, "")


def _wish(doc: Doc, series_key: str) -> Wish:
    place = doc.place_in(series_key)
    return Wish(
        key=doc.key,
        title=doc.title,
        authors=doc.names,
        position=place.position if place else "",
        recordings=doc.recordings,
    )


def _authors_of(series: Series) -> tuple[str, ...]:
    """Who wrote what is here of it."""
    return tuple(Author.objects.filter(books__series=series).order_by("pk").values_list("name", flat=True).distinct())
