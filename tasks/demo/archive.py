"""An Internet Archive of our own: top lists, what items consist of, and their files on another node."""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import md5, sha1
from random import Random
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tasks.demo import books
from tasks.demo.books import Recording, Work
from tasks.demo.posters import poster
from tasks.demo.upstream import Reply, Request

SUBJECT = re.compile(r'subject:"((?:[^"\\]|\\.)*)"')
NODE = re.compile(r"/archive/node/(\d+)/items/([^/]+)/(.+)")
DOWNLOAD = re.compile(r"/archive/download/([^/]+)/(.+)")
PART = re.compile(r"part_(\d+)(_64kb)?\.mp3")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")
FRAME = b"\xff\xfb\x50\xc4" + bytes(204)  # 26 ms of silence: MPEG 1, layer 3, 64 kbit/s, 44.1 kHz
FRAMES_A_SECOND = 38
MOST_ROWS = 10_000


class Archive:
    """Gives away what is in the books' catalogue; the public attributes are switches for tests."""

    def __init__(self, *, bytes_per_second: float = 0) -> None:
        """0 bytes a second is as fast as can be."""
        self.bytes_per_second = bytes_per_second
        self.dark: set[str] = set()  # items that are hidden
        self.files: dict[str, list[Any]] = {}  # by item: instead of its own
        self.content: dict[tuple[str, str], bytes] = {}  # by item and name: instead of its own
        self.with_ranges = True

    def answers(self, path: str) -> bool:
        return path.startswith("/archive/")

    def reply(self, request: Request) -> Reply:
        if request.path == "/archive/advancedsearch.php":
            return self._search(request)
        if request.path.startswith("/archive/metadata/"):
            return Reply.of(self._item(request.path.removeprefix("/archive/metadata/")))
        if found := DOWNLOAD.fullmatch(request.path):
            return self._elsewhere(request, *found.groups())
        if found := NODE.fullmatch(request.path):
            return self._file(request, found[2], found[3])
        return Reply(404)

    def _search(self, request: Request) -> Reply:
        asked = parse_qs(urlsplit(request.target).query)
        query, rows = asked.get("q", [""])[0], int(asked.get("rows", ["50"])[0])
        subject = SUBJECT.search(query)
        if not query or query.count('"') % 2:
            return Reply.of({"error": "[SEARCH] syntax error in the query", "forensics": {}})
        wanted = re.sub(r"\\(.)", r"\1", subject[1]).lower() if subject else ""
        found = [
            (work, each)
            for work, each in books.BY_ARCHIVE_ID.values()
            if not wanted or wanted in {genre.lower() for genre in work.genres}
        ]
        by_week = "week desc" in asked.get("sort[]", [])
        found.sort(key=lambda pair: pair[1].week if by_week else pair[1].downloads, reverse=True)
        docs = [_doc(work, each, asked.get("fl[]", [])) for work, each in found[: min(rows, MOST_ROWS)]]
        header = {"status": 0, "QTime": 12, "params": {"query": query}}
        return Reply.of({"responseHeader": header, "response": {"numFound": len(found), "start": 0, "docs": docs}})

    def _item(self, archive_id: str) -> dict[str, Any]:
        """What is known of an item; nothing of one that there is not."""
        if archive_id in self.dark:
            return {"is_dark": True, "metadata": {"identifier": archive_id}}
        if archive_id not in books.BY_ARCHIVE_ID:
            return {}
        work, recording = books.BY_ARCHIVE_ID[archive_id]
        files = self.files.get(archive_id) or list(_files(work, recording))
        told = {"identifier": archive_id, "mediatype": "audio", "title": work.title, "creator": work.author.name}
        return {
            "created": 1789000001,
            "d1": "ia800.us.archive.org",
            "dir": f"/9/items/{archive_id}",
            "server": "ia800.us.archive.org",
            "files_count": len(files),
            "item_size": 190233000,
            "metadata": {**told, "collection": ["librivoxaudio"], "subject": ["librivox", *work.genres]},
            "files": files,
        }

    def _elsewhere(self, request: Request, archive_id: str, name: str) -> Reply:
        if archive_id not in books.BY_ARCHIVE_ID or archive_id in self.dark:
            return Reply(404, {"Content-Type": "text/html"}, b"<h1>Item not available</h1>")
        node = f"http://{request.headers.get('host')}/archive/node/9/items/{archive_id}/{quote(name)}"
        return Reply(302, {"Location": node})

    def _file(self, request: Request, archive_id: str, name: str) -> Reply:
        if name == "cover.png":
            return Reply(headers={"Content-Type": "image/png"}, body=poster(archive_id))
        content = self.content.get((archive_id, name), _content(archive_id, name))
        if not content:
            return Reply(404)
        whole = {"Content-Type": "audio/mpeg", "Accept-Ranges": "bytes"}
        asked = RANGE.fullmatch(request.headers.get("range", ""))
        start = int(asked[1]) if asked and self.with_ranges else 0
        if start >= len(content):
            return Reply(416, {"Content-Range": f"bytes */{len(content)}"})
        if not (asked and self.with_ranges):
            return Reply(200, whole, content, self.bytes_per_second)
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Reply(206, {**whole, "Content-Range": span}, content[start:], self.bytes_per_second)


