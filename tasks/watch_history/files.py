"""The files of this workload: histories and raw answers as JSON, posters; written whole or not at all.

Only names of the strict form of a Trakt user reach a path, and posters are called by a hash.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from tasks.exceptions import AbortRun
from tasks.watch_history.conf import USER_NAME, Options

IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}


def history_file(options: Options, user: str) -> Path:
    return _file_of(options, "trakt_history", user)


def raw_file(options: Options, user: str) -> Path:
    return _file_of(options, "trakt_raw", user)


def poster_file(options: Options, poster_path: str) -> Path:
    return options.data_dir / "posters" / sha256(poster_path.encode()).hexdigest()


def write_items(path: Path, head: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> None:
    """Replace `path` by one JSON object: `head`, and `items` one a line, never all in memory."""
    with replacing(path) as file:
        file.write(json.dumps(head, ensure_ascii=False).removesuffix("}").encode())
        file.write(b', "items": [')
        for index, item in enumerate(items):
            file.write(b",\n" if index else b"\n")
            file.write(json.dumps(item, ensure_ascii=False).encode())
        file.write(b"\n]}\n")


@contextmanager
def replacing(path: Path, mode: int = 0o640) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when all is on the disk; after an error `path` is as before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            yield file
            file.flush()
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> bytes | None:
    """What the file holds; None if it is not there. A symbolic link in its place is an error."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read()


def image_type(content: bytes) -> str | None:
    """The media type of a picture that a browser may be given, by its first bytes; None for all else."""
    return next((kind for start, kind in IMAGES.items() if content.startswith(start)), None)


def _file_of(options: Options, stem: str, user: str) -> Path:
    if not USER_NAME.fullmatch(user):
        raise AbortRun(f"{user[:60]!r} is no Trakt user name.")
    return options.data_dir / (f"{stem}.json" if user == options.primary_user else f"{stem}_{user}.json")
