"""Invented books that LibriVox, the Internet Archive and Open Library of the demo all know, each in its own way.

Most of them were read aloud for LibriVox, some twice; some are known to Open Library alone, so that series and authors
have gaps; and a few are in LibriVox's catalogue with so old a date that its feed of what is new passes them by.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from random import Random

GENRES = (
    *("Nautical & Marine Fiction", "Science Fiction", "Detective Fiction", "Gothic Fiction", "Travel & Geography"),
    *("Children's Fiction", "Romance", "Short Stories", "Poetry", "Memoirs"),
)
NAMES = (
    *(
        ("Ada", "Fairwater"),
        ("Bertram", "Holloway"),
        ("Cécile", "d'Aubrac"),
        ("Edmund", "Thorne"),
        ("Greta", "Lindqvist"),
    ),
    *(("Harriet", "Quill"), ("Ignatius", "Marsh"), ("Jørgen", "Åstrand"), ("Konrad", "Größer"), ("Lavinia", "Pell")),
    *(
        ("Mirabel", "Oakes"),
        ("Nathaniel", "Crewe"),
        ("Ottilie", "Brandt"),
        ("Percival", "Stroud"),
        ("Rosalind", "Vane"),
    ),
    ("Tobias", "Wren"),
)
SERIES = (
    *("Salt Coast", "The Lantern Street Mysteries", "Voyages of the Petrel", "Marsh End", "The Copper Moon"),
    *("Aunt Hesper", "The Glass Orchard", "Northbound", "Tales of the Weir", "The Ember Archive", "Fen & Fell"),
    *("The Quiet Engines", "Larkrise Hall", "The Cartographer's Daughters"),
)
FIRST = (
    *("Tides", "Lanterns", "Shadows", "Letters", "Harbours", "Gardens", "Echoes", "Winters", "Secrets", "Songs"),
    *("Clocks", "Maps", "Feathers", "Rivers", "Embers", "Mirrors"),
)
SECOND = ("Salt", "Glass", "the Marsh", "Iron", "the North", "Larch Hill", "Amber", "the Weir", "Saint Brine", "Tin")
READERS = ("Kim Alder", "Wilhelmina Frost", "Jonah Pike", "Zoë Martens", "O. Bell", "Ravi Chandra", "Tuulikki Saari")
PUBLISHERS = ("Quay & Sons", "The Lantern Press", "Halyard", "Marsh Brothers")
LANGUAGES = {"English": "eng", "German": "ger", "French": "fre"}
WORKS = 160
UNRECORDED_EVERY = 4  # each fourth work is at Open Library only
OLD_EVERY = 13  # each thirteenth recording has so old a date that the feed of new ones never tells of it
TWICE_EVERY = 11  # each eleventh has a second recording
IN_SERIES = 70  # works


@dataclass(frozen=True, slots=True)
class Author:
    librivox_id: str
    openlibrary_key: str  # OL77A
    first_name: str
    last_name: str
    born: str
    died: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Series:
    key: str  # OL789L
    name: str
    author: Author


@dataclass(frozen=True, slots=True)
class Recording:
    """A reading of a work, as LibriVox and the Internet Archive have it."""

    id: str  # at LibriVox
    archive_id: str
    version: int  # 1 for the first one of a work
    parts: int
    age: timedelta  # since when it is in the catalogue, at the start of the demo
    in_feed: bool  # False: only who searches for it finds it
    readers: tuple[str, ...]
    downloads: int  # of all times
    week: int  # downloads of this week


@dataclass(frozen=True)
class Work:
    number: int
    key: str  # OL900W
    title: str
    subtitle: str
    author: Author
    year: str
    genres: tuple[str, ...]
    language: str  # English
    series: Series | None = None
    position: str = ""  # in the series
    recordings: tuple[Recording, ...] = field(default=())

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_")

    @property
    def cover(self) -> int | None:
        """The number of its cover at Open Library; some works have none."""
        return None if self.number % 9 == 4 else 5000 + self.number

    @property
    def isbn(self) -> str:
        digits = f"978000{self.number:06}"
        total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
        return f"{digits}{-total % 10}"

    @property
    def asin(self) -> str:
        return f"B{self.number:09}"

    @property
    def publisher(self) -> str:
        return PUBLISHERS[self.number % len(PUBLISHERS)]

    @property
    def rating(self) -> float:
        """From 0 to 5."""
        return round(3 + Random(f"rating {self.number}").random() * 2, 1)  # noqa: S311

    @cached_property
    def description(self) -> str:
        """HTML, of the kinds that people write; every seventh means no good."""
        genre = self.genres[0].lower()
        place = self.series.name if self.series else self.author.last_name
        told = f"<p><b>{self.title}</b> is a work of {genre} by {self.author.name}, first published in {self.year}.</p>"
        more = f"<div>Those who know <i>{place}</i> will find the old ferryman again &mdash; and his silence.</div>"
        hostile = "<script>alert('book')</script><img src=x onerror=alert(1)><p onclick='alert(2)'>Mind the tide.</p>"
        return told + more + (hostile if self.number % 7 == 3 else "")


def _authors() -> tuple[Author, ...]:
    random = Random("authors")  # noqa: S311
    made = []
    for number, (first, last) in enumerate(NAMES):
        born = random.randint(1790, 1870)
        died = "" if number == 15 else str(born + random.randint(35, 60))
        made.append(Author(str(301 + number), f"OL{71 + number}A", first, last, str(born), died))
    return tuple(made)


AUTHORS = _authors()
ALL_SERIES = tuple(Series(f"OL{781 + at}L", name, AUTHORS[at % len(AUTHORS)]) for at, name in enumerate(SERIES))


def _work(number: int, title: str) -> Work:
    random = Random(f"work {number}")  # noqa: S311
    series = ALL_SERIES[number % len(ALL_SERIES)] if number < IN_SERIES else None
    author = series.author if series else AUTHORS[random.randrange(len(AUTHORS))]
    position = str(number // len(ALL_SERIES) + 1)
    if series and number % 23 == 5:
        position = f"{position}.5"
    genres = [GENRES[(number if series is None else number % len(ALL_SERIES)) % len(GENRES)]]
    if random.random() < 0.4:
        genres.append(random.choice([genre for genre in GENRES if genre not in genres]))
    return Work(
        number=number,
        key=f"OL{900 + number}W",
        title=title,
        subtitle=random.choice(("", "", "", f"A Story of {series.name if series else author.last_name}")),
        author=author,
        year=str(int(author.born) + random.randint(22, 34)),
        genres=tuple(genres),
        language=random.choice((*("English",) * 8, "German", "French")),
        series=series,
        position=position if series else "",
        recordings=_recordings(number, title),
    )


def _recordings(number: int, title: str) -> tuple[Recording, ...]:
    if number % UNRECORDED_EVERY == 3:
        return ()
    versions = 2 if number % TWICE_EVERY == 6 else 1
    return tuple(_recording(number, title, version) for version in range(1, versions + 1))


def _recording(number: int, title: str, version: int) -> Recording:
    random = Random(f"recording {number} {version}")  # noqa: S311
    slug = re.sub(r"[^a-z0-9]+", "", title.lower())[:20]
    downloads = random.randint(300, 90_000)
    return Recording(
        id=str(20_000 + number * 10 + version),
        archive_id=f"{slug}{'' if version == 1 else version}_{1900 + number}_librivox",
        version=version,
        parts=random.randint(3, 8),
        age=timedelta(days=random.randint(1, 600)),
        in_feed=number % OLD_EVERY != 8,
        readers=tuple(random.sample(READERS, random.randint(1, 2))),
        downloads=downloads,
        week=downloads // random.randint(90, 300),
    )


def _titles() -> list[str]:
    titles = [f"{first} of {second}" for first in FIRST for second in SECOND]
    Random("titles").shuffle(titles)  # noqa: S311
    return [f"The {title}" if number % 5 == 1 else title for number, title in enumerate(titles[:WORKS])]


ALL_WORKS = tuple(_work(number, title) for number, title in enumerate(_titles()))
BY_RECORDING = {each.id: work for work in ALL_WORKS for each in work.recordings}
BY_ARCHIVE_ID = {each.archive_id: (work, each) for work in ALL_WORKS for each in work.recordings}


def of_author(author: Author) -> list[Work]:
    return [work for work in ALL_WORKS if work.author == author]


def of_series(series: Series) -> list[Work]:
    return sorted((work for work in ALL_WORKS if work.series == series), key=lambda work: float(work.position))
