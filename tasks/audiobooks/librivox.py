"""The default source of books: LibriVox for the catalogue, the Internet Archive for popularity and files."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tasks.audiobooks.archive import Archive, archive_id_in
from tasks.audiobooks.catalogue import File, Person, Ranked, Recording
from tasks.audiobooks.conf import Options
from tasks.audiobooks.models import LIBRIVOX
from tasks.audiobooks.patience import LONGEST_ANSWER, Patience
from tasks.audiobooks.titles import without_article
from tasks.audiobooks.values import address, count, seconds, text
from tasks.exceptions import InvalidItem, UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json

FEED = "/api/feed/audiobooks"
PAGE = 50  # recordings; the service has no ceiling, but each costs it several queries
PIECES = 5  # in which a page is asked for that fails, before it is asked for one by one
MOST_UNREAD = 50  # recordings in a run that may fail one by one
OF_NO_USE = frozenset({401, 403, 404})  # what is refused so is refused in smaller pieces too
BURST = 2  # requests
MOST_PEOPLE = 50  # authors, or readers, of a recording; those beyond are left out
MOST_GENRES = 20
MOST_OF_AUTHOR = 2000  # recordings that a search for an author alone gives
LONGEST_DESCRIPTION = 50_000  # characters
NOTHING = "could not be found"  # what it says, with 404, behind the last page
ASKED: dict[str, str | int] = {"format": "json", "extended": 1, "coverart": 1}
ID = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the feed; what of it could not be read spoils nothing else."""

    recordings: tuple[Recording, ...]
    unread: tuple[str, ...]
    next_offset: int | None


