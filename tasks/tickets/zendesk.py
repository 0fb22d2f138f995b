"""Zendesk, spoken to over HTTP: tickets as they change, and what was written in them, as plain values."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from tasks.exceptions import AbortRun, InvalidItem, UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.tickets.conf import Options
from tasks.tickets.sign_in import SignIn

EXPORT_RATE = Rate(per_second=7 / 60, burst=3)  # never more than 10 in a minute, which is all that Zendesk allows
PAGE = 1000  # tickets, the most that Zendesk gives
PAGE_LIMIT = 64_000_000  # bytes of a page of tickets; each may have 64 kB of text
COMMENT_PAGE = 100  # comments, the most
COMMENT_PAGES = 10  # of one ticket; what was written later is left out
LONGEST_TEXT = 65_536  # characters of a description or comment, as at Zendesk
BIGGEST_ID = 2**63 - 1
CLOCKS = timedelta(days=1)  # by which theirs may be ahead of ours
# Both look no further than to the next <, so that a text of 65 kB cannot make them look at itself again and again.
MARKUP = re.compile(
    r"</?(?:p|div|br|span|a|b|i|u|strong|em|ul|ol|li|table|tr|td|blockquote|h[1-6]|html|body)\b[^<>]*>", re.I
)
BLOCKS = re.compile(r"<(?:br|/p|/div|/li|/tr|/blockquote|/h[1-6])\b[^<>]*>", re.I)
TAG = re.compile(r"</?[a-z!][^<>]*>", re.I)
MOST_TAGS = 5000  # that become a tree, which takes time by the square of its depth
NO_CHARACTER = re.compile(r"&#(?=x?[0-9a-f]{9})", re.I)  # a number that Python may refuse to read

REFUSALS = {
    401: "Zendesk does not accept the credentials: check ZENDESK_EMAIL and ZENDESK_API_TOKEN, or the OAuth token.",
    403: "Zendesk lets only an admin export tickets: use the credentials of one.",
    404: "Zendesk knows no such account: check ZENDESK_SUBDOMAIN.",
}


class CursorRefused(UpstreamError):
    """Zendesk does not know this cursor: it is too old, or of another account."""


@dataclass(frozen=True, slots=True)
class Ticket:
    ticket_id: int
    subject: str
    description: str
    status: str
    priority: str
    tags: list[str]
    channel: str
    requester_id: int | None
    organization_id: int | None
    opened_at: datetime
    changed_at: datetime
    generated_at: int  # seconds since the epoch
    is_deleted: bool
    is_internal: bool  # nothing in it is public, nor is its description


@dataclass(frozen=True, slots=True)
class Comment:
    comment_id: int
    author_id: int | None
    is_public: bool
    body: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the export; its tickets are raw, so that a bad one spoils no other."""

    tickets: list[Any]
    after_cursor: str
    is_last: bool


