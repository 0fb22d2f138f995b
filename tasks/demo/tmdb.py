"""A TMDB of our own: cast and posters of the catalogue's works."""

import re
from typing import Any

from tasks.demo import catalogue
from tasks.demo.catalogue import Work
from tasks.demo.posters import poster
from tasks.demo.upstream import Reply, Request

TOKEN = "demo"  # noqa: S105
DETAILS = re.compile(r"/3/(movie|tv)/(\d+)")
PICTURE = re.compile(r"/t/p/w\d+/([a-z0-9-]+)\.png")
KINDS = {"movie": "movie", "tv": "show"}


class Tmdb:
    def __init__(self) -> None:
        works = (*catalogue.FILMS, *catalogue.SHOWS)
        self._works = {(work.kind, work.tmdb): work for work in works}

    def answers(self, path: str) -> bool:
        return path.startswith(("/3/", "/t/p/"))

    def reply(self, request: Request) -> Reply:
        if picture := PICTURE.fullmatch(request.path):
            return Reply(headers={"Content-Type": "image/png"}, body=poster(picture[1]))
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, 7, "Invalid API key: You must be granted a valid key.")
        found = DETAILS.fullmatch(request.path)
        work = self._works.get((KINDS[found[1]], int(found[2]))) if found else None
        if work is None:
            return _error(404, 34, "The resource you requested could not be found.")
        return Reply.of(_details(work, request.params.get("append_to_response", "").split(",")))


def _details(work: Work, appended: list[str]) -> dict[str, Any]:
    people = [{"id": index, "name": name, "order": index} for index, name in enumerate(catalogue.cast(work))]
    path = f"/{work.slug}.png"
    parts: dict[str, Any] = {
        "credits": {"cast": people, "crew": []},
        "aggregate_credits": {"cast": [{**person, "roles": []} for person in people], "crew": []},
        "images": {"posters": [{"file_path": path, "iso_639_1": "en"}], "backdrops": [], "logos": []},
    }
    return {
        "id": work.tmdb,
        "title" if work.kind == "movie" else "name": work.title,
        "poster_path": path if work.id % 7 else None,
        "backdrop_path": None,
        "runtime": work.random.randint(40, 140),
        "genres": [{"id": index, "name": name.title()} for index, name in enumerate(catalogue.genres(work))],
        **{name: parts[name] for name in appended if name in parts},
    }


def _error(status: int, code: int, message: str) -> Reply:
    return Reply.of({"status_code": code, "status_message": message, "success": False}, status)
