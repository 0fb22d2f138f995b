"""The HTTP client against a server that misbehaves in every way we know."""

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.exceptions import RetryLater
from tasks.demo.upstream import Reply, Request, Upstream
from tasks.exceptions import DeadlineReached, UpstreamError
from tasks.http import ATTEMPTS, LONGEST_DELAY, Client, Deadline, Rate, as_json, retry_after
from tasks.models import RateBucket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
SECRET = "very-secret-token"


class Echo:
    """Answers everything with JSON."""

    def answers(self, path: str) -> bool:
        return True

    def reply(self, request: Request) -> Reply:
        return Reply.of({"path": request.path, "padding": "x" * 2000})


@pytest.fixture
def echo() -> Iterator[Upstream]:
    with Upstream(Echo()) as upstream:
        yield upstream


@pytest.fixture
def connect(echo: Upstream) -> Iterator[Callable[..., Client]]:
    opened: list[Client] = []

    def connect(seconds: float = 20, **options: Any) -> Client:
        given = {"rate": Rate(1000, 1000), "headers": {"Authorization": f"Bearer {SECRET}"}, **options}
        opened.append(Client("Echo", echo.url, deadline=Deadline(seconds), **given))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


type Connect = Callable[..., Client]


def test_a_good_answer_is_read(connect: Connect) -> None:
    assert connect().get("/a", as_json)["path"] == "/a"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 529])
def test_a_passing_failure_is_tried_again(connect: Connect, echo: Upstream, status: int) -> None:
    echo.fail("/a", status, times=2)
    assert connect().get("/a", as_json)["path"] == "/a"
    assert echo.asked("/a") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501])
def test_a_lasting_failure_is_not(connect: Connect, echo: Upstream, status: int) -> None:
    echo.fail("/a", status)
    with pytest.raises(UpstreamError) as caught:
        connect().get("/a", as_json)
    assert (caught.value.status, caught.value.retryable, echo.asked("/a")) == (status, False, 1)


def test_after_the_last_attempt_the_error_comes_out(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 503, times=99)
    with pytest.raises(UpstreamError, match="Echo answered 503"):
        connect().get("/a", as_json)
    assert echo.asked("/a") == ATTEMPTS


GZIP = {**JSON, "Content-Encoding": "gzip"}
NOT_JSON = {
    "HTML": ({"Content-Type": "text/html"}, b"<h1>Back soon</h1>"),
    "half": (JSON, b'{"half": '),
    "not UTF-8": (JSON, b"\xff\xfe"),
    "NaN": (JSON, b"[NaN]"),
    "too deep": (JSON, b"[" * 100_000),
    "not gzip": (GZIP, b"not gzip"),
    "half gzip": (GZIP, gzip.compress(b"[1, 2, 3]")[:-9]),
    "nothing": ({}, b""),
}


@pytest.mark.parametrize(("headers", "body"), NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_counts_as_an_outage(
    connect: Connect, echo: Upstream, headers: dict[str, str], body: bytes
) -> None:
    echo.fail("/a", 200, headers=headers, body=body)
    assert connect().get("/a", as_json)["path"] == "/a"
    assert echo.asked("/a") == 2


def test_a_number_that_no_float_can_hold_is_missing(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 200, headers=JSON, body=b"[1e400, -1e400, 1.5]")
    assert connect().get("/a", as_json) == [None, None, 1.5]


def test_a_body_that_is_cut_off_is_asked_for_again(connect: Connect, echo: Upstream) -> None:
    echo.truncate("/a", 100)
    assert connect().get("/a", as_json)["path"] == "/a"
    assert echo.asked("/a") == 2


def test_a_connection_that_is_closed_is_opened_again(connect: Connect, echo: Upstream) -> None:
    echo.drop("/a", times=2)
    assert connect().get("/a", as_json)["path"] == "/a"


def test_a_post_is_sent_once(connect: Connect, echo: Upstream) -> None:
    echo.drop("/a")
    with pytest.raises(UpstreamError):
        connect().post("/a", as_json, data={})
    assert echo.asked("/a") == 1


def test_a_compressed_answer_is_read(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 200, headers={**JSON, "Content-Encoding": "gzip"}, body=gzip.compress(b"[1]"))
    assert connect().get("/a", as_json) == [1]


def test_a_gzip_bomb_is_not_unpacked(connect: Connect, echo: Upstream) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    echo.fail("/a", 200, headers={**JSON, "Content-Encoding": "gzip"}, body=bomb)
    with pytest.raises(UpstreamError, match="more than 10000000 bytes"):
        connect().get("/a", as_json)
    assert echo.asked("/a") == 1


def test_a_body_beyond_the_cap_is_refused(connect: Connect) -> None:
    with pytest.raises(UpstreamError, match="more than 100 bytes"):
        connect(body_limit=100).get("/a", as_json)


def test_an_encoding_that_was_not_asked_for_is_refused(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 200, headers={**JSON, "Content-Encoding": "br"}, body=b"x")
    with pytest.raises(UpstreamError, match="not asked for"):
        connect().get("/a", as_json)


def test_a_redirect_carries_nothing_anywhere(connect: Connect, echo: Upstream) -> None:
    with Upstream(Echo()) as elsewhere:
        echo.fail("/a", 302, headers={"Location": f"{elsewhere.url}/trap"})
        with pytest.raises(UpstreamError, match="redirects"):
            connect().get("/a", as_json)
        assert elsewhere.requests == []


def test_the_deadline_ends_an_answer_that_drips(connect: Connect, echo: Upstream) -> None:
    echo.drip("/a", 0.02)
    with pytest.raises(DeadlineReached):
        connect(seconds=0.1).get("/a", as_json)


def test_the_deadline_ends_an_answer_that_is_late(connect: Connect, echo: Upstream) -> None:
    echo.slow("/a", 0.3, times=9)
    with pytest.raises(DeadlineReached):
        connect(seconds=0.1).get("/a", as_json)
    assert echo.asked("/a") <= 1


@pytest.mark.parametrize("value", ["1", "0", "-5", "soon", "", "Mon, 02 Mar 2015 12:00:00 GMT", "1e9999"])
def test_a_short_or_senseless_retry_after_is_waited_out(connect: Connect, echo: Upstream, value: str) -> None:
    echo.fail("/a", 429, headers={"Retry-After": value})
    assert connect().get("/a", as_json)["path"] == "/a"


@pytest.mark.parametrize("value", ["3600", "3600.5", "999999999999", "Mon, 02 Mar 2099 12:00:00 GMT"])
def test_a_long_retry_after_gives_the_worker_back(connect: Connect, echo: Upstream, value: str) -> None:
    echo.fail("/a", 429, headers={"Retry-After": value})
    with pytest.raises(RetryLater) as caught:
        connect().get("/a", as_json)
    assert timedelta(seconds=3600) <= caught.value.delay <= timedelta(seconds=LONGEST_DELAY)
    assert echo.asked("/a") == 1


def test_a_pause_that_the_deadline_does_not_allow_is_not_made(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 429, headers={"Retry-After": "50"})
    with pytest.raises(UpstreamError, match="429"):
        connect(seconds=10).get("/a", as_json)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120.5", 120.5),
        ("0.65", 0.65),
        ("7", 7.0),
        ("0.0", None),
        ("1.", None),
        (".5", None),
        ("1e3", None),
        ("٣", None),
    ],
)
def test_retry_after_may_be_a_fraction(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOON) == seconds


