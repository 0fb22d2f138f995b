"""Files of the watch history: never outside the data folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.exceptions import AbortRun
from tasks.watch_history.conf import USER_NAME, options
from tasks.watch_history.files import history_file, poster_file, raw_file, write_items

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


@pytest.mark.parametrize("items", [[], [{"title": "水"}], [{"a": 1}, {"b": None}]])
def test_items_are_written_as_one_object(tmp_path: Path, items: list[dict[str, Any]]) -> None:
    write_items(tmp_path / "new" / "file.json", {"count": len(items)}, items)
    assert json.loads((tmp_path / "new" / "file.json").read_text()) == {"count": len(items), "items": items}
