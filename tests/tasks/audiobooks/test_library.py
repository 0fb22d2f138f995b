"""Names that are safe everywhere, places that are predictable, and a library that nothing leads out of."""

import os
from pathlib import Path

import pytest

from tasks.audiobooks.library import Library, NotSafe, Place, file_of, folder_of, open_part, safe_name

HOSTILE = [
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "...",
        "~",
        "a/b\\c:d",
        "C:\\x",
        "\x00\x1b\n",
        "\u202egnp.exe",
        " ",
    ),
    *(
        "CON",
        "con.mp3",
        "LPT\u00b9",
        ".hidden",
        "x" * 900,
        "\u6d77" * 300,
        "e\u0301" * 200,
        "\ud7ff",
        'a*b?<c>|"d"',
        "",
    ),
]


def library(folder: Path, budget: int = 0, free: int = 0) -> Library:
    return Library(folder, budget=budget, free=free)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("longest", [10, 120])
def test_a_name_is_safe_whatever_it_is_made_of(text: str, longest: int) -> None:
    name = safe_name(text, longest)
    assert len(name.encode()) <= longest
    assert not set(name) & set('/\\:*?"<>|\x00\x1b\n\u202e')
    assert name == name.strip(". ")
    assert name.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT\u00b9"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tides of Salt: A Novel", "Tides of Salt- A Novel"),
        ("Who?  Me!", "Who Me!"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("CON", "_CON"),
        ("Console", "Console"),
        ("J. R. R.", "J. R. R"),
        ("\u6d77\u306e\u7269\u8a9e", "\u6d77\u306e\u7269\u8a9e"),
    ],
)
def test_a_name_stays_readable(text: str, name: str) -> None:
    assert safe_name(text, 100) == name


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        (
            Place("A. Writer", "Salt Coast", "2", "Tides of Salt", "tides_1"),
            "A. Writer/Salt Coast/02 - Tides of Salt (tides_1)",
        ),
        (Place("A. Writer", "Salt Coast", "2.5", "Tides", "t"), "A. Writer/Salt Coast/02.5 - Tides (t)"),
        (Place("A. Writer", "Salt Coast", "", "Tides", "t"), "A. Writer/Salt Coast/Tides (t)"),
        (Place("A. Writer", "Salt Coast", "1/2", "Tides", "t"), "A. Writer/Salt Coast/1-2 - Tides (t)"),
        (Place("A. Writer", "", "7", "Tides", "t"), "A. Writer/Tides (t)"),
        (Place("", "", "", "", "t"), "Unknown author/Untitled (t)"),
        (Place("..", "..", "..", "..", "t"), "Unknown author/Series/Untitled (t)"),
    ],
)
def test_a_recording_has_one_place(place: Place, folder: str) -> None:
    assert folder_of(place) == folder


def test_the_longest_place_fits_its_column_and_keeps_its_item() -> None:
    folder = folder_of(Place("\u6d77" * 300, "s" * 900, "9" * 20, "\U0001f40b" * 500, "i" * 120))
    assert len(folder) <= 500
    assert all(len(name.encode()) <= 200 for name in folder.split("/"))
    assert folder.endswith(f"({'i' * 120})")


@pytest.mark.parametrize(
    ("number", "title", "name", "of", "file"),
    [
        (1, "01 - Chapter 1", "x.mp3", 12, "001 - Chapter 1.mp3"),
        (12, "", "x.MP3", 12, "012.mp3"),
        (1, "1984", "x", 12, "001 - 1984.mp3"),
        (7, "../x", "x.sh", 2000, "0007 - -x.mp3"),
        (1, "\u6d77" * 300, "x.m4b", 1, "001 - " + "\u6d77" * 46 + ".m4b"),
    ],
)
def test_a_part_has_a_name_in_order(number: int, title: str, name: str, of: int, file: str) -> None:
    assert file_of(number, title, name, of) == file


def test_a_folder_appears_at_once(tmp_path: Path) -> None:
    books = library(tmp_path / "new")
    (books.incoming(7) / "001.mp3").write_bytes(b"x" * 10)
    assert books.gathered() == [7]
    books.move(7, "A/S/01 - T (i)")
    assert books.sizes("A/S/01 - T (i)") == {"001.mp3": 10}
    assert (books.gathered(), books.sizes("A/nobody")) == ([], {})


def test_a_folder_of_the_same_name_is_not_touched(tmp_path: Path) -> None:
    books = library(tmp_path)
    (tmp_path / "A" / "T").mkdir(parents=True)
    assert books.choose("A/T") == "A/T", "an empty folder is nothing"
    (tmp_path / "A" / "T" / "1.mp3").touch()
    assert books.choose("A/T") == "A/T (2)"
    (tmp_path / "A" / "T (2)").symlink_to("/")
    assert books.choose("A/T") == "A/T (3)"


@pytest.mark.parametrize("target", ["A/T", "../x", "/etc/x", "A/../../x", "", "."])
def test_nothing_leads_out_of_the_library(tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    books = library(tmp_path / "library")
    (tmp_path / "library" / "A").symlink_to(outside)
    books.incoming(1)
    with pytest.raises((NotSafe, OSError)):
        books.move(1, target)
    assert not list(outside.iterdir())


def test_a_link_in_the_way_of_a_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link, pipe = tmp_path / "1.part", tmp_path / "2.part"
    link.symlink_to(victim)
    os.mkfifo(pipe)
    for path in (link, pipe):
        with pytest.raises(NotSafe):
            open_part(path)
    assert victim.read_text() == "precious"


def test_a_link_in_place_of_what_was_gathered_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    books = library(tmp_path / "library")
    books.incoming(1)
    (books.folder / ".incoming" / "2").symlink_to(outside)
    books.forget(2)
    with pytest.raises(NotSafe):
        books.incoming(2)
    assert outside.exists()


def test_room_is_what_the_budget_and_the_disk_leave(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.mp3").write_bytes(b"x" * 40)
    (tmp_path / "link.mp3").symlink_to(tmp_path / "a" / "1.mp3")
    books = library(tmp_path, budget=100)
    assert books.room() == 60
    books.took(50)
    assert books.room() == 10
    assert library(tmp_path).room() > 10**6
    assert library(tmp_path, budget=100, free=10**18).room() < 0
