"""Open Library, Google Books and Audnexus on loopback, and runs that ask them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks import metadata
from tasks.audiobooks.conf import options
from tasks.audiobooks.openlibrary import OpenLibrary as Api
from tasks.demo.archive import Archive
from tasks.demo.audnexus import Audnexus
from tasks.demo.google_books import GoogleBooks
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import HOST, Clock, Upstream
from tasks.http import Deadline
from tests.tasks.audiobooks.shelf import NOW, recorded


@pytest.fixture
def openlibrary() -> OpenLibrary:
    return OpenLibrary(Clock())


@pytest.fixture
def google() -> GoogleBooks:
    return GoogleBooks()


@pytest.fixture
def upstream(openlibrary: OpenLibrary, google: GoogleBooks) -> Iterator[Upstream]:
    with Upstream(openlibrary, google, Audnexus(), Archive()) as upstream:
        yield upstream


@pytest.fixture(autouse=True)
def configured(upstream: Upstream, settings: Any, tmp_path: Path) -> Callable[..., None]:
    """Open Library alone is asked; call it to change that."""

    def change(**changes: Any) -> None:
        settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, **changes}

    change(
        CONTACT="tests@localhost",
        OPENLIBRARY_URL=f"{upstream.url}/openlibrary",
        COVERS_URL=f"{upstream.url}/covers",
        GOOGLE_BOOKS_URL=f"{upstream.url}/googlebooks",
        GOOGLE_BOOKS_API_KEY="",
        AUDNEXUS_URL=f"{upstream.url}/audnexus",
        AUDNEXUS=False,
        ARCHIVE_URL=f"{upstream.url}/archive",
        ARCHIVE_HOSTS=[HOST],
        LIBRARY_DIR=tmp_path / "library",
        AUDIOBOOKS_RATE=1_000_000,
    )
    return change


@pytest.fixture
def api(db: None) -> Iterator[Api]:
    api = Api(options(), Deadline(30))
    yield api
    api.close()


@pytest.fixture
def refresh(db: None) -> Callable[..., None]:
    """Ask about all books, as the monthly job does."""

    def refresh(run: str = "1", now: datetime = NOW) -> None:
        with recorded() as entry:
            metadata.refresh_all(entry, run=run, now=now)

    return refresh
