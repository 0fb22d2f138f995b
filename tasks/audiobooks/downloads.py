"""What is queued, fetched into the library: resumable, checked, within the budget.

What is not there, or never as described, is given up after some attempts; a service or a disk that fails only puts
downloads off, and fails the run.
"""

import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, transaction
from django.db.models import F, Q

from scheduling.exceptions import RetryLater
from scheduling.redact import plain
from tasks.audiobooks import gaps
from tasks.audiobooks.catalogue import Catalogue, NotThere, catalogue
from tasks.audiobooks.claims import Row, TakenOver, claim
from tasks.audiobooks.conf import options
from tasks.audiobooks.fetching import WRONG, Fetcher
from tasks.audiobooks.fullness import count_used, is_count_old
from tasks.audiobooks.gathering import Gatherer, names_of
from tasks.audiobooks.library import FULL, NO_ROOM, Library, NoRoom, NotSafe, Place, folder_of
from tasks.audiobooks.models import Download, DownloadState, Edition
from tasks.audiobooks.streaks import REFUSED, Streak
from tasks.exceptions import AbortRun, DeadlineReached, TaskError, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry

MOST_ATTEMPTS = 6  # runs in which a download may fail by its own fault
FIRST_PAUSE = timedelta(minutes=30)  # after a failure; each further pause is twice as long
LONGEST_PAUSE = timedelta(hours=16)
SHARE = 0.95  # of DOWNLOAD_TIMEOUT, after which the run hands back what it is at
LONG = 0.5  # of that; what takes longer and does not come to its end has used up the run
AT_LEAST = 10_000_000  # bytes that are missing of what was held and tells of no size
GOES_ON = "Nothing is given up by that: the next run goes on where this one ends."
UNDER_WAY = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.HELD)


class Outage(AbortRun):
    """A service, or the disk, fails for all alike; the rest is left for the next run."""


def queue(edition: Edition, why: str, *, now: datetime) -> Download | None:
    """Queue the recording; None if it is queued or here already, has failed before, or has no files."""
    if not edition.archive_id:
        return None
    told = {"why": plain(why)[:100], "queued_at": now}
    download, is_new = Download.objects.get_or_create(edition=edition, defaults=told)
    if not is_new:
        return None
    gaps.follow(edition)
    return download


def download_queued(entry: Entry, *, now: datetime) -> None:
    """Fetch all that is queued and due, one after the other; what was begun comes first.

    Raises Outage if a service, or the disk, fails for all alike; or RetryLater.
    """
    folder = options().library_dir
    try:
        _download(entry, now)
    except OSError as error:
        raise Outage(f"{disk_words(folder, error)} {GOES_ON}") from error


