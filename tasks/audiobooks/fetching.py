"""One file of a recording onto the disk: from where it was cut short, counted, and checked before it counts."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest
from io import BufferedRandom
from pathlib import Path

import stamina

from tasks.audiobooks.catalogue import Catalogue
from tasks.audiobooks.library import FULL, NO_ROOM, Library, NoRoom, open_part
from tasks.exceptions import UpstreamError
from tasks.http import Deadline, Stream

ATTEMPTS = 4  # that bring nothing
TIMES = 3  # that a file may come whole and be another than was told
WRONG = "wrong bytes"  # the code of the error when what comes is not what was told
SLOW = "too slow"  # the code when so little comes that others are better served
SLOWEST = 2_000  # bytes a second
OVER = 60.0  # seconds over which that is measured
MOST_UNTOLD = 1_000_000_000  # bytes of a file whose size nobody tells
LONGEST_PAUSE = 60.0  # seconds between two attempts
LONGEST_NUMBER = 18  # digits
RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:([0-9]{1,18})|\*)")

STARTS = (b"ID3", b"OggS", b"fLaC")  # of files that are sound
PAGES = ("/json", "+json", "/xml", "+xml")  # ends of types that no sound has
LONGEST_START = 8  # bytes

type Told = Callable[[int], None]  # is told of each piece how many bytes have come; fewer than none: thrown away


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, as its item describes it."""

    archive_id: str
    name: str
    size: int | None  # bytes
    md5: str


class Pace:
    """How fast something comes, over one span after the other. Pure: the moments are given."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._came = 0

    def is_too_slow(self, size: int, now: float) -> bool:
        """Whether, with these bytes, less than SLOWEST has come over a whole span."""
        self._came += size
        seconds = now - self._since
        if seconds < OVER:
            return False
        is_slow = self._came < SLOWEST * seconds
        self._since, self._came = now, 0
        return is_slow


class Fetcher:
    """Fetches files of one source into one library."""

    def __init__(self, source: Catalogue, library: Library, deadline: Deadline) -> None:
        self._source = source
        self._library = library
        self._deadline = deadline

    def fetch(self, wanted: Wanted, path: Path, told: Told) -> int:
        """Bring the whole file to `path` and say how long it is.

        What is there already is gone on with. Raises UpstreamError when nothing comes any more, with the code SLOW
        when next to nothing does, or with WRONG if it never is as described; NoRoom, DeadlineReached, or RetryLater.
        What has come by then stays.
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
                if not error.retryable or error.code == SLOW or file.seek(0, os.SEEK_END) <= before:
                    raise

    def _may_help(self, error: Exception) -> bool | float:
        if not isinstance(error, UpstreamError) or not error.retryable or error.code == SLOW:
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
                _check_kind(wanted, stream)
                start = self._start(wanted, file, stream, start, told)
                self._check_room(wanted, stream, start)
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

    def _check_room(self, wanted: Wanted, stream: Stream, start: int) -> None:
        """Before the first byte of a file whose size the item does not tell, by what the answer tells of it."""
        length = stream.headers.get("Content-Length", "")
        if wanted.size is None and length.isdecimal():
            if start + int(length[:LONGEST_NUMBER]) > MOST_UNTOLD:
                raise UpstreamError(f"sends {length} bytes as {wanted.name}, which is more than is taken", code=WRONG)
            self._library.check_room(int(length))

    def _write(self, wanted: Wanted, file: BufferedRandom, stream: Stream, position: int, told: Told) -> None:
        most, pace = MOST_UNTOLD if wanted.size is None else wanted.size, Pace(time.monotonic())
        try:
            for piece in stream.pieces:
                position += len(piece)
                if position > most:
                    self._throw_away(file, told)
                    raise UpstreamError(f"sent more than the {most} bytes of {wanted.name}", code=WRONG)
                if wanted.size is None and self._library.room() < len(piece):
                    raise NoRoom
                file.write(piece)
                self._library.took(len(piece))
                told(len(piece))
                if pace.is_too_slow(len(piece), time.monotonic()):
                    raise UpstreamError(f"sends {wanted.name} too slowly", code=SLOW, retryable=True)
            file.flush()
        except OSError as error:
            if error.errno in NO_ROOM:
                raise NoRoom(FULL) from None
            raise
        if wanted.size is not None and position < wanted.size:
            raise UpstreamError(f"sent {position} of the {wanted.size} bytes of {wanted.name}", retryable=True)

    def _throw_away(self, file: BufferedRandom, told: Told) -> None:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.truncate()
        self._library.took(-size)
        told(-size)


def _check_kind(wanted: Wanted, stream: Stream) -> None:
    """Raises UpstreamError for what is a page, such as one of an outage, or is packed: no bytes of the file."""
    kind = stream.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind.endswith(PAGES):
        raise UpstreamError(f"sent {kind[:50]} instead of {wanted.name}", retryable=True)
    packed = stream.headers.get("Content-Encoding", "").strip().lower()
    if packed not in {"", "identity"}:
        raise UpstreamError(f"sent {wanted.name} packed as {packed[:20]!r}, which was not asked for", retryable=True)


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
    if wanted.md5:
        return "" if file_digest(file, "md5").hexdigest() == wanted.md5 else "its checksum was wrong"
    return "" if is_sound(file.read(LONGEST_START)) else "it was no sound file"


def is_sound(start: bytes) -> bool:
    """Whether a file that begins so may be MP3, MP4, Ogg or FLAC."""
    is_frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0
    return is_frame or start.startswith(STARTS) or start[4:8] == b"ftyp"
