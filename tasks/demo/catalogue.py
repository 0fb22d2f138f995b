"""Films, series and people that do not exist, and who has watched them when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

USERS = ("ada", "grace", "linus")
SEEDED = 330  # plays of a user when the server starts
APART = timedelta(hours=5)  # between two of them
ARRIVES_EVERY = timedelta(minutes=2)  # while the server runs
PEOPLE = (
    *("Ida Holm", "Bela Ortiz", "Tomás Quill", "Ngozi Ade", "Mirre Vonk", "Sölvi Þórsson", "Lin Yue"),
    *("Pavel Dub", "Noor Haddad", "Émile Sarre", "Kaja Lund", "Oona Reyes", "Zofia Żak", "Theo Brandt"),
)
GENRES = ("drama", "mystery", "comedy", "science-fiction", "documentary", "adventure")


@dataclass(frozen=True, slots=True)
class Work:
    """A film, or a series of three seasons of eight episodes."""

    kind: str  # movie or show
    id: int  # at Trakt
    title: str
    year: int
    tmdb: int | None

    @property
    def random(self) -> Random:
        """Always the same numbers for the same work."""
        return Random(f"{self.kind}{self.id}")  # noqa: S311

    @property
    def slug(self) -> str:
        return f"{self.kind}-{self.id}"


FILM_TITLES = (
    *("The Quiet Ferry", "Salt on the Window", "Nine Minutes of Rain", "A Map of Small Fires"),
    *("Ćma i lampa", "The Clockmaker's Orchard", "Under a Paper Moon Base", "水の階段"),
    *("Bread, Thread & Thunder", "<b>Bold</b> <script>alert(1)</script>", "Last Tram to Elsewhere"),
    *("The Understudy's Understudy", "Grau wie Möwen", "Half a Lighthouse", "Low Orbit Lullaby"),
    *("The Beekeeper Signs Off", "Seventeen Bridges", "Tomorrow, Weather Permitting"),
    *("An Inventory of Echoes", "The Glass Cartographer", "Velvet Static", "Good Night, Harbour Master"),
)
SHOW_TITLES = (
    *("Harbour Lights", "The Night Registrar", "Peat", "Cold Storage", "Ångström's Daughters"),
    *("Second Shift", "The Long Corridor", "Parish of Foxes"),
)
FILMS = tuple(
    Work("movie", 401_100 + index, title, 1990 + index, None if index == 4 else 610_000 + index)
    for index, title in enumerate(FILM_TITLES)
)
SHOWS = tuple(
    Work("show", 240_000 + index, title, 2015 + index, 233_400 + index) for index, title in enumerate(SHOW_TITLES)
)


def history(user: str, started: datetime, now: datetime) -> list[dict[str, Any]]:
    """All that `user` has watched until `now`, the newest first; one play comes twice, as it may at Trakt."""
    begin = started.replace(hour=0, minute=0, second=0, microsecond=0)
    seeded = [play(user, begin - number * APART) for number in range(SEEDED)]
    since = started.replace(second=0, microsecond=0) + ARRIVES_EVERY
    arrived = [play(user, moment) for moment in _moments(since, now)]
    return [*reversed(arrived), *seeded[:100], *seeded[99:]]


def play(user: str, moment: datetime) -> dict[str, Any]:
    """What `user` watched then; the same each time it is asked."""
    random = Random(f"{user}{moment}")  # noqa: S311
    common = {
        "id": 2**53 + USERS.index(user) * 10**10 + int(moment.timestamp()),
        "watched_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
        "action": random.choice(("scrobble", "checkin", "watch")),
        "x_shelf": "a field that nobody announced",
    }
    if random.random() < 0.5:
        return {**common, "type": "movie", "movie": _described(random.choice(FILMS))}
    work, season, number = random.choice(SHOWS), random.randint(1, 3), random.randint(1, 8)
    return {**common, "type": "episode", "episode": _episode(work, season, number), "show": _described(work)}


def ratings(user: str) -> list[dict[str, Any]]:
    """What `user` thinks of every second work."""
    random = Random(user)  # noqa: S311
    return [
        {
            "rated_at": "2026-01-02T03:04:05.000Z",
            "rating": random.randint(1, 10),
            "type": work.kind,
            work.kind: _described(work),
        }
        for work in (FILMS + SHOWS)[::2]
    ]


def cast(work: Work) -> list[str]:
    return work.random.sample(PEOPLE, 6)


def genres(work: Work) -> list[str]:
    return work.random.sample(GENRES, 2)


def _described(work: Work) -> dict[str, Any]:
    ids = {"trakt": work.id, "slug": work.slug, "imdb": None, "tmdb": work.tmdb}
    described: dict[str, Any] = {"title": work.title, "year": work.year, "ids": ids}
    if work.id % 5:
        described |= {"runtime": work.random.randint(40, 140), "genres": genres(work)}
    return described


def _episode(work: Work, season: int, number: int) -> dict[str, Any]:
    ids = {"trakt": work.id * 1000 + season * 100 + number, "tmdb": None}
    return {"season": season, "number": number, "title": f"Part {number}", "ids": ids, "rating": 7.9}


def _moments(since: datetime, until: datetime) -> Iterator[datetime]:
    while since <= until:
        yield since
        since += ARRIVES_EVERY
