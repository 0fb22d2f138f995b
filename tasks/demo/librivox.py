"""A LibriVox of our own: the feed of audiobooks with all its ways, of which 404 behind the last page is one."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import Any

from tasks.demo import books
from tasks.demo.books import Recording, Work
from tasks.demo.upstream import Clock, Reply, Request

FEED = "/librivox/api/feed/audiobooks"
SEARCHED = {"id", "title", "author", "genre"}
LIMIT = 50  # when none is asked for
NEW_EVERY = timedelta(minutes=7)
UNFINISHED_EVERY = 12  # each twelfth work is a project that is not finished yet


class LibriVox:
    """Tells what has been read aloud by now; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, *, coming: int = 0, copies: int = 1, listed: int | None = None) -> None:
        """`coming` recordings are finished while one looks; `copies` makes the catalogue that many times larger.

        The feed of what is new has no more than `listed`; who searches finds the others too.
        """
        self.clock = clock
        self.extra: list[Any] = []  # what comes before all others, whatever it is
        self.changes: dict[str, Mapping[str, Any]] = {}  # by id: the fields that are others than they were
        self.removed: set[str] = set()  # ids
        self._started = clock.now()
        self._coming = coming
        self._copies = copies
        self._listed = listed

    def answers(self, path: str) -> bool:
        return path.startswith("/librivox/")

    def reply(self, request: Request) -> Reply:
        if request.path.rstrip("/") != FEED:
            return Reply(404)
        if request.params.get("format") != "json":
            return Reply(200, {"Content-Type": "application/xml"}, b"<?xml version='1.0'?><xml></xml>")
        start, size = int(request.params.get("offset", 0)), int(request.params.get("limit", LIMIT))
        most = None if SEARCHED & request.params.keys() else self._listed
        every = chain(self._extra(request), islice(self._found(request), most))
        found = list(islice(every, start, start + size))
        if not found:
            return Reply.of({"error": "Audiobooks could not be found"}, 404)
        host = request.headers.get("host", "")
        rows = [self._row(each[0], each[1], each[2], host) if isinstance(each, tuple) else each for each in found]
        return Reply.of({"books": [_asked_for(row, request.params) for row in rows]})

    def _extra(self, request: Request) -> list[Any]:
        return [] if SEARCHED & request.params.keys() else self.extra

    def _found(self, request: Request) -> Iterator[tuple[Work, Recording, int]]:
        params = request.params
        since, searched = int(params.get("since", 0)), SEARCHED & params.keys()
        for work, recording, copy, finished_at in self._catalogue():
            is_listed = (recording.in_feed or bool(searched - {"genre"})) and recording.id not in self.removed
            if is_listed and finished_at.timestamp() >= since:
                found = (work, recording, copy)
                if not searched or _matches(self._row(*found, ""), params):
                    yield found

    def _catalogue(self) -> Iterator[tuple[Work, Recording, int, datetime]]:
        """All that is there by now, in the order of ids; the number of the copy, and since when."""
        now = self.clock.now()
        every = [(work, each) for work in books.ALL_WORKS for each in work.recordings]
        yet_to_come = len(every) - self._coming
        for copy in range(self._copies):
            for place, (work, each) in enumerate(every):
                late = max(place - yet_to_come + 1, 0) * NEW_EVERY
                finished_at = self._started + late if late else self._started - each.age
                if finished_at <= now:
                    yield work, each, copy, finished_at
        for work in books.ALL_WORKS[::UNFINISHED_EVERY]:
            yield work, _unfinished(work), 0, self._started - timedelta(days=9)

    def _row(self, work: Work, recording: Recording, copy: int, host: str) -> dict[str, Any]:
        work, recording = _copied(work, recording, copy)
        seconds, is_finished = recording.parts * 1834, recording.version > 0
        version = f" (version {recording.version})" if recording.version > 1 else ""
        page = f"http://{host}/librivox/{recording.archive_id}/"
        return {
            "id": recording.id,
            "title": f"{work.title}{version}",
            "description": work.description,
            "url_text_source": f"http://{host}/text/{work.number}",
            "language": work.language,
            "copyright_year": work.year if work.number % 8 else "0",
            "num_sections": str(recording.parts),
            "url_rss": f"http://{host}/librivox/rss/{recording.id}",
            "url_project": "",
            "url_librivox": page if is_finished else "",
            "url_other": "" if work.number % 6 else None,
            "totaltime": str(timedelta(seconds=seconds)),
            "totaltimesecs": seconds,
            "authors": [_author(work.author)],
            "url_iarchive": f"http://{host}/archive/details/{recording.archive_id}" if is_finished else "",
            "sections": [_section(recording, number) for number in range(1, recording.parts + 1)],
            "genres": [{"id": str(books.GENRES.index(name) + 1), "name": name} for name in work.genres],
            "translators": [],
            "coverart_jpg": _cover(work, recording, host),
            "coverart_pdf": None,
            "coverart_thumbnail": None,
            "x_shelf": work.number,  # a field that nobody has announced
            **self.changes.get(recording.id, {}),
        }


