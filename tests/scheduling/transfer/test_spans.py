"""Spans in a document: short for people, exact for machines, and read in every form that people write."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.transfer import spans


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=15), "15m"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=14, seconds=5), "14d5s"),
        (timedelta(seconds=0.25), "0.25s"),
        (timedelta(days=1, microseconds=1), "1d0.000001s"),
    ],
)
def test_a_span_is_written_short(span: timedelta, text: str) -> None:
    assert spans.write(span) == text


@given(st.timedeltas(min_value=timedelta()))
def test_every_span_comes_back_as_it_was(span: timedelta) -> None:
    assert spans.read(spans.write(span)) == span


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (90, 90),
        (1.5, 1.5),
        ("90", 90),
        ("2w", 1_209_600),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2 h 30 min", 9000),
        ("1 day", 86_400),
        ("1:30", 5400),
        ("PT15M", 900),
        ("P1DT2H", 93_600),
    ],
)
def test_a_span_is_read_in_every_form(value: Any, seconds: float) -> None:
    assert spans.read(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "15x", "PT", -5, "-5", True, None, [], "1e400s", float("inf"), 1e300])
def test_what_is_no_span_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"span|longer|unit|back"):
        spans.read(value)