class Zendesk:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._sign_in = SignIn(options, deadline)
        common: dict[str, Any] = {
            "headers": {"User-Agent": options.user_agent, "Accept": "application/json"},
            "credential": f"{options.zendesk_subdomain} {self._sign_in.name}",
            "deadline": deadline,
            "pause": pause,
        }
        per_minute = Rate(options.zendesk_rate / 60, burst=max(options.zendesk_rate // 10, 1))
        self._exports = Client(
            "Zendesk exports", options.zendesk_url, rate=EXPORT_RATE, body_limit=PAGE_LIMIT, **common
        )
        self._rest = Client("Zendesk", options.zendesk_url, rate=per_minute, **common)

    def close(self) -> None:
        self._exports.close()
        self._rest.close()
        self._sign_in.close()

    def tickets(self, *, start_time: int | None = None, cursor: str = "") -> Iterator[Page]:
        """What has changed since `start_time` (seconds since the epoch), or goes on at `cursor`; page by page.

        Raises CursorRefused; UpstreamError for a walk that would never end.
        """
        params: dict[str, str | int] = {"cursor": cursor} if cursor else {"start_time": start_time or 0}
        while True:
            page = self._page({**params, "per_page": PAGE})
            yield page
            if page.is_last:
                return
            if not page.after_cursor or params.get("cursor") == page.after_cursor:
                raise UpstreamError("Zendesk says that there is more, but not where")
            params = {"cursor": page.after_cursor}

    def comments(self, ticket_id: int) -> Iterator[Any]:
        """All comments of a ticket, raw, the oldest first; the first is its description."""
        params: dict[str, str | int] = {"page[size]": COMMENT_PAGE}
        for _ in range(COMMENT_PAGES):
            found = self._get(self._rest, f"/api/v2/tickets/{ticket_id}/comments.json", _comments, params)
            yield from found["comments"]
            after = found["meta"].get("after_cursor")
            if not found["meta"].get("has_more") or not after or after == params.get("page[after]"):
                return
            params["page[after]"] = str(after)

    def _page(self, params: Mapping[str, str | int]) -> Page:
        try:
            return self._get(self._exports, "/api/v2/incremental/tickets/cursor.json", _page, params)
        except UpstreamError as error:
            if error.status == 400 and "cursor" in params:
                raise CursorRefused(str(error), status=400) from error
            raise _advised(error, {403, 404}) from error

    def _get[T](self, client: Client, path: str, read: Callable[[Answer], T], params: Mapping[str, str | int]) -> T:
        """A read, with a new token if Zendesk does not like the present one, which is tried once."""
        signed = self._sign_in.header()
        try:
            return client.get(path, read, params=params, headers=signed)
        except UpstreamError as error:
            if error.status != 401 or not self._sign_in.renew(signed):
                raise _advised(error, {401}) from error
        try:
            return client.get(path, read, params=params, headers=self._sign_in.header())
        except UpstreamError as error:
            raise _advised(error, {401}) from error


def _advised(error: UpstreamError, statuses: Collection[int]) -> Exception:
    """The error, or what to do about it where all that follows would be refused too."""
    return AbortRun(REFUSALS[error.status]) if error.status in statuses and error.status else error


def pause(headers: Mapping[str, str], _: int) -> float | None:
    """Seconds until Zendesk counts anew, once nothing is left of what it allows."""
    if headers.get("ratelimit-remaining") == "0" or headers.get("X-Rate-Limit-Remaining") == "0":
        with suppress(ValueError):
            return float(headers.get("ratelimit-reset", "10"))
    return None


def parse_ticket(raw: Any, now: datetime) -> Ticket:
    """A ticket of the export. Raises InvalidItem when something is missing without which it means nothing."""
    try:
        opened_at = _moment(raw["created_at"])
        status = _text(raw.get("status"), 20)
        return Ticket(
            ticket_id=_id(raw["id"]),
            subject=_text(raw.get("subject") or raw.get("raw_subject"), 500),
            description=_body(raw.get("description")),
            status=status,
            priority=_text(raw.get("priority"), 20),
            tags=[_text(tag, 100) for tag in raw.get("tags") or ()][:100],
            channel=_text((raw.get("via") or {}).get("channel"), 50),
            requester_id=_optional_id(raw.get("requester_id")),
            organization_id=_optional_id(raw.get("organization_id")),
            opened_at=opened_at,
            changed_at=_moment(raw["updated_at"]) if raw.get("updated_at") else opened_at,
            generated_at=_second(raw["generated_timestamp"], now),
            is_deleted=status == "deleted",
            is_internal=raw.get("is_public") is False,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidItem(f"not a ticket: {type(error).__name__} {str(error)[:100]}") from None


def parse_comment(raw: Any) -> Comment:
    """A comment. Raises InvalidItem when something is missing without which it means nothing."""
    try:
        return Comment(
            comment_id=_id(raw["id"]),
            author_id=_optional_id(raw.get("author_id")),
            is_public=raw.get("public") is True,  # whatever else it says may be meant for staff
            body=_body(raw.get("plain_body") or raw.get("body") or raw.get("html_body")),
            written_at=_moment(raw["created_at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidItem(f"not a comment: {type(error).__name__} {str(error)[:100]}") from None


def name_of(raw: Any) -> str:
    """How to call a ticket in a log, whatever it is."""
    return f"ticket {str(raw.get('id'))[:30]}" if isinstance(raw, Mapping) else "something unknown"


def plain_text(text: str) -> str:
    """`text` without markup, if it has any, and with the line ends and spaces of plain text."""
    if MARKUP.search(text):
        text = BLOCKS.sub("\n", text)
        text = LexborHTMLParser(text).text() if text.count("<") <= MOST_TAGS else TAG.sub("", text)
    text = unescape(NO_CHARACTER.sub("&amp;#", text)).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _body(value: Any) -> str:
    return plain_text(_text(value, LONGEST_TEXT))


def _text(value: Any, longest: int) -> str:
    """Text that every database takes: no NUL, no half characters, not too long."""
    text = "" if value is None else str(value)[:longest]
    return text.replace("\x00", "␀").encode("utf-8", "replace").decode()


def _id(value: Any) -> int:
    number = int(value)
    if not 0 < number <= BIGGEST_ID:
        raise ValueError(f"{str(value)[:30]} is no id")
    return number


def _second(value: Any, now: datetime) -> int:
    """Seconds since the epoch, not far ahead of `now`: later pages are asked for by the latest."""
    second = _id(value)
    if second > (now + CLOCKS).timestamp():
        raise ValueError(f"{str(value)[:30]} is yet to come")
    return second


def _optional_id(value: Any) -> int | None:
    return None if value is None else _id(value)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(answer: Answer) -> Page:
    found = as_json(answer)
    try:
        return Page(list(found["tickets"]), str(found.get("after_cursor") or "")[:500], found["end_of_stream"] is True)
    except (KeyError, TypeError, AttributeError):
        raise UpstreamError("sent no page of tickets", retryable=True) from None


def _comments(answer: Answer) -> dict[str, Any]:
    found = as_json(answer)
    try:
        return {"comments": list(found["comments"]), "meta": dict(found.get("meta") or {})}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UpstreamError("sent no comments", retryable=True) from None