def _doc(work: Work, recording: Recording, fields: list[str]) -> dict[str, Any]:
    """A line of a list, with fields that are missing, a text or a list, as they come."""
    number = work.number
    told: dict[str, Any] = {
        "identifier": recording.archive_id,
        "title": [work.title] if number % 5 == 2 else work.title,
        "creator": [work.author.name, "LibriVox"] if number % 4 == 1 else work.author.name,
        "subject": "librivox" if number % 3 == 0 else ["librivox", *work.genres],
        "downloads": recording.downloads if number % 6 else str(recording.downloads),
        "week": recording.week,
    }
    if number % 9 == 7:
        del told["creator"]
    return {name: value for name, value in told.items() if not fields or name in fields}


def _files(work: Work, recording: Recording) -> Iterator[dict[str, str]]:
    """The files of an item: each part as it was read and as a smaller one, and what else lies there."""
    archive_id = recording.archive_id
    for number in range(recording.parts, 0, -1):
        for name, kind in ((f"part_{number:02}.mp3", "128Kbps MP3"), (f"part_{number:02}_64kb.mp3", "64Kbps MP3")):
            content = _content(archive_id, name)
            yield {
                "name": name,
                "source": "original" if kind == "128Kbps MP3" else "derivative",
                "format": kind,
                "length": f"{len(content) // 8000}.29" if number % 2 else f"{len(content) // 480_000}:07",
                "size": str(len(content)),
                "md5": md5(content, usedforsecurity=False).hexdigest(),
                "sha1": sha1(content, usedforsecurity=False).hexdigest(),
                "title": f"{number:02} - {work.title}: Chapter {number}",
                **({"track": f"{number}/{recording.parts}"} if work.number % 2 else {}),
            }
    yield {"name": "cover.png", "source": "original", "format": "JPEG", "size": "20000"}
    yield {"name": f"{archive_id}_meta.xml", "source": "original", "format": "Metadata"}


@lru_cache(maxsize=64)
def _content(archive_id: str, name: str) -> bytes:
    """A short piece of silence with a title in front; empty for a file that there is not."""
    found = PART.fullmatch(name)
    _, recording = books.BY_ARCHIVE_ID.get(archive_id, (None, None))
    if not found or recording is None or not 1 <= int(found[1]) <= recording.parts:
        return b""
    seconds = Random(f"{archive_id} {name}").randint(3, 24)  # noqa: S311
    return _title_tag(f"{archive_id} {name}") + FRAME * (seconds * FRAMES_A_SECOND)


def _title_tag(title: str) -> bytes:
    """An ID3 tag, version 2.3."""
    text = b"\x00" + title.encode("latin-1", "replace")
    frame = b"TIT2" + len(text).to_bytes(4) + b"\x00\x00" + text
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + frame
