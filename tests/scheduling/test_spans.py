"""Spans are read as people write them, and written so that they are read back the same."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling import spans


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("15 min", 900),
        ("15min", 900),
        ("2 h 30 min", 9000),
        ("2h30m", 9000),
        ("1 day", 86_400),
        ("1 day, 2 hours and 3 minutes", 93_780),
        ("1 week", 604_800),
        ("0:15", 900),
        ("01:30:05", 5405),
        ("0", 0),
    ],
)
def test_people_write_spans_in_many_ways(text: str, seconds: float) -> None:
    assert spans.read(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "-5", "5 parsecs", "2 h 30", "min", "1 day ago", "9" * 40, "1" * 5000 + "!"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\."):
        spans.read(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=5000)))
def test_a_span_is_read_as_it_was_written(span: timedelta) -> None:
    assert spans.read(spans.write(span)) == span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.843, "0.84 s"), (12.34, "12.3 s"), (59.97, "1 min"), (184, "3 min 4 s"), (18_721, "5 h 12 min")],
)
def test_a_list_needs_spans_only_roughly(seconds: float, text: str) -> None:
    assert spans.brief(timedelta(seconds=seconds)) == text
