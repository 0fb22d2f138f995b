"""The moment that a person asks for."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduling.explain import asked
from tests.scheduling.explain.stage import (
    BERLIN,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # 13:00 in Berlin


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("02:00", datetime(2026, 11, 21, 1, tzinfo=UTC)),
        ("2:00", datetime(2026, 11, 21, 1, tzinfo=UTC)),
        ("13:00", NOW),
        ("13:00:30", NOW + timedelta(seconds=30) - timedelta(days=1)),
        ("yesterday 02:00", datetime(2026, 11, 20, 1, tzinfo=UTC)),
        ("Tomorrow at 02:00", datetime(2026, 11, 22, 1, tzinfo=UTC)),
        ("today 23:00", datetime(2026, 11, 21, 22, tzinfo=UTC)),
        ("2026-07-21 02:00", datetime(2026, 7, 21, 0, tzinfo=UTC)),
        ("2026-07-21T02:00:30", datetime(2026, 7, 21, 0, 0, 30, tzinfo=UTC)),
        ("2026-07-21T02:00Z", datetime(2026, 7, 21, 2, tzinfo=UTC)),
        ("2026-07-21T02:00:00-05:00", datetime(2026, 7, 21, 7, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first
    ],
)
def test_forms_of_time(text: str, moment: datetime) -> None:
    assert asked(text, BERLIN, NOW) == (moment, "")


def test_a_time_that_the_clocks_skip_is_the_moment_after_it() -> None:
    moment, note = asked("2026-03-29 02:30", BERLIN, NOW)
    assert moment == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert note == "02:30 did not exist on 29 March 2026: the clocks in Europe/Berlin went forward."


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-13-01 02:00", "2026-11-21", "02", "0001-01-01 00:00", "9:"]
)
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="yesterday 02:00"):
        asked(text, BERLIN, NOW)
