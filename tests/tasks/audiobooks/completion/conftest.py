"""Open Library and the catalogue on loopback, and runs that look for what is missing."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks import completion
from tasks.audiobooks.models import Book
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.librivox import LibriVox
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import HOST, Clock, Upstream
from tests.tasks.audiobooks.shelf import NOW, own, recorded, series_of, shelve


@pytest.fixture
def openlibrary() -> OpenLibrary:
    return OpenLibrary(Clock())


@pytest.fixture
def upstream(openlibrary: OpenLibrary) -> Iterator[Upstream]:
    with Upstream(openlibrary, LibriVox(Clock()), Archive()) as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def configured(upstream: Upstream, settings: Any, tmp_path: Path) -> None:
    settings.AUDIOBOOKS = {
        **settings.AUDIOBOOKS,
        "CONTACT": "tests@localhost",
        "OPENLIBRARY_URL": f"{upstream.url}/openlibrary",
        "LIBRIVOX_URL": f"{upstream.url}/librivox",
        "ARCHIVE_URL": f"{upstream.url}/archive",
        "ARCHIVE_HOSTS": [HOST],
        "LIBRARY_DIR": tmp_path / "library",
        "AUDIOBOOKS_RATE": 1_000_000,
    }


@pytest.fixture
def complete_series(db: None) -> Callable[..., None]:
    def complete_series(run: str = "1", now: datetime = NOW) -> None:
        with recorded() as entry:
            completion.complete_series(entry, run=run, now=now)

    return complete_series


@pytest.fixture
def complete_authors(db: None) -> Callable[..., None]:
    def complete_authors(run: str = "1", now: datetime = NOW) -> None:
        with recorded() as entry:
            completion.complete_authors(entry, run=run, now=now)

    return complete_authors


@pytest.fixture
def begin_series(db: None) -> Callable[..., Book]:
    """Have the first recorded book of a series, whole in the library."""

    def begin_series(series: books.Series) -> Book:
        work = next(work for work in books.of_series(series) if work.recordings)
        book = shelve(work, series=series_of(series), position=work.position, openlibrary_key=work.key)
        own(book)
        return book

    return begin_series
