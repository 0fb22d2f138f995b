"""What needs no database: what is usual, quiet hours, signatures, addresses of pings."""

import base64
import uuid
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.models import Ping, Signal
from scheduling.notices import hooks, usual
from scheduling.notices.pings import address_of
from scheduling.notices.quiet import end_of

BERLIN = ZoneInfo("Europe/Berlin")


def test_too_few_values_make_nothing_usual() -> None:
    assert usual.learn([1.0] * (usual.LEAST - 1)) is None
    assert usual.learn([1.0] * usual.LEAST) == usual.Usual(1.0, 0.0)


@given(st.lists(st.floats(90, 110), min_size=20, max_size=50), st.lists(st.floats(0, 1e9), max_size=4))
def test_a_few_odd_values_do_not_change_what_is_usual(values: list[float], odd: list[float]) -> None:
    known = usual.learn([*values, *odd])
    assert known is not None
    assert 90 <= known.middle <= 110
    assert 110 < usual.too_long(known, 2) < 300
    assert usual.too_few(known, 2) < 60


def test_runs_that_differ_much_have_to_differ_more() -> None:
    steady, wild = usual.learn([100.0] * 20), usual.learn([20.0, 180.0, 60.0, 140.0, 100.0] * 4)
    assert steady is not None
    assert wild is not None
    assert usual.too_long(steady, 2) == 200
    assert usual.too_long(wild, 2) > 300
    assert usual.too_few(wild, 2) == 0


def test_a_run_of_no_time_may_take_some_seconds_longer() -> None:
    known = usual.learn([0.01] * 20)
    assert known is not None
    assert usual.too_long(known, 2) == pytest.approx(5.01)


@pytest.mark.parametrize(
    ("start", "end", "moment", "until"),
    [
        ("22:00", "07:00", "2026-03-02T21:30+01:00", None),
        ("22:00", "07:00", "2026-03-02T22:00+01:00", "2026-03-03T07:00+01:00"),
        ("22:00", "07:00", "2026-03-03T06:59+01:00", "2026-03-03T07:00+01:00"),
        ("22:00", "07:00", "2026-03-03T07:00+01:00", None),
        ("12:00", "13:00", "2026-03-02T12:30+01:00", "2026-03-02T13:00+01:00"),
        ("12:00", "13:00", "2026-03-02T13:00+01:00", None),
        ("12:00", "12:00", "2026-03-02T12:00+01:00", None),
        ("22:00", "07:00", "2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),  # the clocks go forward that night
        ("22:00", "07:00", "2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),  # and back
    ],
)
def test_quiet_hours_end_on_the_wall_clock(start: str, end: str, moment: str, until: str | None) -> None:
    asked = datetime.fromisoformat(moment).astimezone(UTC)
    found = end_of(time.fromisoformat(start), time.fromisoformat(end), BERLIN, asked)
    assert found == (datetime.fromisoformat(until) if until else None)


@given(st.times(), st.times(), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_after_quiet_hours_it_is_not_quiet(start: time, end: time, moment: datetime) -> None:
    until = end_of(start, end, UTC, moment)
    if until is not None:
        assert until > moment
        assert end_of(start, end, UTC, until) is None


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert hooks.signature(secret, headers, b'{"test": 2432232314}') == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_any_text_may_be_the_secret() -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": "1"}
    found = {hooks.signature(secret, headers, b"x") for secret in ("plain", "whsec_!!", "whsec_cGxhaW4=")}
    assert len(found) == 2  # the first is the last one's meaning
    assert all(len(base64.b64decode(each)) == 32 for each in found)


@pytest.mark.parametrize(
    ("address", "signal", "expected"),
    [
        ("https://hc-ping.com/uuid", Signal.SUCCESS, "https://hc-ping.com/uuid"),
        ("https://hc-ping.com/uuid/", Signal.START, "https://hc-ping.com/uuid/start"),
        ("https://hc-ping.com/key/{job}", Signal.FAIL, "https://hc-ping.com/key/a%2Fb/fail"),
        ("https://hc-ping.com/key/{job}?create=1", Signal.START, "https://hc-ping.com/key/a%2Fb/start?create=1"),
    ],
)
def test_the_signal_of_a_ping_stands_after_the_path(address: str, signal: Signal, expected: str) -> None:
    assert address_of(address, Ping(execution_id=7, job="a/b", signal=signal)) == expected


def test_start_and_end_of_a_run_bear_the_same_mark() -> None:
    address = "https://hc-ping.com/uuid?rid={run}"
    start, end, other = (
        address_of(address, Ping(execution_id=run, job="a", signal=signal)).partition("rid=")[2]
        for run, signal in ((7, Signal.START), (7, Signal.SUCCESS), (8, Signal.SUCCESS))
    )
    assert start == end != other
    uuid.UUID(start)
