"""Files that are written whole or not at all, and what kind of picture some bytes are."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}


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
