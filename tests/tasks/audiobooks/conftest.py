"""A loopback LibriVox and Internet Archive, and a library in a folder of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.catalogue import Recording
from tasks.audiobooks.conf import options
from tasks.audiobooks.librivox import LibriVox as Source
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.librivox import LibriVox
from tasks.demo.upstream import HOST, Clock, Upstream
from tasks.http import Deadline


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def librivox(clock: Clock) -> LibriVox:
    """Some 120 finished recordings, which come on three pages."""
    return LibriVox(clock)


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def upstream(librivox: LibriVox, archive: Archive) -> Iterator[Upstream]:
    with Upstream(librivox, archive) as upstream:
        yield upstream


@pytest.fixture
def configured(upstream: Upstream, settings: Any, tmp_path: Path) -> Callable[..., None]:
    """The settings of the audiobooks, with the loopback services behind them; call it to change some."""

    def change(**changes: Any) -> None:
        settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, **changes}

    change(
        CONTACT="tests@localhost",
        USER_AGENT="Rota/1 (+https://rota.example; tests@localhost)",
        LIBRIVOX_URL=f"{upstream.url}/librivox",
        ARCHIVE_URL=f"{upstream.url}/archive",
        ARCHIVE_HOSTS=[HOST],
        LIBRARY_DIR=tmp_path / "library",
        LIBRARY_BUDGET=0,
        LIBRARY_FREE=0,
        AUDIOBOOKS_RATE=1_000_000,
    )
    return change


@pytest.fixture
def source(configured: Callable[..., None]) -> Iterator[Source]:
    with closing(Source(options(), Deadline(30))) as source:
        yield source


@pytest.fixture
def recording(source: Source) -> Callable[[int], Recording]:
    """The first recording of a work, by its number in the demo's list."""

    def recording(number: int) -> Recording:
        found = source.detail(books.ALL_WORKS[number].recordings[0].id)
        assert found
        return found

    return recording
