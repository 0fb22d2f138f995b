"""A crontab file: each of its lines, on the clock that it goes by, at the moments at which cron runs it."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.transfer.sources import crontab
from scheduling.transfer.sources.found import Found
from tests.factories import NOON


def found(text: str, zone: str = "UTC", *, system: bool = False) -> list[Found]:
    return list(crontab.entries(text, zone, system=system))


def test_comments_settings_and_blank_lines_run_nothing() -> None:
    assert found("# a\n\n  # b\nPATH=/bin:/usr/bin\nMAILTO=\"\"\n 'A' = b\n") == []


@pytest.mark.parametrize(
    ("line", "said", "calls"),
    [
        ("0 2 * * * run", "0 2 * * *", "run"),
        ("  */5\t1-3 1,15 jan mon-fri   run a  b ", "*/5 1-3 1,15 jan mon-fri", "run a  b"),
        ("@daily run", "@daily", "run"),
        ("0 2 * * * X=1 run", "0 2 * * *", "X=1 run"),
        ("0 2 * * * date +\\%Y\\%m", "0 2 * * *", "date +%Y%m"),
        ("0 2 * * * mail ada%Hello%bye", "0 2 * * *", "mail ada"),
    ],
)
def test_a_line_is_a_time_and_a_command(line: str, said: str, calls: str) -> None:
    (one,) = found(line)
    assert (one.said, one.calls, one.schedule, one.cannot) == (said, calls, {"cron": said}, "")
    assert one.where == "line 1"


def test_a_crontab_of_the_system_has_a_column_for_the_user() -> None:
    one, other = found("17 * * * * root run\n@hourly ada run 2", system=True)
    assert (one.calls, one.notes) == ("run", ())
    assert (other.calls, "as ada" in other.notes[0]) == ("run 2", True)


def test_lines_go_by_the_clock_of_the_machine_or_by_cron_tz_above_them() -> None:
    text = "0 2 * * * a\nCRON_TZ=Asia/Tokyo\n0 2 * * * b\nCRON_TZ=\n0 2 * * * c\nTZ=Asia/Tokyo\n0 2 * * * d"
    lines = found(text, "Europe/Berlin")
    assert [one.schedule["timezone"] for one in lines] == [
        "Europe/Berlin",
        "Asia/Tokyo",
        "Europe/Berlin",
        "Europe/Berlin",
    ]
    assert "TZ=Asia/Tokyo is for the command; the lines go by Europe/Berlin" in lines[3].notes


def test_what_is_otherwise_here_is_told() -> None:
    one, other = found("MAILTO=ops\n0 2 * * * mail%text\n@reboot warm")
    assert [" ".join(note.split()[:3]) for note in one.notes] == ["cron gives it", "its output went"]
    assert (other.schedule, other.policies, other.moments) == ("manual", {"run_at_startup": True}, None)
    assert "once for each start of the scheduler" in other.notes[-1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 2 * * *", "fewer fields than a line of a crontab"),
        ("@daily", "fewer fields"),
        ("0 25 * * * run", "The hour 25 is outside 0-23"),
        ("0~30 2 * * * run", "is no minute"),
        ("@every_minute run", "'@every_minute' is not known"),
        ("run me now please thank you", "is no minute"),
        ("CRON_TZ=Mars\n0 2 * * * run", "'Mars' is no known time zone"),
        ("0 0 30 2 * run", "never matches"),
    ],
)
def test_what_cannot_be_translated_says_why(line: str, message: str) -> None:
    assert message in found(line)[-1].cannot


@pytest.mark.parametrize(
    ("line", "first", "expected"),
    [
        ("30 2 * * * run", "2026-03-28T23:00+00:00", ["01:00"]),  # skipped, and right after
        ("30 2 * * * run", "2026-10-24T22:00+00:00", ["00:30"]),  # twice, and once
        ("0 * * * * run", "2026-10-24T23:30+00:00", ["00:00", "01:00", "02:00"]),  # a rhythm goes on
    ],
)
def test_when_clocks_change_it_fires_as_cron_does(line: str, first: str, expected: list[str]) -> None:
    (one,) = found(line, "Europe/Berlin")
    begin = NOON.fromisoformat(first)
    assert one.moments is not None
    assert [f"{moment:%H:%M}" for moment in one.moments(begin, begin + timedelta(hours=3))] == expected


def test_a_moment_at_the_beginning_counts_and_one_at_the_end_does_not() -> None:
    (one,) = found("0 12 * * * run")
    moments: Any = one.moments
    assert list(moments(NOON, NOON + timedelta(days=2))) == [NOON, NOON + timedelta(days=1)]
