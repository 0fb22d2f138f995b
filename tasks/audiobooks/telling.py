"""What a source of metadata is: what it is told of a book that it is asked about, and what it answers.

A further source is a class like these in a file of its own, and a line in `metadata.SOURCES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from tasks.audiobooks.conf import Options
from tasks.audiobooks.matching import Wanted
from tasks.exceptions import TaskError
from tasks.http import Answer, Deadline, Rate

LONGEST_ETAG = 180  # characters of one that is kept
MOST_AT_ONCE = 1000  # requests without a pause, however high the rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a book."""

    title: str
    authors: tuple[str, ...] = ()
    isbn: str = ""
    asin: str = ""
    openlibrary_key: str = ""
    series_key: str = ""
    recordings: tuple[str, ...] = ()  # ids at LibriVox
    settled: frozenset[str] = frozenset()  # fields that the catalogue has told, so that nobody needs to
    validator: str = ""  # what the source that is asked gave last time

    def wanted(self, key: str = "") -> Wanted:
        return Wanted(title=self.title, authors=self.authors, key=key, recordings=self.recordings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a source answers, in the values that Book's fields take.

    Two are no columns: `series` is {"key", "name", "position"}; `author_keys` has keys at Open Library by names.
    """

    found: bool = True
    fields: Mapping[str, Any] = field(default_factory=dict)
    validator: str = ""
    is_unchanged: bool = False  # as last time: `found` and `fields` mean nothing


class Exhausted(TaskError):
    """The source gives nothing more for so long, and that is nobody's fault."""

    def __init__(self, delay: timedelta, message: str) -> None:
        super().__init__(message)
        self.delay = delay


class Refused(TaskError):
    """The source takes no question, until somebody mends a setting."""


class Source(Protocol):
    """One source, for the time of a run."""

    name: ClassVar[str]  # as `told_by` and Told have it

    def __init__(self, options: Options, deadline: Deadline) -> None: ...

    @staticmethod
    def is_wanted(options: Options) -> bool:
        """Whether it is to be asked at all."""
        ...

    def ask(self, known: Known) -> Said | None:
        """What it says of the book; None where it cannot be asked, because too little is known.

        Raises UpstreamError, Exhausted, Refused, RetryLater or DeadlineReached.
        """
        ...

    def close(self) -> None: ...


NOT_FOUND = Said(found=False)
UNCHANGED = Said(is_unchanged=True)


def condition(address: str, known: Known) -> dict[str, str]:
    """The header that asks for `address` only if it has changed; none if something else was asked last time."""
    mark, _, etag = known.validator.partition(" ")
    return {"If-None-Match": etag} if etag and mark == _mark(address) else {}


def validator(address: str, answer: Answer) -> str:
    """By what the answer is recognised next time; empty if the service sends nothing for that."""
    etag = answer.headers.get("ETag", "")
    fits = etag and len(etag) <= LONGEST_ETAG and etag.isascii() and etag.isprintable()
    return f"{_mark(address)} {etag}" if fits else ""


def rate(options: Options, most: float = float("inf")) -> Rate:
    """As often as the settings let services be asked, and never more than `most` a second."""
    per_second = min(options.audiobooks_rate, most)
    return Rate(per_second, burst=max(1, min(int(per_second), MOST_AT_ONCE)))


def _mark(address: str) -> str:
    return sha256(address.encode()).hexdigest()[:12]
