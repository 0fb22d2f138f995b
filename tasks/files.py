"""Files that are written whole or not at all, and what picture some bytes are."""

import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG: segments that begin a picture, and have its size
BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG: markers without a segment


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
    """The media type of a picture that a browser may be given, by its first twelve bytes; None for all else."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in IMAGES.items() if content.startswith(start)), None)


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, as the picture says before it is unpacked; None if it says nothing of the kind."""
    readers = {"image/png": _png_size, "image/jpeg": _jpeg_size, "image/webp": _webp_size}
    kind = image_type(content)
    try:
        size = readers[kind](content) if kind else None
    except (struct.error, IndexError):
        return None
    return size if size and all(size) else None


def _png_size(content: bytes) -> tuple[int, int] | None:
    name, width, height = struct.unpack_from(">4sII", content, 12)
    return (width, height) if name == b"IHDR" else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """From the first frame, which is behind segments of any length."""
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        if marker == 0xFF:
            at += 1
        elif marker in BARE:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", content, at + 2)[0]
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """From the first chunk: lossy, lossless, or extended."""
    chunk = content[12:16]
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
        return (width, height) if len(content) >= 30 else None
    return None
