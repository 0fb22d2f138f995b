"""Google Books, spoken to over HTTP, and what it tells of a book. It needs a key, with which about a thousand
questions a day are free; without one all the world shares a pool that is always empty."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from tasks.audiobooks import facts
from tasks.audiobooks.conf import Options
from tasks.audiobooks.matching import Offer, bare, choose
from tasks.audiobooks.telling import UNCHANGED, Exhausted, Known, Refused, Said, condition, rate, validator
from tasks.audiobooks.titles import title_key
from tasks.audiobooks.values import address, text
from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, as_json

OFFERS = 10
REST = timedelta(days=1)  # for which a key that is used up is not used
WRONG_KEY = re.compile("API[ _]KEY[ _](not[ _]valid|invalid|expired)|keyInvalid|keyExpired|accessNotConfigured", re.I)
MISTAKEN = frozenset({"invalid", "invalidParameter", "invalidQuery", "badRequest", "required"})  # the question is


class GoogleBooks:
    name: ClassVar[str] = "google"

    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._key = options.google_books_api_key
        self._client = Client(
            "Google Books",
            options.google_books_url,
            headers={"User-Agent": options.user_agent, "Accept": "application/json"},
            rate=rate(options),
            credential=self._key,
            deadline=deadline,
        )

    @staticmethod
    def is_wanted(options: Options) -> bool:
        return bool(options.google_books_api_key)

    def ask(self, known: Known) -> Said | None:
        title = _quoted(bare(known.title))
        if not title_key(title):
            return None
        query = f'intitle:"{title}"' + (f' inauthor:"{_quoted(known.authors[0])}"' if known.authors else "")
        params: dict[str, str | int] = {"q": query, "maxResults": OFFERS, "printType": "books", "key": self._key}

        def read(answer: Answer) -> Said:
            if answer.status == 304:
                return UNCHANGED
            fields = _fields(_volumes(answer), known)
            return Said(found=bool(fields), fields=fields, validator=validator(query, answer))

        try:
            return self._client.get("/volumes", read, params=params, headers=condition(query, known), expect={304})
        except UpstreamError as error:
            if told := _refusal(error.body):
                raise Refused(f"Google Books refuses the key ({told}): check GOOGLE_BOOKS_API_KEY") from error
            if _is_exhausted(error):
                raise Exhausted(REST, f"Google Books gives nothing more with this key: {error}") from error
            raise

    def close(self) -> None:
        self._client.close()


def _is_exhausted(error: UpstreamError) -> bool:
    """A key that is used up is told by 403 and 429, and by 400 unless the question itself is bad."""
    is_mistaken = bool(_reasons(error.body) & MISTAKEN)
    return error.status in {403, 429} or (error.status == 400 and not is_mistaken)


def _refusal(body: str) -> str:
    """How it says that it does not take the key; empty if it says nothing of the kind."""
    found = WRONG_KEY.search(body)
    return found[0] if found else ""


def _reasons(body: str) -> set[str]:
    try:
        return {str(each["reason"]) for each in json.loads(body)["error"]["errors"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _volumes(answer: Answer) -> list[Mapping[str, Any]]:
    """What was found; `items` is absent when nothing was."""
    found = as_json(answer)
    if not isinstance(found, dict) or ("items" not in found and "totalItems" not in found):
        raise UpstreamError("sent no volumes", retryable=True)
    infos = (each.get("volumeInfo") for each in facts.objects(found.get("items")))
    return [info for info in infos if isinstance(info, dict)]


def _fields(volumes: list[Mapping[str, Any]], known: Known) -> dict[str, Any]:
    """Of the volume that is the book; empty if none is."""
    place = choose(known.wanted(), [_offer(volume) for volume in volumes])
    if place is None:
        return {}
    volume = volumes[place]
    identifiers = facts.objects(volume.get("industryIdentifiers"))
    return {
        "subtitle": text(volume.get("subtitle"), 500),
        "description": facts.html(volume.get("description")),
        "publisher": text(volume.get("publisher"), 200),
        "isbn": facts.isbn((each.get("identifier") for each in identifiers), known.isbn),
        "language": facts.language(facts.texts(volume.get("language"), 20)),
        "rating": facts.rating(volume.get("averageRating")),
        "cover_url": _thumbnail(volume.get("imageLinks")),
    }


def _offer(volume: Mapping[str, Any]) -> Offer:
    """Of several editions the one that more have rated, or that is described at all."""
    weight = facts.number(volume.get("ratingsCount")) or int(bool(volume.get("description")))
    return Offer(title=text(volume.get("title"), 500), authors=facts.texts(volume.get("authors"), 200), weight=weight)


def _thumbnail(links: Any) -> str:
    """Its address, over https, without the curled corner that is drawn into it on request."""
    links = links if isinstance(links, dict) else {}
    url = address(links.get("thumbnail")) or address(links.get("smallThumbnail"))
    if url.startswith("http://books.google."):
        url = url.replace("http://", "https://", 1)
    return url.replace("&edge=curl", "")


def _quoted(name: str) -> str:
    return name.replace('"', " ")
