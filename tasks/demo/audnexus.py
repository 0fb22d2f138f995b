"""An Audnexus of our own: titles by their ASIN."""

import re
from typing import Any

from tasks.demo import books
from tasks.demo.books import Work
from tasks.demo.upstream import Reply, Request

BOOK = re.compile(r"/audnexus/books/([^/]+)")
ASIN = re.compile(r"B[0-9A-Z]{9}")
SOLD_EVERY = 2  # each second work is sold


class Audnexus:
    def answers(self, path: str) -> bool:
        return path.startswith("/audnexus/")

    def reply(self, request: Request) -> Reply:
        found = BOOK.fullmatch(request.path)
        if found is None:
            return _error(404, "Not Found", "Route not found")
        if not ASIN.fullmatch(found[1]):
            return _error(400, "Bad Request", "Bad ASIN")
        work = next((work for work in books.ALL_WORKS[::SOLD_EVERY] if work.asin == found[1]), None)
        return Reply.of(_book(work)) if work else _error(404, "Not Found", f"{found[1]} not found")


def _book(work: Work) -> dict[str, Any]:
    return {
        "asin": work.asin,
        "title": work.title,
        "subtitle": work.subtitle or None,
        "authors": [{"asin": f"B9{work.author.librivox_id:0>8}", "name": work.author.name}],
        "narrators": [{"name": "Kim Alder"}],
        "publisherName": "Halyard Audio",
        "releaseDate": "2021-05-04T00:00:00.000Z",
        "runtimeLengthMin": 372,
        "language": work.language.lower(),
        "formatType": "unabridged",
        "rating": str(work.rating),
        "region": "us",
        "image": "",
        "genres": [{"asin": "1", "name": "Fiction", "type": "genre"}],
        "description": f"A story of {work.author.last_name}'s.",
        "summary": work.description,
    }


def _error(status: int, error: str, message: str) -> Reply:
    return Reply.of({"statusCode": status, "error": error, "message": message}, status)
