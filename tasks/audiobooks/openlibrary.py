"""Open Library, spoken to over HTTP: works, who wrote them, and the series that they belong to, as plain facts.

Its JSON is a documented API, to which robots.txt, made for crawlers of pages, does not apply.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.audiobooks import facts
from tasks.audiobooks.conf import Options
from tasks.audiobooks.patience import LONGEST_ANSWER, Patience
from tasks.audiobooks.telling import Known as Asked
from tasks.audiobooks.telling import condition, rate, validator
from tasks.audiobooks.values import text
from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, as_json

PAGE = 100  # works of a search, or of a series
AUTHOR_PAGE = 500  # works; the most is 1000
OFFERS = 20  # that a search for one book looks at
PEOPLE = 20  # that a search for one author looks at
MOST_WORKS = 2000  # of a series
FIELDS = ",".join(
    (
        *("key", "title", "subtitle", "author_key", "author_name", "first_publish_year", "edition_count", "cover_i"),
        *("language", "id_librivox", "id_amazon", "isbn", "publisher", "ratings_average", "last_modified_i"),
        *("series_key", "series_name", "series_position"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a series a work stands."""

    key: str  # OL789L
    name: str = ""
    position: str = ""  # "2", "2.5", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc:
    """A work, as a search tells of it."""

    key: str  # OL900W
    title: str
    subtitle: str = ""
    authors: tuple[tuple[str, str], ...] = ()  # keys and names
    first_published: str = ""
    editions: int = 0
    cover: int | None = None
    languages: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()  # ids at LibriVox
    asins: tuple[str, ...] = ()
    isbns: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    rating: float | None = None
    series: tuple[Place, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.authors)

    def place_in(self, series_key: str) -> Place | None:
        return next((place for place in self.series if place.key == series_key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A work by itself."""

    description: str = ""  # HTML that may be shown
    series: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A work in the list of a series or of an author."""

    key: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some works of a list, and where the next begin."""

    works: tuple[Listed, ...]
    size: int  # of the whole list
    next_offset: int | None  # None: this was the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """An author, as a search for people tells of him."""

    key: str  # OL77A
    name: str
    born: str = ""  # a year
    died: str = ""
    works: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search for one book gave."""

    docs: tuple[Doc, ...] = ()
    validator: str = ""
    is_unchanged: bool = False


class OpenLibrary:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._time = Patience(deadline)
        headers = {"User-Agent": options.user_agent, "Accept": "application/json"}
        self._client = Client(
            "Open Library", options.openlibrary_url, headers=headers, rate=rate(options), deadline=self._time
        )

    def close(self) -> None:
        self._client.close()

    def find(self, title: str, author: str, asked: Asked) -> Found:
        """Works whose titles have these words, if the answer has changed since `asked`."""
        params: dict[str, str | int] = {"title": title, "fields": FIELDS, "limit": OFFERS}
        if author:
            params["author"] = author
        address = f"{title}\n{author}"

        def read(answer: Answer) -> Found:
            if answer.status == 304:
                return Found(is_unchanged=True)
            return Found(docs=_docs(_listed(answer, "docs")), validator=validator(address, answer))

        return self._get("/search.json", read, params=params, headers=condition(address, asked), expect={304})

    def of_series(self, key: str) -> Iterator[Doc]:
        """The works of a series, as the search knows them."""
        offset = 0
        while offset < MOST_WORKS:
            params: dict[str, str | int] = {"q": f"series_key:{key}", "fields": FIELDS, "limit": PAGE, "offset": offset}
            raw, size = self._get("/search.json", _hits, params=params)
            yield from (doc for doc in _docs(raw) if doc.place_in(key))
            offset += len(raw)
            if not raw or offset >= size:
                return

    def seeds(self, key: str) -> Iterator[Listed]:
        """The works of a series as it lists them. Raises UpstreamError with status 404 if there is no such series."""
        offset: int | None = 0
        while offset is not None and offset < MOST_WORKS:
            page = self._page(f"/series/{key}/seeds.json", offset, PAGE)
            yield from page.works
            offset = page.next_offset

    def works_of(self, author_key: str, offset: int) -> Page:
        """Works of an author from `offset` on. Raises UpstreamError with status 404 if there is no such author."""
        return self._page(f"/authors/{author_key}/works.json", offset, AUTHOR_PAGE)

    def work(self, key: str) -> Work | None:
        """None if there is none of that key."""
        return self._known(f"/works/{key}.json", _work)

    def editions(self, key: str) -> list[dict[str, Any]]:
        """The editions of a work, the first hundred of them."""
        found = self._known(f"/works/{key}/editions.json", lambda answer: list(_listed(answer, "entries")), limit=PAGE)
        return found or []

    def writers(self, name: str) -> list[Writer]:
        """People of about that name."""
        params: dict[str, str | int] = {"q": name, "limit": PEOPLE}
        raw = self._get("/search/authors.json", lambda answer: _listed(answer, "docs"), params=params)
        return [writer for each in raw if (writer := _writer(each))]

    def _get[T](self, path: str, read: Callable[[Answer], T], **asked: Any) -> T:
        """One question, for which there is only so much time."""
        with self._time.within(LONGEST_ANSWER):
            return self._client.get(path, read, **asked)

    def _page(self, path: str, offset: int, limit: int) -> Page:
        params = {"limit": limit, "offset": offset}
        return self._get(path, lambda answer: _page(answer, offset), params=params)

    def _known[T](self, path: str, read: Callable[[Answer], T], **params: int) -> T | None:
        try:
            return self._get(path, read, params=params)
        except UpstreamError as error:
            if error.status == 404:
                return None
            raise


def _object(answer: Answer) -> dict[str, Any]:
    found = as_json(answer)
    if not isinstance(found, dict):
        raise UpstreamError("sent something else than an object", retryable=True)
    return found


def _listed(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The objects of the list of that name. An answer without it is an error that came with 200."""
    found = _object(answer).get(name)
    if not isinstance(found, list):
        raise UpstreamError(f"sent no {name}", retryable=True)
    return list(facts.objects(found))


def _hits(answer: Answer) -> tuple[list[dict[str, Any]], int]:
    """A page of what a search has found, and how much that is altogether."""
    docs = _listed(answer, "docs")
    return docs, facts.number(_object(answer).get("numFound")) or len(docs)


def _docs(raw: list[dict[str, Any]]) -> tuple[Doc, ...]:
    return tuple(doc for each in raw if (doc := _doc(each)))


def _doc(raw: Mapping[str, Any]) -> Doc | None:
    """None for what is no work, or has no title."""
    key, title = facts.key(raw.get("key")), text(raw.get("title"), 500)
    if not key.endswith("W") or not title:
        return None
    return Doc(
        key=key,
        title=title,
        subtitle=text(raw.get("subtitle"), 500),
        authors=_parallel(raw.get("author_key"), raw.get("author_name")),
        first_published=facts.year(raw.get("first_publish_year")),
        editions=facts.number(raw.get("edition_count")) or 0,
        cover=facts.number(raw.get("cover_i")),
        languages=tuple(facts.texts(raw.get("language"), 20)),
        recordings=tuple(facts.texts(raw.get("id_librivox"), 100)),
        asins=tuple(facts.texts(raw.get("id_amazon"), 20)),
        isbns=tuple(facts.texts(raw.get("isbn"), 30)),
        publishers=tuple(facts.texts(raw.get("publisher"), 200)),
        rating=facts.rating(raw.get("ratings_average")),
        series=_series(raw),
    )


def _parallel(keys: Any, names: Any) -> tuple[tuple[str, str], ...]:
    """Authors out of two parallel lists; one of them may be short."""
    known = [facts.key(each) for each in facts.places(keys, 200)]
    found = facts.places(names, 200)
    return tuple((known[at] if at < len(known) else "", name[:200]) for at, name in enumerate(found) if name)


def _series(raw: Mapping[str, Any]) -> tuple[Place, ...]:
    keys, names, positions = (facts.places(raw.get(f"series_{part}"), 300) for part in ("key", "name", "position"))
    return tuple(
        Place(
            key=key,
            name=names[at] if at < len(names) else "",
            position=positions[at][:20] if at < len(positions) else "",
        )
        for at, each in enumerate(keys)
        if (key := facts.key(each)).endswith("L")
    )


def _work(answer: Answer) -> Work:
    raw = _object(answer)
    places = []
    for each in facts.objects(raw.get("series")):
        series = each.get("series")
        key = facts.key(series.get("key") if isinstance(series, dict) else series)
        if key.endswith("L"):
            places.append(Place(key=key, position=text(each.get("position"), 20)))
    return Work(description=facts.html(raw.get("description")), series=tuple(places))


def _page(answer: Answer, offset: int) -> Page:
    """Goes on by how many entries came, whatever was asked for, and ends with an empty page."""
    found = _object(answer)
    raw = found.get("entries")
    if not isinstance(raw, list):
        raise UpstreamError("sent no entries", retryable=True)
    size, after = facts.number(found.get("size")) or 0, offset + len(raw)
    links = found.get("links")
    goes_on = bool(raw) and (after < size or (isinstance(links, dict) and bool(links.get("next"))))
    works = tuple(listed for each in facts.objects(raw) if (listed := _entry(each)))
    return Page(works=works, size=size, next_offset=after if goes_on else None)


def _entry(raw: Mapping[str, Any]) -> Listed | None:
    key = facts.key(raw.get("key") or raw.get("url"))
    title = text(raw.get("title"), 500)
    return Listed(key=key, title=title) if key.endswith("W") and title else None


def _writer(raw: Mapping[str, Any]) -> Writer | None:
    key, name = facts.key(raw.get("key")), text(raw.get("name"), 200)
    if not key.endswith("A") or not name:
        return None
    return Writer(
        key=key,
        name=name,
        born=facts.year(raw.get("birth_date")),
        died=facts.year(raw.get("death_date")),
        works=facts.number(raw.get("work_count")) or 0,
    )
