"""How we sign in at Zendesk, and what is made of what it says."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import OAUTH_TOKEN, TOKEN_LIFE, Zendesk, basic
from tasks.exceptions import AbortRun, InvalidItem
from tasks.http import Deadline
from tasks.tickets import zendesk as api
from tasks.tickets.conf import options
from tasks.tickets.zendesk import LONGEST_TEXT, parse_comment, parse_ticket, pause, plain_text
from tests.tasks.tickets.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
NO_TOKEN = {"ZENDESK_EMAIL": "", "ZENDESK_API_TOKEN": ""}
CLIENT = {**NO_TOKEN, "ZENDESK_CLIENT_ID": "demo", "ZENDESK_CLIENT_SECRET": "demo"}

type Configured = Callable[..., None]


@pytest.fixture
def connect(configured: Configured) -> Iterator[Callable[..., api.Zendesk]]:
    opened: list[api.Zendesk] = []

    def connect(**changes: Any) -> api.Zendesk:
        configured(**changes)
        opened.append(api.Zendesk(options(), Deadline(10)))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def count(connection: api.Zendesk) -> int:
    return sum(len(page.tickets) for page in connection.tickets(start_time=1))


def test_an_api_token_is_sent_with_the_address(connect: Callable[..., api.Zendesk], upstream: Upstream) -> None:
    assert count(connect()) == 30
    assert {request.headers["authorization"] for request in upstream.requests} == {basic()}


def test_an_oauth_token_is_sent_as_it_is(connect: Callable[..., api.Zendesk], upstream: Upstream) -> None:
    assert count(connect(**NO_TOKEN, ZENDESK_OAUTH_TOKEN=OAUTH_TOKEN)) == 30
    assert upstream.requests[0].headers["authorization"] == f"Bearer {OAUTH_TOKEN}"


def test_an_oauth_client_fetches_a_token_once(connect: Callable[..., api.Zendesk], upstream: Upstream) -> None:
    assert count(connect(**CLIENT)) == 30
    assert upstream.asked("/oauth/tokens") == 1


def test_a_token_that_ends_is_renewed_once_and_the_request_repeated(
    connect: Callable[..., api.Zendesk], upstream: Upstream, zendesk: Zendesk
) -> None:
    found = connect(**CLIENT)
    pages = found.tickets(start_time=1)
    next(pages)
    zendesk.revoke_tokens()
    assert sum(len(page.tickets) for page in pages) == 18
    assert upstream.asked("/oauth/tokens") == 2
    assert upstream.asked("cursor.json") == 4


def test_a_token_that_has_expired_is_renewed_once(
    connect: Callable[..., api.Zendesk], upstream: Upstream, clock: Clock
) -> None:
    pages = connect(**CLIENT).tickets(start_time=1)
    next(pages)
    clock.advance(TOKEN_LIFE - timedelta(minutes=1))
    next(pages)
    assert upstream.asked("/oauth/tokens") == 1, "it is good for so long"
    clock.advance(timedelta(minutes=1))
    assert sum(len(page.tickets) for page in pages) > 0
    assert upstream.asked("/oauth/tokens") == 2


def test_a_token_that_is_never_accepted_is_renewed_only_once(
    connect: Callable[..., api.Zendesk], upstream: Upstream
) -> None:
    upstream.fail("cursor.json", 401, times=99)
    with pytest.raises(AbortRun, match="check ZENDESK"):
        count(connect(**CLIENT))
    assert (upstream.asked("cursor.json"), upstream.asked("/oauth/tokens")) == (2, 2)


def test_a_client_that_is_refused_says_so(connect: Callable[..., api.Zendesk], upstream: Upstream) -> None:
    with pytest.raises(AbortRun, match="ZENDESK_CLIENT_SECRET"):
        count(connect(**{**CLIENT, "ZENDESK_CLIENT_SECRET": "wrong"}))
    assert upstream.asked("cursor.json") == 0


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"access_token": 7}', b'{"access_token": "a\\nb"}'])
def test_an_answer_without_a_token_is_a_refusal(
    connect: Callable[..., api.Zendesk], upstream: Upstream, body: bytes
) -> None:
    upstream.fail("/oauth/tokens", 200, headers={"Content-Type": "application/json"}, body=body)
    with pytest.raises(AbortRun):
        count(connect(**CLIENT))


def test_who_is_no_admin_is_told(connect: Callable[..., api.Zendesk], zendesk: Zendesk) -> None:
    zendesk.is_admin = False
    with pytest.raises(AbortRun, match="admin"):
        count(connect())


def test_a_secret_is_in_no_error(connect: Callable[..., api.Zendesk], upstream: Upstream) -> None:
    upstream.fail("cursor.json", 401, times=9)
    with pytest.raises(AbortRun) as refused, closing(connect(ZENDESK_API_TOKEN="tell-nobody")) as connection:
        count(connection)
    assert "tell-nobody" not in repr(refused.value) + repr(refused.value.__cause__)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"ratelimit-remaining": "3", "ratelimit-reset": "40"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "40"}, 40),
        ({"X-Rate-Limit-Remaining": "0"}, 10),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "soon"}, None),
    ],
)
def test_the_headers_tell_when_to_pause(headers: dict[str, str], seconds: float | None) -> None:
    assert pause(headers, 200) == seconds


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"id": 0}, {"id": "x"}, {"id": 1, "created_at": 5}])
def test_what_is_no_ticket_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidItem):
        parse_ticket(raw, NOON)


def test_numbers_may_be_strings() -> None:
    raw = {"id": "9007199254740995", "created_at": "2026-09-14T10:00:00Z", "generated_timestamp": "1789380000"}
    ticket = parse_ticket(raw, NOON)
    assert (ticket.ticket_id, ticket.generated_at) == (2**53 + 3, 1789380000)


def test_a_comment_that_does_not_say_so_is_not_public() -> None:
    raw = {"id": 1, "created_at": "2026-09-14T10:00:00Z", "body": "x"}
    assert not parse_comment(raw).is_public
    assert not parse_comment({**raw, "public": "true"}).is_public


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\r\nb", "a\nb"),
        ("<p>One</p><p>Two &amp; <b>three</b></p>", "One\nTwo & three"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("a&nbsp;b", "a b"),
        ("<script>x</script> tag", "<script>x</script> tag"),
        ("", ""),
        ("a &#65; &#x42; &#99999999999; b", "a A B &#99999999999; b"),
        ("<p>One</p>" * 6000 + "a < b", "One\n" * 6000 + "a < b"),
    ],
)
def test_texts_are_kept_plain(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    "part",
    ["<p ", "<br ", "</p ", "<b>", "<div>", "<ul><li>", "<a><table>", "< ", "<!--", "&#1", "&", "\n<p>\n", "\r "],
)
def test_a_hostile_text_is_read_as_fast_as_any(part: str) -> None:
    text = (part * LONGEST_TEXT)[:LONGEST_TEXT]
    begun = time.process_time()
    plain_text(text)
    assert time.process_time() - begun < 0.2


def test_a_number_that_is_no_character_spoils_no_ticket() -> None:
    assert plain_text("&#" + "1" * 5000).startswith("&#111")
