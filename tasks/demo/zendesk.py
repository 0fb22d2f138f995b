"""A Zendesk of our own: tickets that go on coming, an export with cursors, its limits, its three ways to sign in."""

import math
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from tasks.demo import complaints
from tasks.demo.upstream import Clock, Reply, Request

EMAIL, API_TOKEN, OAUTH_TOKEN = "demo@localhost", "demo", "demo-oauth"
CLIENT_ID = CLIENT_SECRET = "demo"  # noqa: S105
ACCESS = "demo-zendesk-"
TOKEN_LIFE = timedelta(hours=2)
MINUTE = timedelta(minutes=1)
SPAN = timedelta(days=14)  # over which the first tickets were written
BURST = timedelta(hours=3)  # the end of it, when one problem is everywhere
EVERY = timedelta(minutes=3)  # a new ticket
BIGGEST_PAGE = 1000
DELETED_EVERY, NULLS_EVERY, HTML_EVERY, COMMENTS_EVERY = 41, 23, 17, 4
HOSTILE = 7  # the number of the ticket that tries to give orders
FIRST_ID = 2**53 + 1  # floating point loses count there


class Zendesk:
    """Tells of `tickets` tickets, and of a new one every few minutes; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, tickets: int = 300) -> None:
        self.clock = clock
        self.biggest_page = BIGGEST_PAGE
        self.exports_per_minute = 10
        self.extra: list[Any] = []  # further tickets, as they are sent, on each first page
        self.notes: dict[int, list[Any]] = {}  # further comments, by ticket
        self.internal: set[int] = set()  # tickets whose first comment is not public
        self.is_admin = True
        self.doubles_last = False  # the last ticket of each page is the first of the next one too
        self._started = clock.now()
        self._first = tickets
        self._tickets = [self._ticket(number) for number in range(tickets)]
        self._changes: dict[int, dict[str, Any]] = {}
        self._exports: list[datetime] = []
        self._serial = count(1)
        self._ends: dict[str, datetime] = {}  # access token -> until when it is good

    def answers(self, path: str) -> bool:
        return path.startswith("/api/v2/") or path == "/oauth/tokens"

    def reply(self, request: Request) -> Reply:
        if request.path == "/oauth/tokens":
            return self._sign_in(request)
        if not self._is_signed_in(request.headers.get("authorization", "")):
            return Reply.of({"error": "Couldn't authenticate you"}, 401)
        if request.path == "/api/v2/incremental/tickets/cursor.json":
            return self._limited() or self._export(request)
        parts = request.path.split("/")
        if len(parts) == 6 and parts[3] == "tickets" and parts[5] == "comments.json" and parts[4].isdecimal():
            return self._comments(int(parts[4]), request)
        return Reply.of({"error": "RecordNotFound", "description": "Not found"}, 404)

    def ids(self) -> list[int]:
        """Of all tickets that there are by now, the oldest first."""
        self._grow()
        return [ticket["id"] for ticket in self._tickets]

    def change(self, ticket_id: int, **fields: Any) -> None:
        """The ticket is another from now on, and so comes again in the export."""
        moment = self.clock.now() - MINUTE
        told = {"updated_at": _text(moment), "generated_timestamp": int(moment.timestamp())}
        self._changes[ticket_id] = {**self._changes.get(ticket_id, {}), **told, **fields}

    def resend(self, ticket_id: int) -> None:
        """The ticket comes again although nothing has changed, as after work of the system on it."""
        stamp = int((self.clock.now() - MINUTE).timestamp())
        self._changes[ticket_id] = {**self._changes.get(ticket_id, {}), "generated_timestamp": stamp}

    def say(self, ticket_id: int, text: str, *, public: bool = True) -> None:
        """A new comment, which changes the ticket too."""
        said = _comment(next(self._serial) + 10**6, text, self.clock.now() - MINUTE, public=public)
        self.notes.setdefault(ticket_id, []).append(said)
        self.change(ticket_id)

    def revoke_tokens(self) -> None:
        """The access tokens given until now are no longer good."""
        self._ends.clear()

    def _sign_in(self, request: Request) -> Reply:
        asked = request.fields()
        if asked.get("client_id") != CLIENT_ID or asked.get("client_secret") != CLIENT_SECRET:
            return Reply.of({"error": "invalid_client", "error_description": "Who are you?"}, 401)
        if asked.get("grant_type") != "client_credentials":
            return Reply.of({"error": "unsupported_grant_type"}, 400)
        token = f"{ACCESS}{next(self._serial)}"
        self._ends[token] = self.clock.now() + TOKEN_LIFE
        told = {"access_token": token, "token_type": "bearer", "scope": "read"}
        return Reply.of({**told, "expires_in": int(TOKEN_LIFE.total_seconds())})

    def _is_signed_in(self, authorization: str) -> bool:
        kind, _, secret = authorization.partition(" ")
        if kind == "Basic":
            return b64decode(secret).decode() == f"{EMAIL}/token:{API_TOKEN}"
        ends = self._ends.get(secret)
        return kind == "Bearer" and (secret == OAUTH_TOKEN or (ends is not None and self.clock.now() < ends))

    def _limited(self) -> Reply | None:
        now = self.clock.now()
        self._exports = [*(moment for moment in self._exports if moment > now - MINUTE), now]
        if len(self._exports) <= self.exports_per_minute:
            return None
        wait = math.ceil((self._exports[-self.exports_per_minute - 1] + MINUTE - now).total_seconds())
        return Reply.of({"error": "APIRateLimitExceeded"}, 429, Retry_After=str(max(wait, 1)))

    def _export(self, request: Request) -> Reply:
        if not self.is_admin:
            return Reply.of({"error": {"title": "Forbidden", "message": "You need to be an admin."}}, 403)
        after = self._position(request)
        if isinstance(after, Reply):
            return after
        size = min(max(int(request.params.get("per_page", BIGGEST_PAGE)), 1), self.biggest_page)
        found = [ticket for ticket in self._all() if _key(ticket) > after]
        page = found[:size]
        is_last = len(found) <= size
        cursor = request.params.get("cursor")
        sent = page if cursor else [*self.extra, *page]
        if page:
            cursor = _cursor(_key(page[-2 if self.doubles_last and not is_last else -1]))
        following = f"http://{request.headers.get('host')}{request.path}?cursor={cursor}"
        before = {"before_cursor": None, "before_url": None}
        told = {"tickets": sent, "after_cursor": cursor, "after_url": following, **before, "end_of_stream": is_last}
        left = str(max(self.exports_per_minute - len(self._exports), 0))
        headers = {
            "ratelimit_limit": str(self.exports_per_minute),
            "ratelimit_remaining": left,
            "ratelimit_reset": "60",
        }
        return Reply.of(told, 200, **headers)

    def _position(self, request: Request) -> tuple[int, int] | Reply:
        """After which moment and id the page begins."""
        cursor = request.params.get("cursor")
        if cursor:
            try:
                moment, _, number = urlsafe_b64decode(cursor).decode().partition("||")
                return int(moment), int(number)
            except ValueError:
                return Reply.of({"error": "InvalidValue", "description": "Invalid cursor"}, 400)
        start = request.params.get("start_time", "")
        if not start.isdecimal() or int(start) > self.clock.now().timestamp() - 60:
            return Reply.of({"error": "StartTimeTooRecent", "description": "Too recent start_time."}, 422)
        return int(start), -1

    def _all(self) -> list[Any]:
        """All tickets as they are now, but for the last minute, in the order of the export."""
        self._grow()
        latest = int((self.clock.now() - MINUTE).timestamp())
        told = [{**ticket, **self._changes.get(ticket["id"], {})} for ticket in self._tickets]
        return sorted((ticket for ticket in told if _key(ticket)[0] <= latest), key=_key)

    def _grow(self) -> None:
        """The tickets that were written since the last look."""
        while self._moment(len(self._tickets)) <= self.clock.now():
            self._tickets.append(self._ticket(len(self._tickets)))

    def _moment(self, number: int) -> datetime:
        """When that ticket was written: most before the burst, a tenth of the first ones in it, the others after."""
        quiet = self._first * 9 // 10
        if number < quiet:
            return self._started - SPAN + (SPAN - BURST) * (number / quiet)
        if number < self._first:
            return self._started - BURST + (BURST - 2 * MINUTE) * ((number - quiet) / (self._first - quiet))
        return self._started + EVERY * (number + 1 - self._first)

    def _ticket(self, number: int) -> dict[str, Any]:
        random = Random(number)  # noqa: S311  (an invented letter guards nothing)
        written = self._moment(number)
        is_rising = written > self._started - BURST and random.random() < 0.6
        problem = complaints.RISING if is_rising else random.choice([*complaints.PROBLEMS, None, None, None])
        subject, text = complaints.HOSTILE if number == HOSTILE else complaints.letter(random, problem)
        has_nulls = number % NULLS_EVERY == 5
        if number % HTML_EVERY == 3:
            text = "<div>" + text.replace("\n", "<br>\n") + "</div><p>Sent from my <b>phone</b> &amp; tablet</p>"
        return {
            "id": FIRST_ID + number,
            "url": f"http://127.0.0.1/api/v2/tickets/{FIRST_ID + number}.json",
            "external_id": None,
            "type": None if has_nulls else "incident",
            "subject": None if has_nulls else subject,
            "raw_subject": subject,
            "description": text,
            "priority": None if has_nulls else random.choice(("low", "normal", "high", "urgent")),
            "status": "deleted" if number % DELETED_EVERY == 40 else random.choice(("open", "pending", "solved")),
            "requester_id": None if has_nulls else 200 + number % 90,
            "organization_id": None if number % 3 else 500 + number % 20,
            "tags": [] if has_nulls else ["larkspur", random.choice(("web", "phone"))],
            "via": None if has_nulls else {"channel": random.choice(("web", "email", "api"))},
            "custom_fields": [{"id": 27642, "value": "745"}],
            "satisfaction_rating": None,
            "created_at": _text(written),
            "updated_at": _text(written),
            "generated_timestamp": int(written.timestamp()),
            "x_shelf": number,  # a field that nobody has announced
        }

    def _comments(self, ticket_id: int, request: Request) -> Reply:
        number = ticket_id - FIRST_ID
        if not 0 <= number < len(self._tickets):
            return Reply.of({"error": "RecordNotFound", "description": "Not found"}, 404)
        said = [*self._said(number), *self.notes.get(ticket_id, [])]
        size, start = int(request.params.get("page[size]", 100)), int(request.params.get("page[after]", 0))
        more = start + size < len(said)
        meta = {"has_more": more, "after_cursor": str(start + size) if more else None, "before_cursor": None}
        links = {"next": request.target if more else None, "prev": None}
        return Reply.of({"comments": said[start : start + size], "meta": meta, "links": links})

    def _said(self, number: int) -> list[Any]:
        """The description, which is the first comment, and what followed it."""
        ticket, random = self._tickets[number], Random(-number - 1)  # noqa: S311
        written = datetime.fromisoformat(ticket["created_at"])
        text, public = ticket["description"], ticket["id"] not in self.internal
        said = [_comment(number * 10 + 1, text, written, author=ticket["requester_id"], public=public)]
        if number % COMMENTS_EVERY == 1:
            reply, note = random.choice(complaints.REPLIES), random.choice(complaints.NOTES)
            said.append(_comment(number * 10 + 2, reply, written + MINUTE, author=ticket["requester_id"]))
            said.append(_comment(number * 10 + 3, note, written + 2 * MINUTE, public=False))
        return said


def basic(email: str = EMAIL, token: str = API_TOKEN) -> str:
    """The Authorization header of an API token."""
    return "Basic " + b64encode(f"{email}/token:{token}".encode()).decode()


def _comment(comment_id: int, text: str, written: datetime, *, author: int | None = 7, public: bool = True) -> Any:
    bodies = {"body": text, "html_body": f"<p>{text}</p>", "plain_body": text}
    told: dict[str, Any] = {
        "id": comment_id,
        "type": "Comment",
        "author_id": author,
        **bodies,
        "public": public,
        "attachments": [],
    }
    return {**told, "via": {"channel": "web"}, "metadata": {}, "created_at": _text(written)}


def _key(ticket: Any) -> tuple[int, int]:
    return int(ticket.get("generated_timestamp") or 0), int(ticket["id"])


def _cursor(key: tuple[int, int]) -> str:
    return urlsafe_b64encode(f"{key[0]}||{key[1]}".encode()).decode()


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
