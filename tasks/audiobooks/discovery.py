"""What is new in the catalogue, and what is wanted most."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta

from django.db import transaction

from tasks.audiobooks import walks
from tasks.audiobooks.catalogue import Catalogue, Page, Ranked, Recording, catalogue
from tasks.audiobooks.conf import options
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.keep import hash_of, hashes_of, keep, seen
from tasks.audiobooks.models import Download, DownloadState, Edition, Genre, Rank, Walk
from tasks.audiobooks.patience import patience
from tasks.audiobooks.streaks import Streak
from tasks.audiobooks.titles import last_name, without_version
from tasks.exceptions import InvalidItem, PartsFailed, UpstreamError
from tasks.recording import Entry

WALK = "mam_scraping"
OVERLAP = timedelta(days=2)  # read again: the catalogue's date may be older than the moment at which it appears
KEPT = timedelta(weeks=53)  # how long ranks are
NO_GENRE = "No genre is enabled: enable those whose top ten you want, on the page of genres."


def find_new(entry: Entry, *, run: str, now: datetime) -> None:
    """Keep what was finished since two days before the last success; from where an attempt was cut short."""
    walk = walks.begin(WALK, run, now, goes_round=False)
    since = walk.ended_at - OVERLAP if walk.ended_at else None
    told, lost = Counter[str](), False
    entry.log(f"Since {since:%Y-%m-%d %H:%M} UTC." if since else "All that there is: it is the first time.")
    if walk.position:
        entry.log(f"Goes on behind the first {walk.position}, where it was cut short.")
    with closing(catalogue(patience())) as source:
        try:
            told += _ask_again(entry, source, walk, now)
            for page in source.list_new(since, walk.position):
                counts, is_whole = _keep_page(entry, page, walk, now)
                told, lost = told + counts, lost or not is_whole
        finally:
            entry.result = dict(told)
    if lost:  # the catalogue does not tell of it again unless it is asked from as far back
        entry.log(f"More than {walks.MOST_LEFT} recordings could not be kept: all are asked for again the next time.")
        Walk.objects.filter(pk=WALK).update(run="", position=0)
    else:
        walks.arrive(walk)
    entry.log(", ".join(f"{number} {name}" for name, number in told.items()) or "Nothing new.")


def find_top(entry: Entry, *, now: datetime) -> None:
    """Rank what is fetched most of each enabled genre, and queue what is not here; one genre spoils no other."""
    genres = list(Genre.objects.filter(is_enabled=True))
    if not genres:
        entry.log(NO_GENRE)
    entry.expect(len(genres))
    Rank.objects.filter(day__lt=now.date() - KEPT).delete()
    left = {genre.name for genre in genres}
    with closing(catalogue(patience())) as source:
        look_up = _LookUp(entry, source, now)
        for genre in genres:
            with entry.item(genre.name):
                missed = look_up.missed
                _rank(entry, source, genre, look_up, now)
                if look_up.missed == missed:
                    left.remove(genre.name)
    if left:
        raise PartsFailed(f"Not ranked, or not wholly, as the log tells: {', '.join(sorted(left))}")


def _ask_again(entry: Entry, source: Catalogue, walk: Walk, now: datetime) -> Counter[str]:
    """Ask for the recordings that could not be kept the last time; while the catalogue is out, later."""
    told, streak, is_out = Counter[str](), Streak(), False
    for number in list(walk.left):
        if is_out:
            break
        told["failed"] += 1
        with entry.item(f"recording {number}"):
            try:
                recording = source.detail(number)
            except UpstreamError as error:
                is_out = streak.is_out_after(0, error)
                raise
            streak.end()
            if recording:
                keep(recording, now)
            walks.settle(walk, number)
            told["failed"] -= 1
            told["kept at last" if recording else "gone"] += 1
    return +told


def _keep_page(entry: Entry, page: Page, walk: Walk, now: datetime) -> tuple[Counter[str], bool]:
    """Keep a page together with where the walk is after it, so that an end in between does nothing twice.

    What could not be kept is asked for again the next time; False if that was too much.
    """
    hashes = hashes_of(page.recordings)
    same = [each for each in page.recordings if hashes.get(each.id) == hash_of(each)]
    told, failed = Counter({"unchanged": len(same)}), {each.id for each in page.recordings if each not in same}
    with transaction.atomic():
        seen(same, now)
        for recording in page.recordings:
            with entry.item(recording.title):
                if recording not in same:
                    keep(recording, now)
                    failed.remove(recording.id)
                    walks.settle(walk, recording.id)
                    told["changed" if recording.id in hashes else "new"] += 1
        walk.position = page.next_offset or walk.position
        Walk.objects.filter(pk=WALK, run=walk.run).update(position=walk.position)
        kept = [walks.leave(walk, number) for number in sorted(failed)]
    told["failed"] = len(failed)
    _tell_unread(entry, page)
    return told, all(kept)


def _tell_unread(entry: Entry, page: Page) -> None:
    for line in page.unread:
        name, _, why = line.rpartition(": ")
        with entry.item(name):
            raise InvalidItem(why)


class _LookUp:
    """Looks for ranked items in the catalogue in the time of one run, until it is out."""

    def __init__(self, entry: Entry, source: Catalogue, now: datetime) -> None:
        self.missed = 0  # items that may be there, had it answered
        self._entry = entry
        self._source = source
        self._now = now
        self._streak = Streak()
        self._is_out = False

    def edition(self, wanted: Ranked) -> Edition | None:
        """The catalogue's recording that has the files of a ranked item; None if it has none, or does not answer."""
        found = self._found(wanted)
        return next((keep(each, self._now) for each in found if each.archive_id == wanted.archive_id), None)

    def _found(self, wanted: Ranked) -> list[Recording]:
        if self._is_out:
            self.missed += 1
            return []
        try:
            found = self._source.search(without_version(wanted.title), last_name(wanted.author))
        except UpstreamError as error:
            self._entry.log(f"{wanted.title} is ranked, and cannot be looked up: {error}")
            self.missed += error.retryable
            self._is_out = self._streak.is_out_after(wanted.place, error)
            if self._is_out:
                self._entry.log("Nothing more is looked up in this attempt.")
            return []
        self._streak.end()
        return found


