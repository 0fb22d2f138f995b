"""Posters drawn from a name: a sky, a sun, hills; as PNG, without a library for pictures."""

import colorsys
import math
import struct
import zlib
from functools import lru_cache
from random import Random

WIDTH, HEIGHT = 342, 513  # pixels

type Colour = tuple[int, int, int]


@lru_cache(maxsize=256)
def poster(name: str) -> bytes:
    """A PNG picture; the same name gives the same picture."""
    random = Random(name)  # noqa: S311
    hue = random.random()
    top, bottom = _colour(hue, 0.6, 0.25), _colour(hue + 0.12, 0.7, 0.9)
    sun, hill = _colour(hue + 0.5, 0.35, 1.0), _colour(hue + 0.05, 0.8, 0.15)
    sun_x, sun_y, radius = random.randint(60, 280), random.randint(90, 260), random.randint(35, 80)
    swing, phase = random.randint(12, 45), random.random() * 6
    ridge = [HEIGHT * 0.72 + swing * math.sin(x / 55 + phase) for x in range(WIDTH)]
    rows = []
    for y in range(HEIGHT):
        row = bytearray(bytes(_between(top, bottom, y / HEIGHT)) * WIDTH)
        half = math.isqrt(max(radius**2 - (y - sun_y) ** 2, 0))
        _span(row, sun_x - half, sun_x + half, sun)
        for x in range(WIDTH) if y > HEIGHT / 2 else ():
            if y > ridge[x]:
                _span(row, x, x + 1, hill)
        rows.append(b"\x00" + row)
    return _png(b"".join(rows))


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _span(row: bytearray, start: int, end: int, colour: Colour) -> None:
    start, end = max(start, 0), min(end, WIDTH)
    row[start * 3 : end * 3] = bytes(colour) * (end - start)


def _png(rows: bytes) -> bytes:
    """`rows` (each a filter byte and RGB) as a file: header, pixels, end."""
    header = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
