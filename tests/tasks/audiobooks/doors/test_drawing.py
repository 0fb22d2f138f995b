"""Places in a series in their order, squares, changes of places, addresses that may be shown. Pure."""

from datetime import date

import pytest

from tasks.audiobooks.admin.drawing import MOST_SQUARES, change, in_order, page_address, percent, squares
from tasks.audiobooks.admin.top import two_days
from tasks.audiobooks.fullness import size_words

pytestmark = pytest.mark.sqlite_only


def test_a_half_sorts_between_wholes_and_nothing_at_the_end() -> None:
    given = ["", "10", "2.5", "Prequel", "3", "2", " ", "1-3", "0"]
    assert sorted(given, key=in_order) == ["0", "1-3", "2", "2.5", "3", "10", "Prequel", "", " "]


def test_a_series_is_drawn_in_its_order_and_cut() -> None:
    works = [(str(number), f"T{number}", "owned" if number % 2 else "missing") for number in range(50, 0, -1)]
    drawn = squares([*works, ("", "Companion", "ignored")])
    assert [each.label for each in drawn.shown[:3]] == ["1", "2", "3"]
    assert (len(drawn.shown), drawn.more, drawn.words) == (MOST_SQUARES, 51 - MOST_SQUARES, "25 of 50 are here")
    assert drawn.shown[1].words == "2: T2, not in the catalogue"


@pytest.mark.parametrize(
    ("owned", "wanted", "expected"), [(0, 0, 100), (0, 5, 0), (3, 5, 60), (999, 1000, 99), (5, 5, 100), (7, 5, 100)]
)
def test_only_what_is_whole_has_a_hundred_percent(owned: int, wanted: int, expected: int) -> None:
    assert percent(owned, wanted) == expected


@pytest.mark.parametrize(
    ("place", "before", "sign"),
    [(1, {"a": 3}, "▲2"), (3, {"a": 1}, "▼2"), (2, {"a": 2}, "="), (1, {"b": 1}, "new"), (1, {}, "")],
)
def test_a_place_tells_how_it_has_changed(place: int, before: dict[str, int], sign: str) -> None:
    assert change(place, "a", before)[0] == sign


def test_the_list_of_the_week_before_is_at_least_six_days_older() -> None:
    days = [date(2026, 3, day) for day in (1, 8, 14, 15)]
    assert two_days(days) == (date(2026, 3, 15), date(2026, 3, 8))
    assert two_days(days[2:]) == (date(2026, 3, 15), None)
    assert two_days([]) == (None, None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://librivox.org/tides", True),
        ("http://archive.org/details/x", True),
        *((url, False) for url in ("javascript:alert(1)", "data:text/html,x", "//x.example", "https://", "ftp://x/")),
        ("", False),
        *((url, False) for url in ("JaVaScRiPt:alert(1)", " javascript:alert(1)", "http://[bad", "/admin/logout/")),
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_are_links(url: str, shown: bool) -> None:
    assert page_address(url) == (url if shown else "")


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, "—"), (0, "0 bytes"), (4_200, "4.2 kB"), (3 * 10**8, "300 MB"), (5 * 10**15, "5,000 TB")],
)  # fmt: skip
def test_sizes_are_told_as_people_read_them(size: int | None, words: str) -> None:
    assert size_words(size) == words
