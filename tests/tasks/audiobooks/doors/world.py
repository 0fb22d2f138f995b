"""A library as it is after some months: sixty books with covers, series with gaps, downloads in every state, ranks."""

from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

from django.utils import timezone

from tasks.audiobooks.covers import cover_file
from tasks.audiobooks.models import Author, Book, Download, Edition, Genre, Part, Rank, Series, Told
from tests.tasks.audiobooks.doors.conftest import (
    make_author,
    make_book,
    make_download,
    make_edition,
    make_gap,
    make_genre,
    make_series,
    make_usage,
    picture,
)

NOUNS = (
    "Tides",
    "Salt",
    "Lantern",
    "Harbour",
    "Orchard",
    "Cinder",
    "Heron",
    "Meridian",
    "Thistle",
    "Granite",
    "Ember",
    "Willow",
)
SHAPES = ("The {} of {}", "{} and {}", "A {} in {}", "Beyond the {}: a Tale of {} and what came of it", "{}, {}")
PEOPLE = ("Ada Marlow", "Quentin Ashe", "Ines Vidal y Montcada de la Torre", "Björn Æsir", "W. W. Crabtree", "杜月")
GENRES = ("Nautical & Marine Fiction", "Detective Fiction", "Poetry", "Science Fiction", "Travel & Geography")
SERIES = ("Salt Coast", "The Lantern Chronicles", "Heron House", "Meridian", "Notes from a Small Harbour")
SERIES_TOO = ("Granite", "The Extraordinarily Long Annals of the Thistle Orchard and its Keepers", "Ember")
MB = 1_000_000
STATES = ("done", "running", "queued", "failed", "held", "done", "done", "")


def build() -> list[Book]:
    """The latest book first."""
    random, now = Random(6), timezone.now()  # noqa: S311
    authors = [make_author(name, last_name=name.split()[-1], born="1851", died="1919") for name in PEOPLE]
    genres = [make_genre(name, is_enabled=place < 4, ranked_at=now) for place, name in enumerate(GENRES)]
    shelf = [_book(random, number, authors, genres, now) for number in range(60)]
    for place, name in enumerate((*SERIES, *SERIES_TOO)):
        _series(name, shelf[place * 5 : place * 5 + 5], place, authors[place % len(authors)], now)
    editions = list(Edition.objects.order_by("pk"))
    for number, edition in enumerate(editions):
        if state := STATES[number % len(STATES)]:
            _download(random, state, edition, now, number)
    make_usage(sum(Download.objects.values_list("done", flat=True)))
    for genre in genres[:4]:
        _rank(random, genre, editions, now)
    return shelf


def _book(random: Random, number: int, authors: list[Author], genres: list[Genre], now: Any) -> Book:
    title = random.choice(SHAPES).format(*random.sample(NOUNS, 2))
    told = {"description": "openlibrary", "publisher": "google", "language": "librivox", "isbn": "openlibrary"}
    book = make_book(
        title,
        *random.sample(authors, 1 + (number % 9 == 0)),
        added_at=now - timedelta(hours=7 * number),
        description="<p>A town, a tide, and <em>what the sea kept</em> of both.</p><p>First printed in 1897.</p>" * 3,
        publisher="Ashe & Daughters",
        language="English",
        isbn="9780000000000",
        first_published="1897",
        rating=4.2,
        openlibrary_key=f"OL{number}W",
        told_by=told,
        refreshed_at=now,
    )
    book.genres.set(random.sample(genres, 2))
    for source, found in (("openlibrary", True), ("google", True), ("audnexus", False)):
        Told.objects.create(book=book, source=source, found=found, fetched_at=now - timedelta(days=3))
    if number % 4:
        size = [(40, 60), (50, 50), (30, 40)][number % 3]
        colour = (random.randint(40, 210), random.randint(40, 210), random.randint(40, 210))
        book.cover_url, book.cover_at = f"https://covers.example/{number}.png", now
        book.save(update_fields=["cover_url", "cover_at"])
        cover_file(book).parent.mkdir(parents=True, exist_ok=True)
        cover_file(book).write_bytes(picture(colour, size))
    make_edition(book, title=title, readers=["Ruth Golding", "Mil Nicholson"], seconds=22_360, sections=12,
                 url="https://catalogue.example/tides/", language="English", downloads=91_822)  # fmt: skip
    return book


def _series(name: str, shelf: list[Book], place: int, author: Author, now: Any) -> Series:
    series = make_series(name, completed_at=now)
    for number, book in enumerate(shelf, 1):
        Book.objects.filter(pk=book.pk).update(series=series, position=str(number))
        make_gap(series, str(number), "owned", book=book, title=book.title, work_key=book.openlibrary_key)
    for number, state in enumerate(("missing", "found", "queued", "ignored", "missing")[: place % 6], len(shelf) + 1):
        edition = make_edition(make_book(f"Found {name} {number}", added_at=now - timedelta(days=90)))
        make_gap(series, str(number), state, edition=None if state == "missing" else edition)
    make_gap(series, "2.5", "missing", title=f"{name}: a Novella")
    make_gap(series, "", "missing", title=f"A {name} Companion")
    for state, title in (("owned", "Early Letters"), ("missing", "Late Letters")):
        make_gap(author, "", state, title=f"{title}, {place}")
    type(author).objects.filter(pk=author.pk).update(completed_at=now)
    return series


def _download(random: Random, state: str, edition: Edition, now: Any, number: int) -> Download:
    size = random.randint(80, 900) * MB
    share = {"done": 1.0, "running": 0.42, "failed": 0.3, "held": 0.0, "queued": 0.0}[state]
    errors = {
        "failed": "The file 03_tides.mp3 has another md5 than was told, four times.",
        "held": "The budget is full.",
    }
    download = make_download(
        state,
        edition,
        why=random.choice(["Top ten of Poetry", "Gap in Salt Coast", "Asked for by ada"]),
        size=None if state == "queued" else size,
        done=int(size * share),
        error=errors.get(state, ""),
        attempts=4 if state == "failed" else 1,
        retry_at=now + timedelta(minutes=12) if state == "queued" and number % 3 == 0 else None,
        queued_at=now - timedelta(hours=number),
        started_at=None if state in {"queued", "held"} else now - timedelta(minutes=8),
        finished_at=now - timedelta(minutes=2) if state in {"done", "failed"} else None,
        folder=f"Ada Marlow/{edition.title}" if state == "done" else "",
    )
    if state != "queued":
        Part.objects.bulk_create(
            Part(download=download, number=each, name=f"{each:02}_tides_64kb.mp3", title=f"Chapter {each}",
                 size=size // 12, is_whole=each <= 12 * share)
            for each in range(1, 13)
        )  # fmt: skip
    return download


def _rank(random: Random, genre: Genre, editions: list[Edition], now: Any) -> None:
    """Two lists, of which the later one has moved a little."""
    first = random.sample(editions, 12)
    second = list(first)
    for low, high in list(pairwise(range(12)))[::3]:
        second[low], second[high] = second[high], second[low]
    for weeks, found in ((1, first[:10]), (0, [*second[1:11]])):
        Rank.objects.bulk_create(
            Rank(genre=genre, day=(now - timedelta(weeks=weeks)).date(), place=place, edition=edition,
                 archive_id=edition.archive_id, title=edition.title, downloads=90_000 - place * 4_321)
            for place, edition in enumerate(found, 1)
        )  # fmt: skip