class LibriVox:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._time = Patience(deadline)
        self._client = Client(
            "LibriVox",
            options.librivox_url,
            deadline=self._time,
            headers={"User-Agent": options.user_agent, "Accept": "application/json"},
            rate=Rate(options.audiobooks_rate, BURST),
        )
        self._archive = Archive(options, self._time)

    def close(self) -> None:
        self._client.close()
        self._archive.close()

    def list_new(self, since: datetime | None, offset: int = 0) -> Iterator[Page]:
        """Finished recordings by id, so that one which comes meanwhile moves few others to another page."""
        asked: dict[str, str | int] = {"sort_field": "id", "sort_order": "asc"}
        if since is not None:
            asked["since"] = int(since.timestamp())
        before: list[Any] = []
        missed = 0
        while True:
            try:
                rows, unread = self._piece(asked, offset, PAGE), list[str]()
            except UpstreamError as error:
                rows, unread = self._in_pieces(asked, offset, error)
                missed += len(unread)
                if missed > MOST_UNREAD:
                    raise
            if not rows and not unread:
                return
            if rows and rows == before:
                raise UpstreamError("LibriVox gives the same page again and again")
            before, offset = rows, offset + (PAGE if unread else len(rows))
            page = _page(rows, offset)
            yield replace(page, unread=(*unread, *page.unread))

    def _in_pieces(
        self, asked: Mapping[str, str | int], offset: int, error: UpstreamError
    ) -> tuple[list[Any], list[str]]:
        """The page from `offset` on that has failed with `error`: its rows, and a line for each that fails by itself.

        Raises `error` if all of it fails.
        """
        if error.status in OF_NO_USE:
            raise error
        size = max(PAGE // PIECES, 1)
        pieces = {at: self._tried(asked, at, size) for at in range(offset, offset + PAGE, size)}
        if all(isinstance(rows, UpstreamError) for rows in pieces.values()):
            raise error
        unread = []
        for first in [at for at, rows in pieces.items() if isinstance(rows, UpstreamError)]:
            for at in range(first, first + size):
                pieces[at] = self._tried(asked, at, 1) if size > 1 else pieces[at]
        for at, rows in pieces.items():
            if isinstance(rows, UpstreamError):
                unread.append(f"the recording at place {at + 1}: {rows}")
        found = (rows for _, rows in sorted(pieces.items()) if not isinstance(rows, UpstreamError))
        return [row for rows in found for row in rows], unread

    def _tried(self, asked: Mapping[str, str | int], offset: int, size: int) -> list[Any] | UpstreamError:
        """The rows, or why there are none."""
        try:
            return self._piece(asked, offset, size)
        except UpstreamError as error:
            return error

    def _piece(self, asked: Mapping[str, str | int], offset: int, size: int) -> list[Any]:
        return self._rows({**asked, "limit": size, "offset": offset})

    def top(self, genre: str, n: int) -> list[Ranked]:
        with self._time.within(LONGEST_ANSWER):
            return self._archive.top(genre, n)

    def search(self, title: str, author: str) -> list[Recording]:
        """LibriVox has some titles with their article and some without; both are asked for."""
        if not title.strip():
            return list(self._by(author)) if author else []
        for wanted in dict.fromkeys((without_article(title), title.strip())):
            params: dict[str, str | int] = {"title": f"^{wanted}", "limit": PAGE}
            if author:
                params["author"] = author
            if wanted and (found := _page(self._rows(params), 0).recordings):
                return list(found)
        return []

    def _by(self, author: str) -> Iterator[Recording]:
        """All recordings of works by people of that last name, but no more than MOST_OF_AUTHOR."""
        for offset in range(0, MOST_OF_AUTHOR, PAGE):
            rows = self._rows({"author": author, "limit": PAGE, "offset": offset})
            yield from _page(rows, offset).recordings
            if len(rows) < PAGE:
                return

    def detail(self, id: str) -> Recording | None:
        found = _page(self._rows({"id": id}), 0).recordings if ID.fullmatch(id) else ()
        return next((recording for recording in found if recording.id == id), None)

    def files(self, archive_id: str) -> list[File]:
        with self._time.within(LONGEST_ANSWER):
            return self._archive.files(archive_id)

    def download(self, archive_id: str, name: str, start: int) -> AbstractContextManager[Any]:
        return self._archive.download(archive_id, name, start)

    def _rows(self, params: Mapping[str, str | int]) -> list[Any]:
        with self._time.within(LONGEST_ANSWER):
            return self._client.get(FEED, _books, params={**ASKED, **params}, expect={404})


def _books(answer: Answer) -> list[Any]:
    """The rows as they are; none if it says that there are none."""
    if answer.status == 404 and NOTHING not in answer.body[:500].decode(errors="replace"):
        raise UpstreamError("has no feed of audiobooks at this address: check LIBRIVOX_URL", status=404)
    if answer.status == 404:
        return []
    found = as_json(answer)
    rows = found.get("books") if isinstance(found, Mapping) else None
    if isinstance(rows, Mapping):  # as PHP writes a list whose numbers have a gap
        rows = list(rows.values())
    if not isinstance(rows, list):
        raise UpstreamError("sent no list of books", retryable=True)
    return rows


def _page(rows: list[Any], next_offset: int) -> Page:
    recordings: dict[str, Recording] = {}
    unread = []
    for row in rows:
        try:
            if is_finished(row):
                recording = parse_recording(row)
                recordings[recording.id] = recording
        except InvalidItem as error:
            unread.append(f"{_name(row)}: {error}")
    return Page(tuple(recordings.values()), tuple(unread), next_offset)


def is_finished(row: Any) -> bool:
    """Whether it can be heard: the feed has projects under way too, which have no page yet."""
    if not isinstance(row, Mapping):
        raise InvalidItem("not a recording")
    return bool(text(row.get("url_librivox"), 500))


def parse_recording(row: Mapping[str, Any]) -> Recording:
    """A line of the feed. Raises InvalidItem when something is missing without which it means nothing."""
    number, title = text(row.get("id"), 30), text(row.get("title"), 500)
    if not ID.fullmatch(number):
        raise InvalidItem("has no id")
    if not title:
        raise InvalidItem("has no title")
    description = row.get("description")
    return Recording(
        source=LIBRIVOX,
        id=number,
        title=title,
        description=description[:LONGEST_DESCRIPTION] if isinstance(description, str) else "",
        language=text(row.get("language"), 50),
        first_published=_year(row.get("copyright_year")),
        sections=count(row.get("num_sections")) or 0,
        seconds=count(row.get("totaltimesecs")) or seconds(row.get("totaltime")) or None,
        url=address(row.get("url_librivox")),
        archive_id=archive_id_in(row.get("url_iarchive")),
        cover_url=address(row.get("coverart_jpg")) or address(row.get("coverart_thumbnail")),
        authors=tuple(_people(row.get("authors"))),
        genres=tuple(_names(row.get("genres"), "name"))[:MOST_GENRES],
        readers=tuple(_readers(row.get("sections")))[:MOST_PEOPLE],
    )


def _people(value: Any) -> Iterator[Person]:
    seen: set[str] = set()
    for row in _mappings(value)[:MOST_PEOPLE]:
        number = text(row.get("id"), 30)
        first, last = text(row.get("first_name"), 100), text(row.get("last_name"), 99)
        if ID.fullmatch(number) and (first or last) and number not in seen:
            seen.add(number)
            born, died = _year(row.get("dob")), _year(row.get("dod"))
            yield Person(id=number, first_name=first, last_name=last, born=born, died=died)


def _readers(sections: Any) -> list[str]:
    """Each once, in the order in which they come in."""
    found = (name for row in _mappings(sections) for name in _names(row.get("readers"), "display_name"))
    return list(dict.fromkeys(found))


def _names(value: Any, field: str) -> list[str]:
    found = (text(row.get(field), 200) for row in _mappings(value))
    return list(dict.fromkeys(filter(None, found)))


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _year(value: Any) -> str:
    found = text(value, 20)
    return "" if found.strip("0") == "" else found


def _name(row: Any) -> str:
    """How to call a line in a log, whatever it is."""
    if not isinstance(row, Mapping):
        return "a line"
    return f"recording {text(row.get('id'), 30)} {text(row.get('title'), 100)}".strip()