def _rank(entry: Entry, source: Catalogue, genre: Genre, look_up: _LookUp, now: datetime) -> None:
    top = options().top_books
    listed = source.top(genre.subject or genre.name.lower(), top)
    editions = _editions_of(listed, look_up)
    with transaction.atomic():
        Rank.objects.filter(genre=genre, day=now.date()).delete()
        Rank.objects.bulk_create(_row(genre, each, editions.get(each.archive_id), now) for each in listed)
        for edition in editions.values():
            downloads = next(each.downloads for each in listed if each.archive_id == edition.archive_id)
            Edition.objects.filter(pk=edition.pk).exclude(downloads=downloads).update(downloads=downloads)
        Genre.objects.filter(pk=genre.pk).update(ranked_at=now)
    why = f"Top {'ten' if top == 10 else top} of {genre.name}"
    queued = [edition.title for edition in editions.values() if _queue_new(edition, why, now)]
    entry.log("; ".join([f"{genre.name}: {len(listed)} ranked, {len(queued)} queued", *queued]))
    if not listed:
        entry.log(f"The source has nothing of {genre.name}: perhaps it calls the subject otherwise; see its page.")


def _editions_of(listed: Sequence[Ranked], look_up: _LookUp) -> dict[str, Edition]:
    """The recordings by their items; those that are not here yet are looked for in the catalogue."""
    items = [each.archive_id for each in listed]
    known = {edition.archive_id: edition for edition in Edition.objects.filter(archive_id__in=items)}
    for each in listed:
        if each.archive_id not in known and (edition := look_up.edition(each)):
            known[each.archive_id] = edition
    return known


def _row(genre: Genre, listed: Ranked, edition: Edition | None, now: datetime) -> Rank:
    return Rank(
        genre=genre,
        day=now.date(),
        place=listed.place,
        edition=edition,
        archive_id=listed.archive_id,
        title=listed.title,
        downloads=listed.downloads,
    )


def _queue_new(edition: Edition, why: str, now: datetime) -> bool:
    """Queue it, unless some recording of the book is here, on its way, or was taken off; one given up is none."""
    if Download.objects.filter(edition__book=edition.book_id).exclude(state=DownloadState.FAILED).exists():
        return False
    return queue(edition, why, now=now) is not None
