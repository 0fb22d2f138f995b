"""The pictures of covers, on the disk below LIBRARY_DIR: each is fetched once, and called by a hash of its address.

They are asked for at the hosts that are known to have covers, and nowhere else: the addresses come from outside.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from scheduling.exceptions import RetryLater
from tasks.audiobooks.conf import Options, options
from tasks.audiobooks.models import Book
from tasks.audiobooks.patience import Patience
from tasks.audiobooks.telling import rate
from tasks.exceptions import UpstreamError
from tasks.files import image_size, replacing
from tasks.http import Client, Stream
from tasks.recording import Entry

FOLDER = ".covers"
COVER_LIMIT = 3_000_000  # bytes
MOST_PIXELS = 50_000_000  # a few bytes can stand for a picture that no browser has room for
LONGEST_COVER = 60.0  # seconds in which one must have come
OUT_AFTER = 3  # covers in a row that cannot be had
HOSTS = (  # beside those of the settings
    *("covers.openlibrary.org", ".archive.org", "books.google.com", "books.googleusercontent.com"),
    *("m.media-amazon.com", "images-na.ssl-images-amazon.com"),
)


def cover_file(book: Book) -> Path:
    """Where the picture of the book is, if it is there."""
    return _file(options(), book.cover_url)


class Covers:
    """Fetches covers in the time of one run, until three in a row cannot be had."""

    def __init__(self, options: Options, time: Patience, entry: Entry, now: datetime) -> None:
        self.fetched = 0
        self._options = options
        self._entry = entry
        self._now = now
        self._time = time
        self._failed = 0  # in a row
        self._own = {urlsplit(url).hostname or "" for url in (options.covers_url, options.archive_url)}
        self._own |= {urlsplit(options.librivox_url).hostname or ""}
        self._hosts = (*self._own, *options.archive_hosts, *HOSTS)
        self._client = Client(
            "covers",
            options.covers_url,
            headers={"User-Agent": options.user_agent},
            rate=rate(options),
            deadline=time,
        )

    def close(self) -> None:
        self._client.close()

    def fetch(self, book: Book) -> None:
        """Have the picture of the book on the disk, if there is one; a failure is told, and costs nothing else."""
        if not book.cover_url or self._failed >= OUT_AFTER or (book.cover_at and cover_file(book).exists()):
            return
        try:
            self._fetch(book.cover_url)
        except (UpstreamError, RetryLater, OSError) as error:
            self._tell(book, error)
            return
        self._failed = 0
        Book.objects.filter(pk=book.pk, cover_url=book.cover_url).update(cover_at=self._now)

    def drop(self, cover_url: str, *, unless: str) -> None:
        """Remove a picture that no book has any more; `unless` that is the address of the book's present one."""
        if cover_url and cover_url != unless and not Book.objects.filter(cover_url=cover_url).exists():
            _file(self._options, cover_url).unlink(missing_ok=True)

    def _fetch(self, url: str) -> None:
        file = _file(self._options, url)
        if file.exists():
            return
        self._check(url)
        with self._time.within(LONGEST_COVER), self._client.stream(url, hosts=self._hosts) as answer:
            content = _picture(answer)
        with replacing(file) as picture:
            picture.write(content)
        self.fetched += 1

    def _check(self, url: str) -> None:
        """Raise UpstreamError for an address that is not to be asked."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise UpstreamError("the address of the cover is none") from None
        known = any(host == name or (name.startswith(".") and host.endswith(name)) for name in self._hosts)
        if not known or parts.username or parts.scheme not in {"https", *(("http",) if host in self._own else ())}:
            raise UpstreamError(f"covers are not asked for at {parts.scheme[:10]}://{host[:100]}")

    def _tell(self, book: Book, error: UpstreamError | RetryLater | OSError) -> None:
        self._entry.log(f"{book}: no cover: {error}")
        if isinstance(error, RetryLater):
            self._failed = OUT_AFTER
        elif isinstance(error, OSError) or error.retryable:
            self._failed += 1
        if self._failed >= OUT_AFTER:
            self._entry.log("No more covers are asked for in this attempt.")


def _picture(answer: Stream) -> bytes:
    content = bytearray()
    for piece in answer.pieces:
        content += piece
        if len(content) > COVER_LIMIT:
            raise UpstreamError(f"sent a cover of more than {COVER_LIMIT} bytes")
    size = image_size(bytes(content))
    if size is None:
        raise UpstreamError("sent something else than a picture")
    if size[0] * size[1] > MOST_PIXELS:
        raise UpstreamError(f"sent a cover of {size[0]} x {size[1]} pixels")
    return bytes(content)


def _file(options: Options, cover_url: str) -> Path:
    name = sha256(cover_url.encode()).hexdigest()
    return options.library_dir / FOLDER / name[:2] / name
