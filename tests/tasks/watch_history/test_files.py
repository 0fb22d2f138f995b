"""Files: whole or not at all, and never outside the data folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.exceptions import AbortRun
from tasks.watch_history.conf import USER_NAME, options
from tasks.watch_history.files import history_file, image_type, poster_file, raw_file, replacing, write_items

BAD_NAMES = [
    "../../etc/x",
    "a\0b",
    "x" * 300,
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "é",
    "-a",
    "a\n",
    "a ",
    "con.json",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_makes_no_path(configured: dict[str, Any], name: str) -> None:
    for path_of in (history_file, raw_file):
        with pytest.raises(AbortRun):
            path_of(options(), name)


@given(st.text(max_size=80))
def test_whatever_the_name_its_file_lies_in_the_data_folder(name: str) -> None:
    found = options()
    if USER_NAME.fullmatch(name):
        assert history_file(found, name).resolve().parent == found.data_dir.resolve()
    assert poster_file(found, name).resolve().parent == (found.data_dir / "posters").resolve()


def test_the_primary_user_has_the_plain_name(configured: dict[str, Any]) -> None:
    assert history_file(options(), "ada").name == "trakt_history.json"
    assert raw_file(options(), "grace").name == "trakt_raw_grace.json"


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


@pytest.mark.parametrize("items", [[], [{"title": "水"}], [{"a": 1}, {"b": None}]])
def test_items_are_written_as_one_object(tmp_path: Path, items: list[dict[str, Any]]) -> None:
    write_items(tmp_path / "new" / "file.json", {"count": len(items)}, items)
    assert json.loads((tmp_path / "new" / "file.json").read_text()) == {"count": len(items), "items": items}


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("safe")
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("safe", "new", False)


@pytest.mark.parametrize("content", [b"<svg/>", b"GIF89a", b"", b"%PDF"])
def test_only_plain_pictures_have_a_type(content: bytes) -> None:
    assert image_type(content) is None