@given(st.text(max_size=60))
def test_retry_after_is_a_positive_number_of_seconds_or_nothing(value: str) -> None:
    seconds = retry_after(value, NOON)
    assert seconds is None or seconds > 0


def test_no_secret_is_in_an_error(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 400, headers=JSON, body=f'{{"error": "bad", "token": "{SECRET}"}}'.encode())
    with pytest.raises(UpstreamError) as caught:
        connect().get("/a", as_json, params={"api_key": SECRET})
    assert SECRET not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert caught.value.code == "bad"


def test_proxies_of_the_environment_are_not_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert connect().get("/a", as_json)["path"] == "/a"


def test_a_client_waits_for_its_turn(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []

    def sleep(seconds: float) -> None:
        if seconds:  # the server sleeps too, for no time
            waits.append(round(seconds))
            RateBucket.objects.all().delete()

    monkeypatch.setattr("tasks.http.time.sleep", sleep)
    client = connect(rate=Rate(per_second=0.1, burst=1))
    for _ in range(2):
        client.post("/a", as_json, data={})
    assert waits == [10]


def test_an_expected_status_is_read_as_an_answer(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 304)
    assert connect().get("/a", lambda answer: answer.status, expect={304}) == 304
    assert echo.asked("/a") == 1


def test_a_post_that_does_no_harm_is_tried_again(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 529)
    assert connect().post("/a", as_json, data={}, retries=True)["path"] == "/a"
    assert echo.asked("/a") == 2


def test_any_other_post_is_sent_once(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 503)
    with pytest.raises(UpstreamError, match="503"):
        connect().post("/a", as_json, data={})
    assert echo.asked("/a") == 1


def test_a_refusal_carries_what_it_said_but_does_not_tell_it(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 400, body=b'{"message": "inner words"}')
    with pytest.raises(UpstreamError) as caught:
        connect().get("/a", as_json)
    assert "inner words" in caught.value.body
    assert "inner words" not in str(caught.value)


def test_a_service_that_says_so_is_left_alone_by_all_workers(connect: Connect) -> None:
    connect(pause=lambda headers, status: 30.0).get("/a", as_json)
    with pytest.raises(DeadlineReached):
        connect(seconds=0.2).get("/b", as_json)


def test_a_long_answer_comes_line_by_line(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 200, body=b'{"a": 1}\n\n{"b": 2}')
    assert list(connect().lines("/a")) == [b'{"a": 1}', b'{"b": 2}']


def test_a_long_answer_that_is_cut_off_is_an_error(connect: Connect, echo: Upstream) -> None:
    echo.truncate("/a", 10)
    with pytest.raises(UpstreamError, match="cannot be reached"):
        list(connect().lines("/a"))


def test_a_long_answer_that_is_refused_says_so(connect: Connect, echo: Upstream) -> None:
    echo.fail("/a", 404)
    with pytest.raises(UpstreamError, match="answered 404"):
        list(connect().lines("/a"))


def test_something_is_removed(connect: Connect, echo: Upstream) -> None:
    assert connect().delete("/a", lambda answer: answer.status) == 200
    assert echo.requests[-1].method == "DELETE"


def test_a_form_is_sent_as_one(connect: Connect, echo: Upstream) -> None:
    connect().post("/token", as_json, form={"grant_type": "refresh_token", "refresh_token": "a b"})
    request = echo.requests[-1]
    assert request.body == b"grant_type=refresh_token&refresh_token=a+b"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
