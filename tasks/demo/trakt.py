"""A Trakt of our own: its headers, its pages, its tokens that work once."""

import math
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tasks.demo import catalogue
from tasks.demo.upstream import Clock, Reply, Request

CLIENT_ID = CLIENT_SECRET = "demo"  # noqa: S105
DEFAULT_PAGE, BIGGEST_PAGE = 100, 250  # items
TOKEN_LIFE = timedelta(days=7)
READS, PERIOD = 1000, timedelta(minutes=5)
POLLS = 2  # how often a device asks before its owner has agreed
ACCESS, REFRESH = "demo-access-", "demo-refresh-"


class Trakt:
    """Tells what the catalogue holds; the public attributes are switches for tests."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.extra: list[Any] = []  # further items of everyone's history
        self.removed: set[int] = set()  # history ids
        self.private: set[str] = set()  # users
        self.biggest_page = BIGGEST_PAGE
        self._started = clock.now()
        self._serial = count(1)
        self._dead: set[str] = set()  # tokens
        self._polls = 0
        self._reads: list[datetime] = []

    def answers(self, path: str) -> bool:
        return path.startswith(("/users/", "/sync/", "/oauth/"))

    def reply(self, request: Request) -> Reply:
        headers = request.headers
        if headers.get("content-type") != "application/json" or not headers.get("user-agent"):
            return Reply(412)
        if headers.get("trakt-api-key") != CLIENT_ID or headers.get("trakt-api-version") != "2":
            return Reply(403)
        if request.method == "POST":
            return self._sign_in(request)
        return self._limited() or self._read(request)

    def token(self) -> dict[str, Any]:
        """A new token, valid for a week from now on."""
        issued, number = self.clock.now(), next(self._serial)
        return {
            "access_token": f"{ACCESS}{issued.timestamp():.0f}-{number}",
            "refresh_token": f"{REFRESH}{issued.timestamp():.6f}-{number}",
            "token_type": "bearer",
            "scope": "public",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "created_at": int(issued.timestamp()),
        }

    def revoke(self, token: str) -> None:
        """From now on nobody can use it."""
        self._dead.add(token)

    def _sign_in(self, request: Request) -> Reply:
        asked = request.fields()
        if asked.get("client_id") != CLIENT_ID:
            return Reply(403)
        if request.path == "/oauth/device/code":
            self._polls = 0
            address = "http://127.0.0.1/activate"
            code = {"device_code": "demo-device", "user_code": "D3M0C0DE", "verification_url": address}
            return Reply.of({**code, "expires_in": 600, "interval": 5})
        if asked.get("client_secret") != CLIENT_SECRET:
            return Reply.of({"error": "invalid_client"}, 401)
        return self._device_token(asked) if request.path == "/oauth/device/token" else self._refresh(asked)

    def _device_token(self, asked: dict[str, Any]) -> Reply:
        self._polls += 1
        if asked.get("code") != "demo-device":
            return Reply(404)
        return Reply.of(self.token()) if self._polls > POLLS else Reply(400)

    def _refresh(self, asked: dict[str, Any]) -> Reply:
        token = str(asked.get("refresh_token"))
        whole = asked.get("redirect_uri") and asked.get("grant_type") == "refresh_token"
        if not whole or not token.startswith(REFRESH) or token in self._dead:
            return Reply.of({"error": "invalid_grant", "error_description": "It was used or revoked."}, 400)
        self._dead.add(token)
        return Reply.of(self.token())

    def _limited(self) -> Reply | None:
        now = self.clock.now()
        self._reads = [*(moment for moment in self._reads if moment > now - PERIOD), now]
        if len(self._reads) <= READS:
            return None
        wait = math.ceil((self._reads[0] + PERIOD - now).total_seconds())
        return Reply.of({}, 429, Retry_After=str(wait))

    def _read(self, request: Request) -> Reply:
        authorised = self._is_valid(request.headers.get("authorization"))
        if authorised is False:
            return Reply(401)
        parts = request.path.strip("/").split("/")
        if request.path == "/sync/last_activities":
            return Reply.of(self._activities()) if authorised else Reply(401)
        if len(parts) != 3 or parts[1] not in catalogue.USERS:
            return Reply(404)
        if parts[1] in self.private and not authorised:
            return Reply(401)
        if parts[2] == "ratings":
            return self._paged(request, catalogue.ratings(parts[1]))
        return self._paged(request, self._history(parts[1])) if parts[2] == "history" else Reply(404)

    def _is_valid(self, authorization: str | None) -> bool | None:
        """None when none was given."""
        if authorization is None:
            return None
        token = authorization.removeprefix("Bearer ")
        issued = token.removeprefix(ACCESS).partition("-")[0]
        if not token.startswith(ACCESS) or token in self._dead or not issued.isdecimal():
            return False
        return self.clock.now().timestamp() < int(issued) + TOKEN_LIFE.total_seconds()

    def _history(self, user: str) -> list[Any]:
        plays = catalogue.history(user, self._started, self.clock.now())
        return [*self.extra, *(play for play in plays if play["id"] not in self.removed)]

    def _activities(self) -> dict[str, Any]:
        """The primary user watches and rates; the newest play tells when."""
        plays = self._history(catalogue.USERS[0])
        watched = {"watched_at": plays[0]["watched_at"], "rated_at": "2026-01-02T03:04:05.000Z"}
        return {"all": plays[0]["watched_at"], "movies": watched, "episodes": watched, "shows": watched}

    def _paged(self, request: Request, items: list[Any]) -> Reply:
        page = max(int(request.params.get("page", 1)), 1)
        limit = min(max(int(request.params.get("limit", DEFAULT_PAGE)), 1), self.biggest_page)
        return Reply.of(
            items[(page - 1) * limit : page * limit],
            X_Pagination_Page=str(page),
            X_Pagination_Limit=str(limit),
            X_Pagination_Page_Count=str(math.ceil(len(items) / limit)),
            X_Pagination_Item_Count=str(len(items)),
        )
