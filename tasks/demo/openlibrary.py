"""An Open Library of our own: search, works and editions, authors, series; and its covers."""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from tasks.demo import books
from tasks.demo.books import Author, Series, Work
from tasks.demo.jackets import jacket
from tasks.demo.upstream import Clock, Reply, Request

BASE, COVERS = "/openlibrary", "/covers"
SHORTEST = 3  # characters of a q
BIGGEST_PAGE = 1000
NAMESAKES_EVERY = 5  # each fifth work has a namesake by somebody else
OBSCURE = 12  # works of each author that nobody has ever read aloud
PATHS = {
    re.compile(r"/works/(OL\d+W)\.json"): "_work",
    re.compile(r"/works/(OL\d+W)/editions\.json"): "_editions",
    re.compile(r"/authors/(OL\d+A)/works\.json"): "_works_of",
    re.compile(r"/series/(OL\d+L)\.json"): "_series",
    re.compile(r"/series/(OL\d+L)/seeds\.json"): "_seeds",
}
COVER = re.compile(r"/covers/b/id/(\d+)-[SML]\.jpg")


class OpenLibrary:
    """Tells of all works of the books' catalogue; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, *, per_minute: int | None = None) -> None:
        """`per_minute`: how many requests it answers; None is no limit."""
        self.clock = clock
        self.per_minute = per_minute
        self.biggest_page = BIGGEST_PAGE
        self.extra: list[Any] = []  # docs that come before all others in each search, whatever they are
        self.changes: dict[str, Mapping[str, Any]] = {}  # by the key of a work: fields of its doc that are others
        self.descriptions: dict[str, Any] = {}  # by the key of a work: instead of its own
        self.forgotten: set[str] = set()  # keys of series that are gone
        self._asked: deque[datetime] = deque()

    def answers(self, path: str) -> bool:
        return path.startswith((f"{BASE}/", f"{COVERS}/"))

    def reply(self, request: Request) -> Reply:
        if request.path.startswith(COVERS):
            return _cover(request)
        if limited := self._limited():
            return limited
        return _conditional(request, self._read(request, request.path.removeprefix(BASE)))

    def _limited(self) -> Reply | None:
        now = self.clock.now()
        while self._asked and self._asked[0] < now - timedelta(minutes=1):
            self._asked.popleft()
        if self.per_minute is not None and len(self._asked) >= self.per_minute:
            return Reply.of({"status": 429, "message": "Too many requests; see /developers/api."}, 429)
        self._asked.append(now)
        return None

    def _read(self, request: Request, path: str) -> Reply:
        if path == "/search.json":
            return self._search(request)
        if path == "/search/authors.json":
            found = [_person(author) for author in books.AUTHORS if _has(author.name, request.params.get("q", ""))]
            return Reply.of({"numFound": len(found), "start": 0, "docs": found})
        for pattern, name in PATHS.items():
            if found_key := pattern.fullmatch(path):
                reply: Reply = getattr(self, name)(found_key[1], request)
                return reply
        return _unknown(path)

    def _search(self, request: Request) -> Reply:
        params = request.params
        query = params.get("q", "")
        if not any(params.get(name) for name in ("title", "author")) and len(query) < SHORTEST:
            return Reply.of({"error": f"q has to have at least {SHORTEST} characters"}, 422)
        found = [*self.extra, *(self._doc(work) for work in _works() if self._is_found(work, params))]
        if title := params.get("title"):
            found += [_namesake(work) for work in books.ALL_WORKS[::NAMESAKES_EVERY] if _has(work.title, title)]
        limit, start = self._limit(params, 100), int(params.get("offset") or 0)
        start = start or (int(params.get("page") or 1) - 1) * limit
        docs = [_only(doc, params.get("fields", "")) for doc in found[start : start + limit]]
        head = {"numFound": len(found), "start": start, "numFoundExact": True, "num_found": len(found)}
        return Reply.of({**head, "q": query, "offset": start, "docs": docs})

    def _is_found(self, work: Work, params: Mapping[str, str]) -> bool:
        query = params.get("q", "")
        field, colon, value = query.partition(":")
        if colon and field == "series_key":
            return bool(work.series and work.series.key == value and value not in self.forgotten)
        words = f"{work.title} {work.author.name}"
        is_named = _has(work.title, params.get("title")) and _has(work.author.name, params.get("author"))
        return is_named and _has(words, query)

    def _doc(self, work: Work) -> dict[str, Any]:
        told: dict[str, Any] = {
            "key": f"/works/{work.key}",
            "title": work.title,
            "author_key": [work.author.openlibrary_key],
            "author_name": [work.author.name],
            "first_publish_year": int(work.year),
            "edition_count": 1 + work.number % 9,
            "cover_i": work.cover,
            "ebook_access": "public",
            "ia": None,
            "language": [books.LANGUAGES[work.language]],
            "id_librivox": [each.id for each in work.recordings],
            "id_amazon": ["", work.asin],
            "ratings_average": work.rating,
            "publisher": [work.publisher, "Another House"],
            "last_modified_i": 1_700_000_000 + work.number,
            "x_shelf": work.number,  # a field that nobody has announced
        }
        if work.subtitle:
            told["subtitle"] = work.subtitle
        if work.number % 4:
            told["isbn"] = ["0000000001", work.isbn]  # the first is none
        if work.series:
            told["series_key"], told["series_name"] = [work.series.key], [work.series.name]
            told["series_position"] = [work.position]
        return {**told, **self.changes.get(work.key, {})}

    def _work(self, key: str, _: Request) -> Reply:
        work = _by_key(key)
        if work is None:
            return _unknown(f"/works/{key}")
        told: dict[str, Any] = {
            "key": f"/works/{key}",
            "title": work.title,
            "authors": [
                {"author": {"key": f"/authors/{work.author.openlibrary_key}"}, "type": {"key": "/type/author_role"}}
            ],
            "covers": [work.cover] if work.cover else [],
            "revision": 3,
        }
        plain = f"A work of {work.genres[0].lower()}, first published in {work.year}."
        html = {"type": "/type/text", "value": work.description}
        told["description"] = self.descriptions.get(key, plain if work.number % 2 else html)
        if work.series:
            told["series"] = [{"series": {"key": f"/series/{work.series.key}"}, "position": work.position}]
        return Reply.of(told)

    def _editions(self, key: str, request: Request) -> Reply:
        work = _by_key(key)
        if work is None:
            return _unknown(f"/works/{key}")
        edition = {"key": f"/books/OL{work.number}M", "title": work.title, "isbn_13": [work.isbn]}
        bare = {"key": f"/books/OL{work.number + 5000}M", "title": work.title, "publishers": None}
        return self._listed(request, [bare, {**edition, "publishers": [work.publisher]}], 50)

    def _works_of(self, key: str, request: Request) -> Reply:
        author = next((author for author in books.AUTHORS if author.openlibrary_key == key), None)
        if author is None:
            return _unknown(f"/authors/{key}")
        works = [{"key": f"/works/{work.key}", "title": work.title} for work in books.of_author(author)]
        return self._listed(request, [*works, *works[:1], *_obscure(author)], 50)

    def _series(self, key: str, _: Request) -> Reply:
        series = self._series_of(key)
        if series is None:
            return _unknown(f"/series/{key}")
        return Reply.of({"key": f"/series/{key}", "name": series.name, "type": {"key": "/type/list"}})

    def _seeds(self, key: str, request: Request) -> Reply:
        series = self._series_of(key)
        if series is None:
            return _unknown(f"/series/{key}")
        return self._listed(request, [_seed(work) for work in books.of_series(series)], 50)

    def _series_of(self, key: str) -> Series | None:
        found = (series for series in books.ALL_SERIES if series.key == key and key not in self.forgotten)
        return next(found, None)

    def _limit(self, params: Mapping[str, str], default: int) -> int:
        return min(max(int(params.get("limit") or default), 1), self.biggest_page)

    def _listed(self, request: Request, entries: Sequence[Any], default: int) -> Reply:
        """A page of a list, with links to the pages beside it."""
        limit, start = self._limit(request.params, default), int(request.params.get("offset") or 0)
        links = {"self": request.target}
        if start:
            links["prev"] = f"{request.path}?limit={limit}&offset={max(start - limit, 0)}"
        if start + limit < len(entries):
            links["next"] = f"{request.path}?limit={limit}&offset={start + limit}"
        return Reply.of({"links": links, "size": len(entries), "entries": entries[start : start + limit]})


def _works() -> Iterator[Work]:
    return iter(books.ALL_WORKS)


def _by_key(key: str) -> Work | None:
    return next((work for work in books.ALL_WORKS if work.key == key), None)


def _has(text: str, words: str | None) -> bool:
    """Whether each of the words stands in the text, as a search engine compares them."""
    folded = re.findall(r"\w+", text.casefold())
    return all(word in folded for word in re.findall(r"\w+", (words or "").casefold()))


def _namesake(work: Work) -> dict[str, Any]:
    """Another work of that title, by somebody else, of which there are more editions."""
    somebody = {"author_key": ["OL9999A"], "author_name": ["Somebody Else"]}
    return {"key": f"/works/OL{7000 + work.number}W", "title": work.title, **somebody, "edition_count": 99}


def _obscure(author: Author) -> Iterator[dict[str, Any]]:
    random = Random(f"obscure {author.openlibrary_key}")  # noqa: S311
    for number in range(OBSCURE):
        key = f"/works/OL{random.randint(10**6, 10**7)}W"
        yield {"key": key, "title": f"Papers of {author.last_name}, Part {number + 1}", "type": {"key": "/type/work"}}


def _seed(work: Work) -> dict[str, Any]:
    slug = f"/works/{work.key}/{work.slug}"
    return {
        "url": f"/works/{work.key}",
        "full_url": slug,
        "type": "work",
        "title": work.title,
        "last_update": "2026-01-02T03:04:05",
    }


def _person(author: Author) -> dict[str, Any]:
    return {
        "key": author.openlibrary_key,
        "name": author.name,
        "birth_date": f"1 May {author.born}",
        "death_date": author.died or None,
        "work_count": len(books.of_author(author)),
    }


def _only(doc: Any, fields: str) -> Any:
    if not fields or not isinstance(doc, dict):
        return doc
    return {name: value for name, value in doc.items() if name in fields.split(",")}


def _conditional(request: Request, reply: Reply) -> Reply:
    etag = f'"{sha256(reply.body).hexdigest()[:16]}"'
    if reply.status == 200 and request.headers.get("if-none-match") == etag:
        return Reply(304, {"ETag": etag})
    return Reply(reply.status, {**reply.headers, "ETag": etag}, reply.body) if reply.status == 200 else reply


def _unknown(what: str) -> Reply:
    return Reply.of({"error": "notfound", "key": what}, 404)


def _cover(request: Request) -> Reply:
    found = COVER.fullmatch(request.path)
    if found is None or int(found[1]) - 5000 not in range(books.WORKS):
        return Reply(404)
    return Reply(headers={"Content-Type": "image/jpeg"}, body=jacket(int(found[1])))
