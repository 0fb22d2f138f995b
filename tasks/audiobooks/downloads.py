"""What is queued, fetched into the library: resumable, checked, within the budget.

A row that is RUNNING belongs to the run that has set its `started_at`: whoever takes it over sets another one, and the
former then writes nothing more.
"""

import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError

from scheduling.exceptions import RetryLater
from scheduling.redact import plain
from tasks.audiobooks.catalogue import Catalogue, NotThere, catalogue
from tasks.audiobooks.conf import options
from tasks.audiobooks.fetching import WRONG, Fetcher, Wanted, is_whole
from tasks.audiobooks.library import Library, NoRoom, Place, file_of, folder_of
from tasks.audiobooks.models import Download, DownloadState, Edition, Part
from tasks.exceptions import DeadlineReached, TaskError, UpstreamError
from tasks.http import Deadline
from tasks.recording import WRITE_EVERY, Entry

MOST_ATTEMPTS = 6  # runs in which a download may fail
FIRST_PAUSE = timedelta(minutes=30)  # after the first of them; each further pause is twice as long
SHARE = 0.95  # of DOWNLOAD_TIMEOUT, after which the run hands back what it is at
UNDER_WAY = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.HELD)


class TakenOver(TaskError):
    """Another run has taken this download over, or somebody has taken it off the list."""


def queue(edition: Edition, why: str, *, now: datetime) -> Download | None:
    """Queue the recording; None if it is queued or here already, has failed before, or has no files."""
    if not edition.archive_id:
        return None
    told = {"why": plain(why)[:100], "queued_at": now}
    download, is_new = Download.objects.get_or_create(edition=edition, defaults=told)
    return download if is_new else None


def download_queued(entry: Entry, *, now: datetime) -> None:
    """Fetch all that is queued and due, one after the other; what was begun comes first."""
    configured = options()
    library = Library(configured.library_dir, budget=configured.library_budget, free=configured.library_free)
    sweep(library)
    release_held(library)
    keys = list(Download.objects.to_do(now).values_list("pk", flat=True))
    entry.expect(len(keys))
    if keys:
        deadline = Deadline(configured.download_timeout * SHARE)
        with closing(catalogue(deadline)) as source:
            _Run(entry, source, library, deadline, now).all(keys)


def sweep(library: Library) -> None:
    """Remove what was gathered of downloads that nobody goes on with."""
    gathered = library.gathered()
    wanted = Download.objects.filter(pk__in=gathered, state__in=UNDER_WAY).values_list("pk", flat=True)
    for key in set(gathered) - set(wanted):
        library.forget(key)


def release_held(library: Library) -> None:
    """Queue again what now has room, the oldest first."""
    held = Download.objects.filter(state=DownloadState.HELD).order_by("queued_at", "pk")
    if not held.exists():
        return
    room = library.room()
    for key, size, done in list(held.values_list("pk", "size", "done")):
        missing = max((size or 0) - done, 1)
        if missing <= room:
            room -= missing
            Download.objects.filter(pk=key, state=DownloadState.HELD).update(state=DownloadState.QUEUED, error="")


def claim(key: int, now: datetime) -> Download | None:
    """Take a download for the run that has begun at `now`; None if somebody was first."""
    download = Download.objects.select_related("edition__book__series").filter(pk=key).first()
    if download is None or download.state not in {DownloadState.QUEUED, DownloadState.RUNNING}:
        return None
    as_seen = Download.objects.filter(pk=key, state=download.state, started_at=download.started_at)
    if not as_seen.update(state=DownloadState.RUNNING, started_at=now, error="", retry_at=None):
        return None
    download.started_at = now
    return download


def place_of(edition: Edition) -> Place:
    """Where in the library it belongs, by what is known of its book now."""
    book = edition.book
    author = book.authors.order_by("pk").first()
    return Place(
        author=author.name if author else "",
        series=book.series.name if book.series else "",
        position=book.position,
        title=edition.title,
        archive_id=edition.archive_id,
    )


