"""What of a text counts: its words, without what names one customer or one case."""

import time

import pytest

from tasks.tickets.naming import LONGEST_NAME, name_of
from tasks.tickets.space import Nearest, Space, centroid, most_central, top_terms, unit
from tasks.tickets.words import clean, terms


@pytest.mark.parametrize(
    "noise",
    [
        "#12345",
        "INV-2026-0017",
        "9f1c2b7a-0d7e-4a43-9b1f-1c5f0e6d7a88",
        "jo@customer.example",
        "https://app.example/exports?id=7&key=abc",
        "www.example.org/x",
        "\n> the export was fine last week\n",
        "\nOn Mon, 2 March, Jo Doe wrote:\n",
    ],
)
def test_what_names_one_case_is_left_out(noise: str) -> None:
    assert terms(f"The export fails {noise} silently") == terms("The export fails silently")


def test_words_are_counted_whatever_their_case() -> None:
    assert terms("The export fails. EXPORT failed. Key phrases: export") == {"export": 3, "fails": 1, "failed": 1}


def test_other_languages_have_words_too() -> None:
    assert "größe" in terms("Die Größe stimmt nicht")


@pytest.mark.parametrize(
    "text", ["a1" * 50_000, "> " * 50_000, "a@" * 50_000, "-" * 90_000, "On " * 30_000, "\x00" * 9]
)
def test_a_hostile_text_takes_no_longer_than_another(text: str) -> None:
    began = time.monotonic()
    clean(text)
    terms(text)
    assert time.monotonic() - began < 0.5


def test_terms_of_one_text_alone_weigh_nothing() -> None:
    space = Space.of([({"export", "empty"}, 2), ({"export", "rare"}, 1)])
    assert set(space.weights) == {"export", "empty"}
    assert space.weights["empty"] > space.weights["export"]


def test_a_text_of_which_nothing_is_known_is_nowhere() -> None:
    space = Space.of([({"export"}, 2)])
    assert space.read("login broken") == {}
    assert Nearest({1: {"export": 1.0}}).to({}) is None


def test_copies_count_in_the_middle() -> None:
    middle = centroid([({"a": 1.0}, 3), ({"b": 1.0}, 1)])
    assert middle["a"] == pytest.approx(3 * middle["b"], abs=1e-4)
    assert most_central(middle, [{"b": 1.0}, {"a": 1.0}]) == 1


def test_of_two_centroids_as_near_the_older_one_is_taken() -> None:
    assert Nearest({7: {"a": 1.0}, 3: {"a": 1.0}}).to(unit({"a": 2.0})) == (3, 1.0)


def test_a_name_has_the_title_and_what_it_does_not_say() -> None:
    assert top_terms({"csv": 0.5, "export": 0.9, "empty": 0.5}, 2) == ["export", "csv"]
    assert name_of("Export  is empty", ["export", "csv"]) == "Export is empty (csv)"
    assert name_of("", ["export", "csv"]) == "export, csv"
    assert len(name_of("word " * 100, ["t" * 90, "u" * 90])) <= LONGEST_NAME
