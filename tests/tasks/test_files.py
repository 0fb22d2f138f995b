"""Files are written whole or not at all, and only plain pictures count as such."""

import struct
from pathlib import Path

import pytest

from tasks.files import image_size, image_type, read, replacing


def test_a_failure_while_writing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def crash() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("safe")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("safe", "new", False)


def test_what_is_not_there_is_nothing_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert read(tmp_path / "none") is None
    assert read(tmp_path / "target") == b"secret"
    with pytest.raises(OSError, match="symbolic"):
        read(tmp_path / "link")


@pytest.mark.parametrize("content", [b"<svg/>", b"GIF89a", b"", b"%PDF", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"RIFF"])
def test_only_plain_pictures_have_a_type(content: bytes) -> None:
    assert image_type(content) is None


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 300, 450)
WEBP = b"RIFF\x00\x00\x00\x00WEBP"
FRAME = struct.pack(">BBHBHH", 0xFF, 0xC2, 11, 8, 450, 300)
APP = b"\xff\xe0" + struct.pack(">H", 6) + b"\xff\xc0xx"  # what it holds looks like a frame


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (PNG, (300, 450)),
        (b"\xff\xd8" + FRAME, (300, 450)),
        (b"\xff\xd8" + APP + b"\xff" + APP + b"\xff\x01" + FRAME, (300, 450)),
        (WEBP + b"VP8 " + bytes(10) + struct.pack("<HH", 300 | 0x4000, 450), (300, 450)),
        (WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 299 | 449 << 14), (300, 450)),
        (WEBP + b"VP8X" + bytes(8) + struct.pack("<I", 299)[:3] + struct.pack("<I", 449)[:3], (300, 450)),
        (PNG[:20], None),
        (PNG[:12] + b"IDAT" + PNG[16:], None),
        (PNG[:16] + bytes(8), None),
        (b"\xff\xd8\xff", None),
        (b"\xff\xd8\xff\xe0\x00\x02", None),
        (b"\xff\xd8" + APP + b"no segment", None),
        (b"\xff\xd8\xff\xe0\x00\x00" * 9, None),
        (WEBP + b"VP8X" + bytes(9), None),
        (WEBP + b"ALPH" + bytes(99), None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_a_picture_tells_its_size(content: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(content) == size