class _Run:
    """One run over what is queued."""

    def __init__(
        self,
        entry: Entry,
        source: Catalogue,
        library: Library,
        deadline: Deadline,
        now: datetime,
    ) -> None:
        self._entry = entry
        self._source = source
        self._library = library
        self._fetcher = Fetcher(source, library, deadline)
        self._began = now
        self._ticks = time.monotonic()
        self._told: Counter[str] = Counter()

    def all(self, keys: Collection[int]) -> None:
        try:
            for key in keys:
                if download := claim(key, self._now()):
                    with self._entry.item(str(download)):
                        self._one(download)
        except DeadlineReached:
            self._entry.log("The time of this run is used up; the next one goes on where it ends.")
        except RetryLater as pause:
            waiting = Download.objects.filter(state=DownloadState.QUEUED)
            waiting.update(retry_at=self._now() + pause.delay)  # or the next run of the schedule would ask before
            raise
        finally:
            self._entry.result = dict(self._told)

    def _one(self, download: Download) -> None:
        """Fetch and file a download; whatever happens, its row then says how it stands."""
        row = _Row(download)
        try:
            if not self._is_filed(download):
                self._gather(download, row)
                self._file(download, row)
            self._end(download, row)
        except TakenOver:
            raise
        except NoRoom as full:
            row.write(state=DownloadState.HELD, error=plain(str(full))[:500])
            raise
        except (TaskError, OSError, DatabaseError) as error:
            if not isinstance(error, DeadlineReached):
                self._try_later(download, row, error)
            raise
        finally:
            row.hand_back()

    def _gather(self, download: Download, row: "_Row") -> None:
        """Bring all files into the folder of what is on its way, each checked."""
        parts = list(download.parts.all()) or self._listed(download, row)
        folder = self._library.incoming(download.pk)
        names = _names_of(parts)
        progress = _Progress(row, self._entry, sum(found.stat().st_size for found in folder.iterdir()))
        self._check_room(download, progress.done)
        for part in parts:
            whole, wanted = folder / names[part.number], _wanted(download.edition, part)
            if not is_whole(wanted, whole):
                gathered = folder / f"{part.number}.part"
                size = self._fetcher.fetch(wanted, gathered, progress.add)
                gathered.replace(whole)
                part.size = size
            Part.objects.filter(pk=part.pk).update(is_whole=True, size=part.size or whole.stat().st_size)
        for found in set(folder.iterdir()) - {folder / name for name in names.values()}:
            found.unlink()

    def _listed(self, download: Download, row: "_Row") -> list[Part]:
        """The files that it consists of, asked for and kept."""
        edition = download.edition
        files = self._source.files(edition.archive_id)
        if not files:
            raise NotThere(f"The Internet Archive has no MP3 files in {edition.archive_id}", status=404)
        sizes = [file.size for file in files if file.size is not None]
        download.size = sum(sizes) if len(sizes) == len(files) else None
        row.write(size=download.size)
        return Part.objects.bulk_create(
            Part(download=download, number=number, name=file.name, title=file.title, size=file.size, md5=file.md5)
            for number, file in enumerate(files, 1)
        )

    def _check_room(self, download: Download, done: int) -> None:
        missing, room = max((download.size or 0) - done, 1), self._library.room()
        if missing > room:
            raise NoRoom(f"{_megabytes(missing)} are needed, and there is room for {_megabytes(max(room, 0))}.")

    def _file(self, download: Download, row: "_Row") -> None:
        """Move the folder to its place. Where that is, is written down first: an end in between loses nothing."""
        download.folder = self._library.choose(folder_of(place_of(download.edition)))
        row.write(folder=download.folder)
        self._library.move(download.pk, download.folder)

    def _is_filed(self, download: Download) -> bool:
        """Whether an earlier run had moved it to its place, and ended before it could say so."""
        if not download.folder:
            return False
        parts = list(download.parts.all())
        names, sizes = _names_of(parts), self._library.sizes(download.folder)
        return bool(parts) and sizes == {names[part.number]: part.size for part in parts}

    def _end(self, download: Download, row: "_Row") -> None:
        sizes = self._library.sizes(download.folder)
        size = sum(sizes.values())
        state = {"state": DownloadState.DONE, "finished_at": self._now(), "error": ""}
        row.write(**state, size=size, done=size, folder=download.folder)
        self._told.update({"downloaded": 1, "files": len(sizes), "bytes": size})
        self._entry.log(f"{download}: {len(sizes)} files, {_megabytes(size)}, in {download.folder}")

    def _try_later(self, download: Download, row: "_Row", error: Exception) -> None:
        """Queue it again after a pause, or give it up; what is not as described is described anew then."""
        attempts = download.attempts + 1
        is_over = attempts >= MOST_ATTEMPTS or isinstance(error, NotThere)
        retry_at = None if is_over else self._now() + FIRST_PAUSE * 2 ** (attempts - 1)
        state = DownloadState.FAILED if is_over else DownloadState.QUEUED
        told = plain(f"{error}" if isinstance(error, TaskError) else f"{type(error).__name__}: {error}")[:500]
        is_changed = isinstance(error, UpstreamError) and (error.code == WRONG or error.status == 404)
        anew: dict[str, Any] = {"done": 0, "size": None, "folder": ""} if is_over or is_changed else {}
        row.write(state=state, attempts=attempts, retry_at=retry_at, error=told, **anew)
        if anew:
            download.parts.all().delete()
            self._library.forget(download.pk)

    def _now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._ticks)


class _Row:
    """The row of a download as long as it is this run's."""

    def __init__(self, download: Download) -> None:
        self._mine = Download.objects.filter(
            pk=download.pk, state=DownloadState.RUNNING, started_at=download.started_at
        )

    def write(self, **fields: Any) -> None:
        """Raises TakenOver."""
        if not self._mine.update(**fields):
            raise TakenOver

    def hand_back(self) -> None:
        """If nothing else was said of it, it waits for the next run."""
        self._mine.update(state=DownloadState.QUEUED)


class _Progress:
    """How many bytes are there, written to the row once a second."""

    def __init__(self, row: _Row, entry: Entry, done: int) -> None:
        self.done = done
        self._row = row
        self._entry = entry
        self._written_at = 0.0

    def add(self, size: int) -> None:
        """Raises TakenOver, or Stopped if the run has been told to stop."""
        self.done += size
        if time.monotonic() - self._written_at >= WRITE_EVERY:
            self._written_at = time.monotonic()
            self._entry.check()
            self._row.write(done=self.done)


def _wanted(edition: Edition, part: Part) -> Wanted:
    return Wanted(edition.archive_id, part.name, part.size, part.md5)


def _names_of(parts: Collection[Part]) -> dict[int, str]:
    """The names of their files, by number."""
    return {part.number: file_of(part.number, part.title, part.name, len(parts)) for part in parts}


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
