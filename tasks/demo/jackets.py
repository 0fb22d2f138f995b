"""Covers of books drawn from a number: bands, a spine, an emblem; as PNG, without a library for pictures."""

import colorsys
import math
import struct
import zlib
from functools import lru_cache
from random import Random

WIDTH, HEIGHT = 180, 270  # pixels, as Open Library's middle size is about
SPINE = 12

type Colour = tuple[int, int, int]


@lru_cache(maxsize=256)
def jacket(number: int) -> bytes:
    """A PNG picture; the same number gives the same picture."""
    random = Random(f"jacket {number}")  # noqa: S311
    hue = random.random()
    paper, ink = _colour(hue, 0.55, 0.45), _colour(hue + 0.08, 0.25, 0.95)
    dark, glow = _colour(hue, 0.7, 0.22), _colour(hue + random.choice((0.33, 0.5, 0.62)), 0.4, 0.92)
    emblem = random.choice((_rings, _waves, _rays, _steps))
    rows = []
    for y in range(HEIGHT):
        row = bytearray(bytes(paper) * WIDTH)
        _span(row, 0, SPINE, dark)
        if 28 <= y < 84:  # where a title would stand
            _span(row, SPINE + 14, WIDTH - 14, ink)
            if y % 18 in range(4, 12):
                _span(row, SPINE + 26, WIDTH - 26 - (number * 7 + y // 18 * 31) % 50, dark)
        elif 104 <= y < HEIGHT - 24:
            for x in range(SPINE + 14, WIDTH - 14):
                if emblem(x - (WIDTH + SPINE) / 2, y - 175, number):
                    _span(row, x, x + 1, glow)
        rows.append(b"\x00" + row)
    return _png(b"".join(rows))


def _rings(x: float, y: float, number: int) -> bool:
    return math.hypot(x, y) < 66 and int(math.hypot(x, y) / (7 + number % 4)) % 2 == 0


def _waves(x: float, y: float, number: int) -> bool:
    return int((y + 8 * math.sin(x / (9 + number % 5))) / 9) % 2 == 0


def _rays(x: float, y: float, number: int) -> bool:
    return math.hypot(x, y) < 66 and int((math.atan2(y, x) + math.pi) * (6 + number % 5) / math.pi) % 2 == 0


def _steps(x: float, y: float, number: int) -> bool:
    return (int(x + 90) // (18 + number % 9) + int(y + 90) // 22) % 2 == 0


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _span(row: bytearray, start: int, end: int, colour: Colour) -> None:
    row[start * 3 : end * 3] = bytes(colour) * (end - start)


def _png(rows: bytes) -> bytes:
    """`rows` (each a filter byte and RGB) as a file: header, pixels, end."""
    header = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
