"""A Google Books of our own: a key is needed, and a day has only so many questions."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tasks.demo import books
from tasks.demo.books import Work
from tasks.demo.upstream import Reply, Request

VOLUMES = "/googlebooks/volumes"
KEY = "demo"
KNOWN_EVERY = 3  # two of three works are known
TERM = re.compile(r'(intitle|inauthor):"([^"]*)"')


class GoogleBooks:
    """Tells of two thirds of all works; the public attributes are switches for tests."""

    def __init__(self) -> None:
        self.left: int | None = None  # questions of the day; None is no limit
        self.changes: dict[str, Mapping[str, Any]] = {}  # by the key of a work: what its volumeInfo has instead

    def answers(self, path: str) -> bool:
        return path.startswith("/googlebooks/")

    def reply(self, request: Request) -> Reply:
        if request.path != VOLUMES:
            return _error(404, "notFound", "The requested URL was not found on this server.")
        key = request.params.get("key")
        if key is None:
            return _error(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'.")
        if key != KEY:
            return _error(400, "badRequest", "API key not valid. Please pass a valid API key.")
        if "q" not in request.params:
            return _error(400, "required", "Required parameter: q")
        if self.left is not None:
            if not self.left:
                return _error(429, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries per day'.")
            self.left -= 1
        return self._search(request)

    def _search(self, request: Request) -> Reply:
        wanted = dict(TERM.findall(request.params["q"]))
        found = [
            work
            for work in books.ALL_WORKS
            if work.number % KNOWN_EVERY != 1
            and wanted.get("intitle", "").casefold() in work.title.casefold()
            and wanted.get("inauthor", "").casefold() in work.author.name.casefold()
        ]
        most = min(int(request.params.get("maxResults", 10)), 40)
        told: dict[str, Any] = {"kind": "books#volumes", "totalItems": len(found)}
        if found:
            told["items"] = [self._volume(work) for work in found[:most]]
        reply = Reply.of(told)
        etag = f'"{sha256(reply.body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Reply(304, {"ETag": etag})
        return Reply(200, {**reply.headers, "ETag": etag}, reply.body)

    def _volume(self, work: Work) -> dict[str, Any]:
        info = {
            "title": work.title,
            "subtitle": work.subtitle,
            "authors": [work.author.name],
            "publisher": work.publisher,
            "publishedDate": f"{work.year}-05",
            "description": work.description,
            "industryIdentifiers": [
                {"type": "OTHER", "identifier": "HARVARD:32044"},
                {"type": "ISBN_13", "identifier": work.isbn},
            ],
            "categories": list(work.genres),
            "averageRating": work.rating,
            "ratingsCount": 9,
            "language": books.LANGUAGES[work.language][:2],
            **self.changes.get(work.key, {}),
        }
        return {"kind": "books#volume", "id": f"Q{work.number}", "etag": "e1", "volumeInfo": info}


def _error(status: int, reason: str, message: str) -> Reply:
    errors = [{"message": message, "domain": "usageLimits", "reason": reason}]
    return Reply.of({"error": {"code": status, "message": message, "errors": errors}}, status)
