"""What a source of books is: the calls that it answers, and the plain values that it gives.

The one that is used is named by the setting CATALOGUE; LibriVox with the Internet Archive by default.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.module_loading import import_string

from tasks.audiobooks.conf import Options, usable_options
from tasks.exceptions import UpstreamError
from tasks.http import Deadline


class NotThere(UpstreamError):
    """The source does not have it, or no longer; asking again is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who wrote it."""

    id: str  # in the catalogue
    first_name: str = ""
    last_name: str = ""
    born: str = ""  # a year
    died: str = ""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A finished recording of a book, as the catalogue tells of it; texts as they came."""

    source: str  # librivox
    id: str  # there
    title: str
    description: str = ""  # HTML, not to be trusted
    language: str = ""
    first_published: str = ""  # a year
    sections: int = 0
    seconds: int | None = None
    url: str = ""  # its page
    archive_id: str = ""  # the item that has its files; empty: it has none
    cover_url: str = ""
    authors: tuple[Person, ...] = ()
    genres: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A place in a top list."""

    place: int  # 1 is the first
    archive_id: str
    title: str
    author: str = ""
    downloads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a recording."""

    name: str
    title: str = ""
    size: int | None = None  # bytes
    md5: str = ""  # hexadecimal
    track: int | None = None


class Page(Protocol):
    """Some recordings, where the next of them begin, and what of the page could not be read."""

    recordings: tuple[Recording, ...]
    unread: tuple[str, ...]  # a line for each item that is not as it should be
    next_offset: int | None  # None: this was the last


class Catalogue(Protocol):
    """A source of books. Each call raises UpstreamError, DeadlineReached or RetryLater."""

    def list_new(self, since: datetime | None, offset: int = 0) -> Iterator[Page]:
        """What was finished since that moment (None: everything), page by page from `offset`."""
        ...

    def top(self, genre: str, n: int) -> list[Ranked]:
        """The `n` that were fetched most in the last week, of the genre that the source calls so."""
        ...

    def search(self, title: str, author: str) -> list[Recording]:
        """Recordings whose title begins so, by an author with this last name; the caller looks closer.

        Without a title: all by authors of this last name.
        """
        ...

    def detail(self, id: str) -> Recording | None:
        """One recording; None if there is none of that id."""
        ...

    def files(self, archive_id: str) -> list[File]:
        """The audio files of a recording in the wanted format, in their order."""
        ...

    def download(self, archive_id: str, name: str, start: int) -> AbstractContextManager[Any]:
        """A file from the byte `start` on, as `tasks.http.Stream`."""
        ...

    def close(self) -> None: ...


def catalogue(deadline: Deadline) -> Catalogue:
    """The one that is configured, for the time of a run; to be closed after it. Raises NotConfigured."""
    configured = usable_options()
    made: type = import_string(configured.catalogue)
    source: Catalogue = made(configured, deadline)
    return source


__all__ = ["Catalogue", "File", "NotThere", "Options", "Page", "Person", "Ranked", "Recording", "catalogue"]
