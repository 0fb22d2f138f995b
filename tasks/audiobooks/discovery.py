"""What is new in the catalogue, and what is wanted most."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta

from django.db import transaction

from tasks.audiobooks import walks
from tasks.audiobooks.catalogue import Catalogue, Page, Ranked, catalogue
from tasks.audiobooks.conf import options
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.keep import hash_of, hashes_of, keep, seen
from tasks.audiobooks.models import Download, Edition, Genre, Rank, Walk
from tasks.audiobooks.titles import without_version
from tasks.exceptions import InvalidItem, PartsFailed, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry

WALK = "mam_scraping"
OVERLAP = timedelta(days=2)  # read again: the catalogue's date may be older than the moment at which it appears
RESUMED_WITHIN = timedelta(days=1)  # a walk of another run that was cut short longer ago begins anew
TIME = 5.5 * 3600  # seconds for one run, less than its job gives it
NO_GENRE = "No genre is enabled: enable those whose top ten you want, on the page of genres."


def find_new(entry: Entry, *, run: str, now: datetime) -> None:
    """Keep what was finished since two days before the last success; from where an attempt was cut short."""
    walk = _begun(run, now)
    since = walk.ended_at - OVERLAP if walk.ended_at else None
    told = Counter[str]()
    entry.log(f"Since {since:%Y-%m-%d %H:%M} UTC." if since else "All that there is: it is the first time.")
    if walk.position:
        entry.log(f"Goes on behind the first {walk.position}, where it was cut short.")
    with closing(catalogue(Deadline(TIME))) as source:
        try:
            for page in source.list_new(since, walk.position):
                told += _keep_page(entry, page, walk, now)
        finally:
            entry.result = dict(told)
    if told["failed"]:  # the catalogue does not tell of it again unless it is asked from as far back
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
    left = {genre.name for genre in genres}
    with closing(catalogue(Deadline(TIME))) as source:
        for genre in genres:
            with entry.item(genre.name):
                _rank(entry, source, genre, now)
                left.remove(genre.name)
    if left:
        raise PartsFailed(f"Not ranked, as the log tells: {', '.join(sorted(left))}")


def _begun(run: str, now: datetime) -> Walk:
    """The walk, at the place where this run begins; what is left of an old one of another run is forgotten."""
    walk, _ = Walk.objects.get_or_create(pk=WALK)
    is_young = walk.began_at is not None and now - walk.began_at < RESUMED_WITHIN
    if not (walk.run and (walk.run == run or is_young)):
        walk.position, walk.began_at = 0, now
    walk.run = run or WALK  # asked for outside any run, it can be cut short as well
    walk.save(update_fields=["run", "position", "began_at"])
    return walk


def _keep_page(entry: Entry, page: Page, walk: Walk, now: datetime) -> Counter[str]:
    """Keep a page together with where the walk is after it, so that an end in between does nothing twice."""
    hashes = hashes_of(page.recordings)
    same = [each for each in page.recordings if hashes.get(each.id) == hash_of(each)]
    told = Counter({"unchanged": len(same)})
    with transaction.atomic():
        seen(same, now)
        for recording in page.recordings:
            with entry.item(recording.title):
                if recording not in same:
                    keep(recording, now)
                    told["changed" if recording.id in hashes else "new"] += 1
        walk.position = page.next_offset or walk.position
        Walk.objects.filter(pk=WALK, run=walk.run).update(position=walk.position)
    told["failed"] = len(page.recordings) - told.total()
    _tell_unread(entry, page)
    return told


def _tell_unread(entry: Entry, page: Page) -> None:
    for line in page.unread:
        name, _, why = line.rpartition(": ")
        with entry.item(name):
            raise InvalidItem(why)


def _rank(entry: Entry, source: Catalogue, genre: Genre, now: datetime) -> None:
    top = options().top_books
    listed = source.top(genre.subject or genre.name.lower(), top)
    editions = _editions_of(entry, source, listed, now)
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


def _editions_of(entry: Entry, source: Catalogue, listed: Sequence[Ranked], now: datetime) -> dict[str, Edition]:
    """The recordings by their items; those that are not here yet are looked for in the catalogue."""
    items = [each.archive_id for each in listed]
    known = {edition.archive_id: edition for edition in Edition.objects.filter(archive_id__in=items)}
    for each in listed:
        if each.archive_id not in known and (edition := _looked_up(entry, source, each, now)):
            known[each.archive_id] = edition
    return known


def _looked_up(entry: Entry, source: Catalogue, wanted: Ranked, now: datetime) -> Edition | None:
    """The catalogue's recording that has the files of a ranked item; None if it has none, or does not answer."""
    try:
        found = source.search(without_version(wanted.title), last_name_of(wanted.author))
    except UpstreamError as error:
        entry.log(f"{wanted.title} is ranked, and cannot be looked up: {error}")
        return None
    return next((keep(each, now) for each in found if each.archive_id == wanted.archive_id), None)


def last_name_of(author: str) -> str:
    """ "Writer" of "A. Writer" and of "Writer, A."; empty for nobody."""
    return author.partition(",")[0].rpartition(" ")[2] if author else ""


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
    """Queue it, unless some recording of the book is here or on its way."""
    if Download.objects.filter(edition__book=edition.book_id).exists():
        return False
    return queue(edition, why, now=now) is not None
