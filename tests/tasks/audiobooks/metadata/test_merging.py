"""Which source is believed for which field."""

from typing import Any

import pytest

from tasks.audiobooks.merging import FIELDS, merged, settled

ORDER = ["openlibrary", "google", "audnexus", "fourth"]
EMPTY: dict[str, Any] = dict.fromkeys(FIELDS, "") | {"rating": None, "series": None}


def both(name: str) -> dict[str, dict[str, Any]]:
    return {source: {name: f"by {source}"} for source in reversed(ORDER)}


@pytest.mark.parametrize(
    ("name", "teller"),
    [
        *((name, "openlibrary") for name in FIELDS if name not in {"publisher", "asin", "rating"}),
        *(("publisher", "google"), ("asin", "audnexus"), ("rating", "google")),
    ],
)
def test_each_field_has_its_order_of_belief(name: str, teller: str) -> None:
    found = merged(EMPTY, {}, both(name), ORDER)
    assert (found.values, found.told_by) == ({name: f"by {teller}"}, {name: teller})


@pytest.mark.parametrize("told_by", [{"isbn": "librivox"}, {"isbn": "staff"}, {}])
def test_what_is_no_sources_is_left_alone(told_by: dict[str, str]) -> None:
    found = merged({**EMPTY, "isbn": "its own"}, told_by, both("isbn"), ORDER)
    assert (found.values, found.told_by) == ({}, told_by)


def test_what_nobody_tells_any_more_stays() -> None:
    found = merged({**EMPTY, "isbn": "1"}, {"isbn": "google"}, {"google": {"isbn": ""}, "openlibrary": {}}, ORDER)
    assert (found.values, found.told_by) == ({}, {"isbn": "google"})


def test_a_value_that_is_told_by_another_source_now_is_written_down_so() -> None:
    found = merged({**EMPTY, "isbn": "1"}, {"isbn": "google"}, {"openlibrary": {"isbn": "1"}}, ORDER)
    assert (found.values, found.told_by) == ({}, {"isbn": "openlibrary"})


def test_a_source_that_nobody_has_named_for_a_field_may_tell_it() -> None:
    assert merged(EMPTY, {}, {"fourth": {"subtitle": "x"}}, ORDER).told_by == {"subtitle": "fourth"}


def test_nothing_is_something_else_than_empty() -> None:
    assert merged(EMPTY, {}, {"google": {"rating": None, "isbn": ""}, "openlibrary": {}}, ORDER).values == {}


def test_sources_are_told_which_fields_are_settled() -> None:
    current = {**EMPTY, "isbn": "1", "publisher": "Quay", "subtitle": "x"}
    assert settled(current, {"isbn": "librivox", "publisher": "google"}, ORDER) == {"isbn", "subtitle"}
