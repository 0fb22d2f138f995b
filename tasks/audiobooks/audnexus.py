"""Audnexus, spoken to over HTTP, and what it tells of a book. It knows titles that are sold at Audible, each by its
ASIN, and cannot be searched by title: only a book of which another source has told an ASIN is asked about."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tasks.audiobooks import facts
from tasks.audiobooks.conf import Options
from tasks.audiobooks.matching import Offer, choose
from tasks.audiobooks.telling import NOT_FOUND, UNCHANGED, Known, Said, condition, rate, validator
from tasks.audiobooks.values import address, text
from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, as_json

PER_SECOND = 100 / 60  # all that it allows
UNKNOWN = frozenset({400, 404, 422})  # how it says that there is no such title


class Audnexus:
    name: ClassVar[str] = "audnexus"

    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._client = Client(
            "Audnexus",
            options.audnexus_url,
            headers={"User-Agent": options.user_agent, "Accept": "application/json"},
            rate=rate(options, PER_SECOND),
            deadline=deadline,
        )

    @staticmethod
    def is_wanted(options: Options) -> bool:
        return options.audnexus

    def ask(self, known: Known) -> Said | None:
        if not facts.ASIN.fullmatch(known.asin):
            return None
        path = f"/books/{known.asin}"

        def read(answer: Answer) -> Said:
            if answer.status == 304:
                return UNCHANGED
            fields = _fields(_book(answer), known)
            return Said(found=bool(fields), fields=fields, validator=validator(path, answer))

        params: dict[str, str | int] = {"region": "us", "seedAuthors": 0, "update": 0}
        try:
            return self._client.get(path, read, params=params, headers=condition(path, known), expect={304})
        except UpstreamError as error:
            if error.status in UNKNOWN:
                return NOT_FOUND
            raise

    def close(self) -> None:
        self._client.close()


def _book(answer: Answer) -> Mapping[str, Any]:
    found = as_json(answer)
    if not isinstance(found, dict) or "title" not in found:
        raise UpstreamError("sent something else than a book", retryable=True)
    return found


def _fields(raw: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """Empty if the ASIN is that of another book."""
    names = [text(author.get("name"), 200) for author in facts.objects(raw.get("authors"))]
    if choose(known.wanted(), [Offer(title=text(raw.get("title"), 500), authors=names)]) is None:
        return {}
    return {
        "asin": known.asin,
        "subtitle": text(raw.get("subtitle"), 500),
        "description": facts.html(raw.get("summary")) or facts.html(raw.get("description")),
        "publisher": text(raw.get("publisherName"), 200),
        "language": facts.language(facts.texts(raw.get("language"), 20)),
        "rating": facts.rating(raw.get("rating")),
        "cover_url": address(raw.get("image")),
    }
