"""What sources say, made such as columns take."""

import math
from typing import Any

import pytest

from tasks.audiobooks import facts

ANYTHING: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        5,
        2**70,
        4.5,
        math.nan,
        math.inf,
        "",
        "x",
        "\x00\ud800",
        "9" * 99,
        " \n ",
        "<p>x",
        "/works/OL9W",
    ),
    *(
        [],
        [[]],
        [None, {}, "a\x00b", 7, True],
        {},
        {"value": 5},
        {"value": {"value": "x"}},
        {"type": "x", "value": "<b>x"},
    ),
]


@pytest.mark.parametrize("value", ANYTHING)
def test_whatever_comes_nothing_breaks(value: Any) -> None:
    assert len(facts.isbn([value])) in {0, 13}
    assert len(facts.asin([value])) in {0, 10}
    assert len(facts.key(value)) <= 30
    assert len(facts.year(value)) in {0, 4}
    assert facts.rating(value) is None or 0 <= (facts.rating(value) or 0) <= 5
    assert facts.number(value) is None or 0 < (facts.number(value) or 0) < 2**63
    assert isinstance(facts.html(value), str)
    assert all(len(each) <= 9 and "\x00" not in each for each in (*facts.texts(value, 9), *facts.places(value, 9)))
    assert all(isinstance(each, dict) for each in facts.objects(value))


@pytest.mark.parametrize(
    ("raw", "isbn"),
    [
        ("978-0-306-40615-7", "9780306406157"),
        ("9780306406157", "9780306406157"),
        (9780306406157, "9780306406157"),
        ("9780306406158", ""),
        ("0-306-40615-2", "9780306406157"),
        ("080442957X", "9780804429573"),
        ("080442957x", "9780804429573"),
        ("0306406153", ""),
        ("1234567890128", ""),
        ("٩٧٨٠٣٠٦٤٠٦١٥٧", ""),
        ("", ""),
        (None, ""),
        ([], ""),
    ],
)
def test_an_isbn_is_checked_and_has_thirteen_digits(raw: Any, isbn: str) -> None:
    assert facts.isbn([raw]) == isbn


def test_an_isbn_that_is_known_stays_while_it_is_told() -> None:
    assert facts.isbn(["0306406152", "080442957X"], "9780804429573") == "9780804429573"
    assert facts.isbn(["0306406152"], "9780804429573") == "9780306406157"


@pytest.mark.parametrize(
    ("raw", "rating"),
    [
        (4.137, 4.14),
        ("4.6", 4.6),
        (5, 5),
        (5.01, None),
        (0, None),
        (-1, None),
        (math.nan, None),
        (True, None),
        ("x", None),
    ],
)
def test_a_rating_is_from_0_to_5(raw: Any, rating: float | None) -> None:
    assert facts.rating(raw) == rating


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("/works/OL900W", "OL900W"),
        ("OL77A", "OL77A"),
        ("/works/OL9W/../x", ""),
        ("OL1X", ""),
        (7, ""),
        ("OL" + "9" * 40 + "W", ""),
    ],
)
def test_a_key_is_of_the_strict_form(raw: Any, key: str) -> None:
    assert facts.key(raw) == key


@pytest.mark.parametrize(
    ("raw", "year"), [("1899-05", "1899"), (1899, "1899"), ("May 1, 1851", "1851"), ("123456", ""), ("65", "")]
)
def test_a_year_has_four_digits(raw: Any, year: str) -> None:
    assert facts.year(raw) == year


@pytest.mark.parametrize(
    ("raw", "name"), [(["eng"], "English"), (["en", "eng"], "English"), (["eng", "ger"], ""), ([], ""), (["xx"], "")]
)
def test_a_language_counts_if_it_is_the_only_one(raw: list[str], name: str) -> None:
    assert facts.language(raw) == name


def test_ids_may_be_larger_than_floats_are_exact() -> None:
    assert facts.number(2**53 + 1) == facts.number(str(2**53 + 1)) == 2**53 + 1
