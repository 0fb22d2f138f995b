"""Files are written whole or not at all, and only plain pictures count as such."""

from pathlib import Path

import pytest

from tasks.files import image_type, read, replacing


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


@pytest.mark.parametrize("content", [b"<svg/>", b"GIF89a", b"", b"%PDF"])
def test_only_plain_pictures_have_a_type(content: bytes) -> None:
    assert image_type(content) is None
