"""The Internet Archive, spoken to over HTTP: top lists, the files of an item, and their bytes."""

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tasks.audiobooks.catalogue import File, NotThere, Ranked
from tasks.audiobooks.conf import Options
from tasks.audiobooks.values import LARGEST_SIZE, count, text
from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, Stream, as_json

COLLECTION = "librivoxaudio"
BURST = 2  # requests
FORMATS = ("64Kbps MP3", "128Kbps MP3", "VBR MP3")  # what is taken if the wanted one is not there, in this order
MOST_FILES = 2000  # of an item in one format
LONGEST_QUERY = 200  # characters of a genre
LONGEST_NAME = 300  # characters of a file's name
ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
UNUSABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
MD5 = re.compile(r"[0-9a-f]{32}")
TRACK = re.compile(r"\s*([0-9]{1,5})(?:\s*/.*)?\s*")
DIGITS = re.compile(r"([0-9]{1,9})")


class Archive:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._hosts = options.archive_hosts
        self._format = options.audio_format
        self._client = Client(
            "The Internet Archive",
            options.archive_url,
            deadline=deadline,
            headers={"User-Agent": options.user_agent},
            rate=Rate(options.audiobooks_rate, BURST),
        )

    def close(self) -> None:
        self._client.close()

    def top(self, genre: str, n: int) -> list[Ranked]:
        """The `n` that were fetched most this week, of a subject."""
        params: dict[str, Any] = {
            "q": query_for(genre),
            "fl[]": ["identifier", "title", "creator", "downloads", "week"],
            "sort[]": "week desc",
            "rows": n,
            "page": 1,
            "output": "json",
        }
        rows = self._client.get("/advancedsearch.php", _docs, params=params)
        return list(_ranked(rows[:n]))

    def files(self, archive_id: str) -> list[File]:
        """The parts in their order, in the wanted format, or in the best other one. Raises NotThere."""
        if not ITEM.fullmatch(archive_id):
            raise NotThere("The Internet Archive has no items of such a name", status=404)
        item = self._client.get(f"/metadata/{archive_id}", _item)
        if not item:
            raise NotThere(f"The Internet Archive has no item {archive_id}", status=404)
        if item.get("is_dark"):
            raise NotThere(f"The Internet Archive no longer shows {archive_id}", status=403)
        rows = [row for row in item.get("files") or () if isinstance(row, Mapping)]
        for kind in dict.fromkeys((self._format, *FORMATS)):
            if chosen := [row for row in rows if row.get("format") == kind]:
                return in_order(_named(archive_id, chosen))
        return []

    def download(self, archive_id: str, name: str, start: int) -> AbstractContextManager[Stream]:
        """The bytes of a file from `start` on. Where they come from is asked anew each time, and kept nowhere."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        return self._client.stream(f"/download/{archive_id}/{quote(name)}", hosts=self._hosts, headers=headers)


def query_for(genre: str) -> str:
    """The question for a subject, whose text cannot end the quotation marks that it stands in."""
    told = text(genre, LONGEST_QUERY).replace("\\", "\\\\").replace('"', '\\"')
    return f'collection:{COLLECTION} AND subject:"{told}"'


def parse_file(row: Mapping[str, Any]) -> File | None:
    """A file of an item; None for one whose name leads elsewhere, or is too long."""
    name = row.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or UNUSABLE.search(name):
        return None
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return None
    checksum = text(row.get("md5"), 40).lower()
    track = TRACK.fullmatch(text(row.get("track"), 20))
    return File(
        name=name,
        title=text(row.get("title"), 300),
        size=count(row.get("size"), LARGEST_SIZE) or None,
        md5=checksum if MD5.fullmatch(checksum) else "",
        track=int(track[1]) if track else None,
    )


def _named(archive_id: str, rows: list[Mapping[str, Any]]) -> Collection[File]:
    """The files, each once; a recording of which a part cannot be had is none."""
    found = [parse_file(row) for row in rows]
    if None in found or len(found) > MOST_FILES:
        raise UpstreamError(f"The Internet Archive has files in {archive_id} whose names cannot be used, or too many")
    return {file.name: file for file in found if file}.values()


def in_order(files: Iterable[File]) -> list[File]:
    """By track if each has one of its own, else by name, in which 2 comes before 10."""
    found = sorted(files, key=lambda file: _natural(file.name))
    tracks = {file.track for file in found}
    if None not in tracks and len(tracks) == len(found):
        return sorted(found, key=lambda file: file.track or 0)
    return found


def archive_id_in(value: Any) -> str:
    """The item that an address such as https://archive.org/details/x leads to; empty if it leads to none."""
    try:
        parts = urlsplit(text(value, 500)).path.strip("/").split("/")
    except ValueError:
        return ""
    found = unquote(parts[parts.index("details") + 1]) if "details" in parts[:-1] else ""
    return found if ITEM.fullmatch(found) else ""


def _ranked(rows: list[Any]) -> Iterable[Ranked]:
    seen: set[str] = set()
    for row in rows:
        found = text(row.get("identifier"), 121) if isinstance(row, Mapping) else ""
        if ITEM.fullmatch(found) and found not in seen:
            seen.add(found)
            yield Ranked(
                place=len(seen),
                archive_id=found,
                title=text(row.get("title"), 500) or found,
                author=text(row.get("creator"), 200),
                downloads=count(row.get("downloads")),
            )


def _natural(name: str) -> list[tuple[int, str]]:
    parts = DIGITS.split(name.casefold())
    return [(int(part), "") if number % 2 else (-1, part) for number, part in enumerate(parts)]


def _docs(answer: Answer) -> list[Any]:
    found = as_json(answer)
    if isinstance(found, Mapping) and found.get("error"):
        raise UpstreamError(f"cannot search: {text(found['error'], 200)}", retryable=True)
    response = found.get("response") if isinstance(found, Mapping) else None
    rows = response.get("docs") if isinstance(response, Mapping) else None
    if not isinstance(rows, list):
        raise UpstreamError("sent no list of items", retryable=True)
    return rows


def _item(answer: Answer) -> Mapping[str, Any]:
    found = as_json(answer)
    if isinstance(found, list) and not found:  # as PHP writes an empty object
        return {}
    if not isinstance(found, Mapping):
        raise UpstreamError("sent no item", retryable=True)
    if found.get("error"):
        raise UpstreamError(f"cannot tell: {text(found['error'], 200)}", retryable=True)
    return found
