"""Titles and names that mean the same have the same key."""

import pytest

from tasks.audiobooks.titles import last_name, name_key, same_work, title_key


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Tides of Salt", "tides of salt"),
        ("The Tides of Salt (version 2)", "tides of salt"),
        ("Tides of Salt, The", "tides of salt"),
        ("  TIDES   of salt: A Novel of the Sea ", "tides of salt"),
        ("Tides of Salt; or, The Whaler's Boy", "tides of salt"),
        ("Tides of Salt, or the Whaler", "tides of salt"),
        ("Tides of Salt \u2014 A Romance", "tides of salt"),
        ("Tides of Salt [Dramatic Reading]", "tides of salt"),
        ("Tides-of-Salt", "tides of salt"),
        ("T\u00efd\u00e9s \u00d8f S\u00e6lt", "tides of saelt"),
        ("Gr\u00f6\u00dfe", "grosse"),
        ("The Whaler\u2019s Boy & Co.", "whalers boy and co"),
        ("A", "a"),
        ("The", "the"),
        ("1984", "1984"),
        ("(Untitled)", "untitled"),
        ("???", ""),
        ("", ""),
        ("History of the Coast, Volume 2", "history of the coast volume 2"),
        ("History of the Coast (Vol. II)", "history of the coast volume 2"),
        ("The History of the Coast: Volume 02", "history of the coast volume 2"),
        ("Die Gezeiten, Teil 3", "gezeiten volume 3"),
        ("Volume 2", "volume 2"),
        ("\u6d77\u306e\u7269\u8a9e", "\u6d77\u306e\u7269\u8a9e"),
        (
            "\u0412\u043e\u0439\u043d\u0430 \u0438 \u043c\u0438\u0440",
            "\u0432\u043e\u0438\u043d\u0430 \u0438 \u043c\u0438\u0440",
        ),
    ],
)
def test_a_title_becomes_what_it_is_compared_by(title: str, key: str) -> None:
    assert title_key(title) == key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sherlock Holmes: A Study in Scarlet", "Sherlock Holmes: The Sign of Four", False),
        ("Poems - First Series", "Poems - Second Series", False),
        ("Poems \u2014 First Series", "Poems: First Series (version 2)", True),
        ("Poems", "Poems: First Series", True),
        ("Tides of Salt: A Novel", "Tides of Salt; A Novel of the Sea", True),
        ("Tides of Salt: A Novel", "Tides of Salt: A Novelty", False),
        ("Tides of Salt; or, The Whaler", "Tides of Salt, or the Whaler", True),
        ("History: Volume 2", "History - Vol. II", True),
        ("", "", True),
    ],
)
def test_subtitles_must_agree(one: str, other: str, same: bool) -> None:
    assert title_key(one) == title_key(other)
    assert same_work(one, other) is same_work(other, one) is same


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("A. Writer", "a writer"),
        ("Writer, A.", "a writer"),
        ("Writer, A., 1851-1910", "a writer"),
        ("A. Writer (1851 - 1910)", "a writer"),
        ("J.R.R. \u00c5str\u00f6m", "j r r astrom"),
        ("J. R. R. Astrom", "j r r astrom"),
        ("Siobh\u00e1n O\u2019Dell", "siobhan odell"),
        ("Writer, A., Jr.", "writer a jr"),
        ("", ""),
    ],
)
def test_a_name_becomes_what_it_is_compared_by(name: str, key: str) -> None:
    assert name_key(name) == key


@pytest.mark.parametrize("text", ["(" * 500, "a " * 250, "\ufdfa" * 500, ", or" * 125, "1" * 500, "vol " * 125])
def test_a_key_fits_its_column_whatever_it_is_made_of(text: str) -> None:
    assert len(title_key(text * 100)) <= 500
    assert len(name_key(text * 100)) <= 200


@pytest.mark.parametrize(
    ("name", "last"), [("A. Writer", "Writer"), ("Writer, A.", "Writer"), ("Writer", "Writer"), ("", "")]
)
def test_a_last_name_is_found(name: str, last: str) -> None:
    assert last_name(name) == last
