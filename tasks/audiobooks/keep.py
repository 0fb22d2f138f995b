"""Recordings of a catalogue into rows: editions of books, which are found again by title and author.

Of what is told of a book, the catalogue's first word stays, and so does what another source has told before it.
Title and authors are the catalogue's own.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

from tasks.audiobooks.catalogue import Person, Recording
from tasks.audiobooks.models import LIBRIVOX, Author, Book, Edition, Genre
from tasks.audiobooks.sanitise import clean
from tasks.audiobooks.titles import name_key, same_work, subtitle, title_key, without_version

MOST_ALIKE = 50  # books of one title that are looked at
WRITTEN = ("title", "key", "description", "language", "first_published", "cover_url", "cover_at", "told_by")


def hash_of(recording: Recording) -> str:
    """The same as long as the catalogue says the same."""
    return sha256(json.dumps(asdict(recording), sort_keys=True).encode()).hexdigest()


def hashes_of(recordings: Sequence[Recording]) -> dict[str, str]:
    """What was kept of these, by their ids; those that are not known are left out."""
    if not recordings:
        return {}
    rows = Edition.objects.filter(source=recordings[0].source, source_id__in=[each.id for each in recordings])
    return dict(rows.values_list("source_id", "content_hash"))


def seen(recordings: Collection[Recording], now: datetime) -> None:
    """The catalogue has told of these, and nothing in them is new."""
    for source in {recording.source for recording in recordings}:
        Edition.objects.filter(source=source, source_id__in=[each.id for each in recordings]).update(seen_at=now)


@transaction.atomic
def keep(recording: Recording, now: datetime) -> Edition:
    """Write a recording, and what it tells of its book; a new book if there is none of that title and author."""
    authors = [_author(person) for person in recording.authors]
    edition = Edition.objects.filter(source=recording.source, source_id=recording.id).first()
    found = edition.book_id if edition else _book_of(recording, authors)
    book = Book.objects.select_for_update().get(pk=found) if found else Book(added_at=now)
    is_main = book.pk is None or (edition is not None and not _older_editions(edition).exists())
    is_new = book.pk is None
    _tell(book, recording, is_main=is_main)
    if is_new:
        book.authors.add(*authors)
    elif is_main:
        book.authors.set(authors)
    _set_genres(book, recording.genres, replaces=is_main and not is_new)
    return _edition(edition, book, recording, now)


def _author(person: Person) -> Author:
    """The one of that id; else one of that name and those dates of whom no id is known; else a new one."""
    told = {
        "name": person.name,
        "key": name_key(person.name),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "born": person.born,
        "died": person.died,
    }
    row = Author.objects.filter(librivox_id=person.id).first()
    if row is None:
        row = _author_of_name(told)
    if row is None:
        return Author.objects.get_or_create(librivox_id=person.id, defaults=told)[0]
    changed = {name: value for name, value in {**told, "librivox_id": person.id}.items() if value}
    changed = {name: value for name, value in changed.items() if getattr(row, name) != value}
    if changed:
        Author.objects.filter(pk=row.pk).update(**changed)
    return row


def _author_of_name(told: Mapping[str, str]) -> Author | None:
    for row in Author.objects.filter(key=told["key"], librivox_id=None).order_by("pk")[:50]:
        if all(told[date] in {"", getattr(row, date)} or not getattr(row, date) for date in ("born", "died")):
            return row
    return None


def _book_of(recording: Recording, authors: Collection[Author]) -> int | None:
    """The key of the book that this is one more recording of."""
    key = title_key(recording.title)
    if not key:
        return None
    same = Book.objects.filter(key=key)
    same = same.filter(authors__in=authors) if authors else same.filter(authors=None)
    keys = same.order_by("pk").values_list("pk", flat=True)[:MOST_ALIKE]
    if not subtitle(recording.title):
        return keys.first()
    return next((pk for pk in keys if all(same_work(title, recording.title) for title in _titles(pk))), None)


def _titles(book: int) -> list[str]:
    return list(Edition.objects.filter(book=book).values_list("title", flat=True))


def _older_editions(edition: Edition) -> Any:
    return Edition.objects.filter(book=edition.book_id, pk__lt=edition.pk)


def _tell(book: Book, recording: Recording, *, is_main: bool) -> None:
    """Write what the recording says of the book. The first one's word counts; others fill in what is missing."""
    told = {
        "title": without_version(recording.title),
        "description": clean(recording.description),
        "language": recording.language,
        "first_published": recording.first_published,
        "cover_url": recording.cover_url,
    }
    before = book.cover_url
    for name, value in told.items():
        by = book.told_by.get(name)
        may = by in {None, LIBRIVOX} or name == "title"
        if value and may and (is_main or not getattr(book, name)):
            setattr(book, name, value)
            book.told_by = {**book.told_by, name: LIBRIVOX}
    if is_main:
        book.key = title_key(recording.title)
        book.told_by = {**book.told_by, "authors": LIBRIVOX}
    if book.cover_url != before:
        book.cover_at = None  # the picture that is here is another
    book.save(update_fields=None if book.pk is None else WRITTEN)


def _set_genres(book: Book, names: Collection[str], *, replaces: bool) -> None:
    known = {genre.name: genre for genre in Genre.objects.filter(name__in=names)}
    genres = [known.get(name) or Genre.objects.get_or_create(name=name)[0] for name in names]
    if replaces and genres and book.told_by.get("genres") in {None, LIBRIVOX}:
        book.genres.set(genres)
    elif genres:
        book.genres.add(*genres)


def _edition(row: Edition | None, book: Book, recording: Recording, now: datetime) -> Edition:
    told: dict[str, Any] = {
        "title": recording.title,
        "archive_id": recording.archive_id,
        "language": recording.language,
        "readers": list(recording.readers),
        "sections": recording.sections,
        "seconds": recording.seconds,
        "url": recording.url,
        "content_hash": hash_of(recording),
        "seen_at": now,
    }
    if row is None:
        of = {"source": recording.source, "source_id": recording.id}
        return Edition.objects.create(book=book, **of, **told)
    for name, value in told.items():
        setattr(row, name, value)
    row.save(update_fields=told)
    return row