def _download(entry: Entry, now: datetime) -> None:
    configured = options()
    library = Library(configured.library_dir, budget=configured.library_budget, free=configured.library_free)
    sweep(library)
    release_held(library)
    keys = list(Download.objects.to_do(now).values_list("pk", flat=True))
    entry.expect(len(keys))
    if keys or is_count_old(now):
        count_used(library, now)
    if keys:
        seconds = configured.download_timeout * SHARE
        deadline = Deadline(seconds)
        with closing(catalogue(deadline)) as source:
            _Run(entry, source, library, seconds, deadline, now).all(keys)


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
        self, entry: Entry, source: Catalogue, library: Library, seconds: float, deadline: Deadline, now: datetime
    ) -> None:
        self._entry = entry
        self._library = library
        self._gatherer = Gatherer(entry, source, library, Fetcher(source, library, deadline))
        self._long = timedelta(seconds=seconds * LONG)
        self._began = now
        self._ticks = time.monotonic()
        self._told: Counter[str] = Counter()
        self._streak = Streak()
        self._refused: list[int] = []  # downloads of this streak that count a refusal as their own fault

    def all(self, keys: Collection[int]) -> None:
        """Raises Outage, or RetryLater."""
        try:
            for key in keys:
                if download := claim(key, self._now()):
                    with self._entry.item(str(download)):
                        self._one(download)
                    count_used(self._library, self._now())
        except DeadlineReached:
            self._entry.log("The time of this run is used up; the next one goes on where it ends.")
            count_used(self._library, self._now())
        except RetryLater as pause:
            self._pause_all(self._now() + pause.delay)
            raise
        finally:
            self._entry.result = dict(self._told)

    def _one(self, download: Download) -> None:
        """Fetch and file a download; whatever happens, its row then says how it stands."""
        row = Row(download)
        try:
            if not self._is_filed(download):
                self._gatherer.gather(download, row)
                self._file(download, row)
            self._end(download, row)
        except (TakenOver, AbortRun) as error:
            if isinstance(error, DeadlineReached):
                self._used_up(download, row)
            raise
        except (TaskError, OSError, DatabaseError) as error:
            if full := as_no_room(error):
                self._hold(download, row, full)
                raise full from None
            self._try_later(download, row, error)
            self._end_if_out(download, error)
            raise
        finally:
            row.hand_back()

    def _file(self, download: Download, row: Row) -> None:
        """Move the folder to its place. Where that is, is written down first: an end in between loses nothing."""
        download.folder = self._library.choose(folder_of(place_of(download.edition)))
        row.write(folder=download.folder)
        self._library.move(download.pk, download.folder)

    def _is_filed(self, download: Download) -> bool:
        """Whether an earlier run had moved it to its place, and ended before it could say so."""
        if not download.folder:
            return False
        parts = list(download.parts.all())
        names, sizes = names_of(parts), self._library.sizes(download.folder)
        return bool(parts) and sizes == {names[part.number]: part.size for part in parts}

    def _end(self, download: Download, row: Row) -> None:
        sizes = self._library.sizes(download.folder)
        size = sum(sizes.values())
        state = {"state": DownloadState.DONE, "finished_at": self._now(), "error": "", "delays": 0}
        with transaction.atomic():
            row.write(**state, size=size, done=size, folder=download.folder)
            gaps.follow(download.edition)
        self._streak.end()
        self._refused.clear()
        self._told.update({"downloaded": 1, "files": len(sizes), "bytes": size})
        self._entry.log(f"{download}: {len(sizes)} files, {_megabytes(size)}, in {download.folder}")

    def _used_up(self, download: Download, row: Row) -> None:
        """What takes most of a run stands behind the others in the next one."""
        if download.started_at and self._now() - download.started_at >= self._long:
            row.write(delays=download.delays + 1)

    def _hold(self, download: Download, row: Row, full: NoRoom) -> None:
        """Until there is room for what is missing, as far as that is known."""
        done = self._library.gathered_bytes(download.pk)
        size = download.size or done + (full.needed or max(done, AT_LEAST))
        row.write(state=DownloadState.HELD, error=plain(str(full))[:500], done=done, size=size)

    def _try_later(self, download: Download, row: Row, error: Exception) -> None:
        """Queue it again after a pause; or give it up, if that was its own fault, and too often."""
        told = plain(f"{error}" if isinstance(error, TaskError) else f"{type(error).__name__}: {error}")[:500]
        is_own = is_of_its_own(error)
        attempts, delays = download.attempts + is_own, download.delays + (not is_own)
        if isinstance(error, NotThere) or attempts >= MOST_ATTEMPTS:
            self._give_up(download, row, attempts, told)
            return
        pause = min(FIRST_PAUSE * 2 ** ((attempts if is_own else min(delays, MOST_ATTEMPTS)) - 1), LONGEST_PAUSE)
        is_changed = isinstance(error, UpstreamError) and (error.code == WRONG or error.status == 404)
        counted = {"attempts": attempts, "delays": delays, "is_stale": download.is_stale or is_changed}
        row.write(state=DownloadState.QUEUED, **counted, retry_at=self._now() + pause, error=told)
        if is_changed:
            self._library.drop_parts(download.pk)

    def _give_up(self, download: Download, row: Row, attempts: int, told: str) -> None:
        state = {"state": DownloadState.FAILED, "attempts": attempts, "retry_at": None, "finished_at": self._now()}
        with transaction.atomic():
            row.write(**state, error=told, done=0, size=None, folder="")
            download.parts.all().delete()
            gaps.follow(download.edition)
        self._library.forget(download.pk)

    def _end_if_out(self, download: Download, error: Exception) -> None:
        """Raises Outage when one after the other fails by what is not its own fault."""
        status = error.status if isinstance(error, UpstreamError) and not isinstance(error, NotThere) else None
        failure = UpstreamError(str(error), retryable=not is_of_its_own(error), status=status)
        if status in REFUSED:
            self._refused.append(download.pk)
        if not self._streak.is_out_after(download.pk, failure):
            return
        refused = Download.objects.filter(pk__in=self._refused, state=DownloadState.QUEUED, attempts__gt=0)
        refused.update(attempts=F("attempts") - 1)
        raise Outage(f"{self._cause(error)} {GOES_ON}") from error

    def _cause(self, error: Exception) -> str:
        if isinstance(error, (OSError, NotSafe)):
            return disk_words(self._library.folder, error)
        return f"{error}, for one download after the other."

    def _pause_all(self, until: datetime) -> None:
        """Or the next run of the schedule would ask before; a longer pause stays."""
        waiting = Download.objects.filter(state=DownloadState.QUEUED)
        waiting.filter(Q(retry_at=None) | Q(retry_at__lt=until)).update(retry_at=until)

    def _now(self) -> datetime:
        return self._began + timedelta(seconds=time.monotonic() - self._ticks)


def is_of_its_own(error: Exception) -> bool:
    """Whether a download has failed by what it is: not there, refused for long, or never as described.

    A service that fails, or leads elsewhere, and a disk are nothing of its own.
    """
    if not isinstance(error, UpstreamError) or error.retryable:
        return False
    return error.status is None or error.status >= 400


def as_no_room(error: Exception) -> NoRoom | None:
    """An error that says that there is no room, whoever has found that out."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return NoRoom(FULL)
    return error if isinstance(error, NoRoom) else None


def disk_words(folder: Path, error: Exception) -> str:
    return f"LIBRARY_DIR {folder} cannot be written: {error}. See that the disk is there, and who may write to it."


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