def _copied(work: Work, recording: Recording, copy: int) -> tuple[Work, Recording]:
    if not copy:
        return work, recording
    number = str(int(recording.id) + copy * 100_000)
    other = replace(recording, id=number, archive_id=f"{recording.archive_id}_{copy}")
    return replace(work, title=f"{work.title} {copy}"), other


def _unfinished(work: Work) -> Recording:
    slug = f"{work.slug}_unfinished"
    return Recording(str(900_000 + work.number), slug, 0, 4, timedelta(), True, (), 0, 0)


def _author(author: books.Author) -> dict[str, Any]:
    names = {"first_name": author.first_name, "last_name": author.last_name}
    return {"id": author.librivox_id, **names, "dob": author.born, "dod": author.died or None}


def _section(recording: Recording, number: int) -> dict[str, Any]:
    reader = recording.readers[number % len(recording.readers)] if recording.readers else ""
    return {
        "id": f"{recording.id}{number:03}",
        "section_number": str(number),
        "title": f"Chapter {number}",
        "listen_url": "",
        "language": "English",
        "playtime": str(Random(number).randint(900, 2400)),  # noqa: S311
        "file_name": f"part_{number:02}.mp3",
        "readers": [{"reader_id": str(len(reader)), "display_name": reader}] if reader else [],
    }


def _cover(work: Work, recording: Recording, host: str) -> str | None:
    return None if work.number % 10 == 7 else f"http://{host}/archive/download/{recording.archive_id}/cover.png"


def _matches(row: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    """As LibriVox compares: exactly, but for ^ before a title (begins so) or an author's last name (ends so)."""
    title, author = params.get("title", ""), params.get("author", "")
    last_names = [
        str(person.get("last_name", "")).lower() for person in row["authors"] or () if isinstance(person, dict)
    ]
    name, kept = str(row["title"]).lower(), author.removeprefix("^").lower()
    return (
        ("id" not in params or row["id"] == params["id"])
        and (name.startswith(title[1:].lower()) if title.startswith("^") else title.lower() in {"", name})
        and any(last.endswith(kept) if author.startswith("^") else kept in {"", last} for last in last_names)
        and ("genre" not in params or params["genre"] in {genre["name"] for genre in row["genres"]})
    )


def _asked_for(row: Any, params: Mapping[str, str]) -> Any:
    if not isinstance(row, dict):
        return row
    hidden: set[str] = set()
    if params.get("extended") != "1":
        hidden |= {"url_iarchive", "sections", "genres", "translators"}
    if params.get("coverart") != "1":
        hidden |= {"coverart_jpg", "coverart_pdf", "coverart_thumbnail"}
    return {name: value for name, value in row.items() if name not in hidden}
