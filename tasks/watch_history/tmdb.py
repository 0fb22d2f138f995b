"""TMDB, spoken to over HTTP: who plays in a film or series, and its poster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.exceptions import UpstreamError
from tasks.files import image_type
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.watch_history.conf import Options

RATE = Rate(per_second=20, burst=20)  # TMDB bears about 40 a second
POSTER_SIZE = "w342"  # pixels across; one of the widths that TMDB has
POSTER_LIMIT = 3_000_000  # bytes
POSTER_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(jpg|jpeg|png|webp)")
CAST = 10  # names
PATHS = {"movie": ("/movie/{}", "credits"), "show": ("/tv/{}", "aggregate_credits")}


@dataclass(frozen=True, slots=True)
class Details:
    cast: list[str]  # the most important first
    poster_path: str  # empty: none
    runtime: int | None  # minutes
    genres: list[str]


class Tmdb:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        token = options.tmdb_api_token
        agent = {"User-Agent": options.user_agent}
        self._api = Client(
            "TMDB",
            options.tmdb_api_url,
            headers={**agent, "Authorization": f"Bearer {token}"},
            rate=RATE,
            credential=token,
            deadline=deadline,
        )
        self._images = Client(
            "TMDB's pictures",
            options.tmdb_image_url,
            headers=agent,
            rate=RATE,
            deadline=deadline,
            body_limit=POSTER_LIMIT,
        )

    def close(self) -> None:
        self._api.close()
        self._images.close()

    def details(self, kind: str, tmdb_id: int) -> Details | None:
        """What is known of a film or series; None if TMDB does not know it."""
        path, people = PATHS[kind]
        params = {"append_to_response": f"{people},images", "include_image_language": "en,null"}
        try:
            return self._api.get(path.format(tmdb_id), lambda answer: _details(answer, people), params=params)
        except UpstreamError as error:
            if error.status == 404:
                return None
            raise

    def poster(self, path: str) -> bytes:
        """The picture itself: JPEG, PNG or WebP, nothing else."""
        return self._images.get(f"/{POSTER_SIZE}{path}", _picture)


def _details(answer: Answer, people: str) -> Details:
    found = as_json(answer)
    try:
        cast = sorted(found.get(people, {}).get("cast", []), key=lambda person: person.get("order", CAST))
        return Details(
            cast=[str(person["name"]) for person in cast[:CAST]],
            poster_path=_poster_path(found),
            runtime=found.get("runtime") or None,
            genres=[str(genre["name"]) for genre in found.get("genres") or ()],
        )
    except (AttributeError, KeyError, TypeError):
        raise UpstreamError("sent something else than a film or series") from None


def _poster_path(found: Mapping[str, Any]) -> str:
    """The poster that TMDB prefers, or else the first of all."""
    others = (image.get("file_path") for image in (found.get("images") or {}).get("posters") or ())
    paths = [str(path) for path in (found.get("poster_path"), *others) if path]
    return next((path for path in paths if POSTER_PATH.fullmatch(path)), "")


def _picture(answer: Answer) -> bytes:
    if image_type(answer.body) is None:
        raise UpstreamError("sent something else than a picture")
    return answer.body
