"""One file of a recording onto the disk: from where it was cut short, counted, and checked before it counts."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedRandom
from pathlib import Path

import stamina

from tasks.audiobooks.catalogue import Catalogue
from tasks.audiobooks.library import NO_ROOM, Library, NoRoom, open_part
from tasks.exceptions import UpstreamError
from tasks.http import Deadline, Stream

ATTEMPTS = 4  # that bring nothing
TIMES = 3  # that a file may come whole and be another than was told
WRONG = "wrong bytes"  # the code of the error when what comes is not what was told
LONGEST_PAUSE = 60.0  # seconds between two attempts
RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:([0-9]{1,18})|\*)")

type Told = Callable[[int], None]  # is told of each piece how many bytes have come; fewer than none: thrown away


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, as its item describes it."""

    archive_id: str
    name: str
    size: int | None  # bytes
    md5: str


class Fetcher:
    """Fetches files of one source into one library."""

    def __init__(self, source: Catalogue, library: Library, deadline: Deadline) -> None:
        self._source = source
        self._library = library
        self._deadline = deadline

    def fetch(self, wanted: Wanted, path: Path, told: Told) -> int:
        """Bring the whole file to `path` and say how long it is.

        What is there already is gone on with. Raises UpstreamError when nothing comes any more, or with the code
        WRONG if it never is as described; NoRoom, DeadlineReached, or RetryLater. What has come by then stays.
        """
        problem = ""
        for _ in range(TIMES):
            with os.fdopen(open_part(path), "r+b") as file:
                self._complete(wanted, file, told)
                size = file.seek(0, os.SEEK_END)
                problem = _problem(wanted, file, size)
                if not problem:
                    os.fsync(file.fileno())
                    return size
                self._throw_away(file, told)
        raise UpstreamError(f"{wanted.name} came {TIMES} times, and at last {problem}", code=WRONG)

    def _complete(self, wanted: Wanted, file: BufferedRandom, told: Told) -> None:
        """Ask until the service says that this is all; only attempts that bring nothing are counted."""
        while True:
            before = file.seek(0, os.SEEK_END)
            if before and before == wanted.size:
                return
            try:
                for attempt in stamina.retry_context(
                    on=self._may_help, attempts=ATTEMPTS, timeout=None, wait_initial=1.0, wait_max=30.0
                ):
                    with attempt:
                        self._go_on(wanted, file, told)
                        return
            except UpstreamError as error:
                if not error.retryable or file.seek(0, os.SEEK_END) <= before:
                    raise

    def _may_help(self, error: Exception) -> bool | float:
        if not isinstance(error, UpstreamError) or not error.retryable:
            return False
        wait = error.retry_after
        return (wait < min(LONGEST_PAUSE, self._deadline.left()) and wait) if wait else True

    def _go_on(self, wanted: Wanted, file: BufferedRandom, told: Told) -> None:
        start = file.seek(0, os.SEEK_END)
        if wanted.size is not None and start > wanted.size:
            self._throw_away(file, told)
            start = 0
        try:
            with self._source.download(wanted.archive_id, wanted.name, start) as stream:
                start = self._start(wanted, file, stream, start, told)
                self._write(wanted, file, stream, start, told)
        except UpstreamError as error:
            if error.status != 416 or not start:
                raise
            if wanted.size is None:  # perhaps it was whole: its checksum says so
                return
            self._throw_away(file, told)
            raise UpstreamError(f"{wanted.name} is shorter than was told", retryable=True) from None

    def _start(self, wanted: Wanted, file: BufferedRandom, stream: Stream, start: int, told: Told) -> int:
        """Where in the file the first byte belongs; what does not fit what is there makes it begin anew."""
        length = stream.headers.get("Content-Length", "")
        if stream.status == 206:
            found = RANGE.fullmatch(stream.headers.get("Content-Range", ""))
            total = int(found[2]) if found and found[2] else wanted.size
            if not found or int(found[1]) != start or wanted.size not in {None, total}:
                self._throw_away(file, told)
                raise UpstreamError(f"sent another part of {wanted.name} than was asked for", retryable=True)
            return start
        if start:
            self._throw_away(file, told)
        if wanted.size is not None and length.isdecimal() and int(length) != wanted.size:
            raise UpstreamError(f"sends {length} bytes as {wanted.name}, not {wanted.size} as it told", code=WRONG)
        return 0

    def _write(self, wanted: Wanted, file: BufferedRandom, stream: Stream, position: int, told: Told) -> None:
        try:
            for piece in stream.pieces:
                position += len(piece)
                if wanted.size is not None and position > wanted.size:
                    self._throw_away(file, told)
                    raise UpstreamError(f"sent more than the {wanted.size} bytes of {wanted.name}", code=WRONG)
                if wanted.size is None and self._library.room() < len(piece):
                    raise NoRoom
                file.write(piece)
                self._library.took(len(piece))
                told(len(piece))
            file.flush()
        except OSError as error:
            if error.errno in NO_ROOM:
                raise NoRoom("The disk is full.") from None
            raise
        if wanted.size is not None and position < wanted.size:
            raise UpstreamError(f"sent {position} of the {wanted.size} bytes of {wanted.name}", retryable=True)

    def _throw_away(self, file: BufferedRandom, told: Told) -> None:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.truncate()
        self._library.took(-size)
        told(-size)


def is_whole(wanted: Wanted, path: Path) -> bool:
    """Whether the file is there as it was described."""
    if not path.exists():
        return False
    with os.fdopen(open_part(path), "r+b") as file:
        return not _problem(wanted, file, file.seek(0, os.SEEK_END))


def _problem(wanted: Wanted, file: BufferedRandom, size: int) -> str:
    """What is wrong with a file that has come whole; empty if nothing is."""
    if wanted.size is not None and size != wanted.size:
        return f"it had {size} bytes, not {wanted.size}"
    if not size:
        return "it was empty"
    file.seek(0)
    if wanted.md5 and file_digest(file, "md5").hexdigest() != wanted.md5:
        return "its checksum was wrong"
    return ""
