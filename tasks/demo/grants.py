"""Tokens as OAuth services give them: they end by the clock, and may work once."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from tasks.demo.upstream import Clock, Reply, Request

CLIENT_ID = CLIENT_SECRET = "demo"  # noqa: S105
INVALID_GRANT = {"error": "invalid_grant", "error_description": "It was used, revoked, or has ended."}


class Grants:
    """The tokens of one service, named after it; when each ends stands in it, so that a restart forgets none."""

    def __init__(self, service: str, clock: Clock, life: timedelta, refresh_life: timedelta, *, rotates: bool) -> None:
        self.clock, self.life = clock, life
        self._access, self._refresh = f"demo-{service}-access-", f"demo-{service}-refresh-"
        self._refresh_life, self._rotates = refresh_life, rotates
        self._serial = count(1)
        self._dead: set[str] = set()

    def access(self) -> str:
        """A new access token."""
        return self._token(self._access, self.clock.now() + self.life)

    def refresh(self) -> str:
        """A new refresh token."""
        return self._token(self._refresh, self.clock.now() + self._refresh_life)

    def revoke(self, token: str) -> None:
        """From now on nobody can use it."""
        self._dead.add(token)

    def lets_in(self, request: Request) -> bool:
        """Whether the request has a good access token, in the header and nowhere else."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self.is_good(token)

    def is_good(self, token: str) -> bool:
        return self._ends(self._access, token) is not None

    def exchanged(self, token: str) -> dict[str, Any] | None:
        """The tokens for a refresh token; None for one that is of no use."""
        ends = self._ends(self._refresh, token)
        if ends is None:
            return None
        told = {"access_token": self.access(), "expires_in": int(self.life.total_seconds()), "token_type": "bearer"}
        if self._rotates:
            self.revoke(token)
            return {**told, "refresh_token": self.refresh()}
        left = int((ends - self.clock.now()).total_seconds())
        return {**told, "refresh_token": token, "refresh_token_expires_in": left}

    def _token(self, prefix: str, ends: datetime) -> str:
        return f"{prefix}{ends.timestamp():.0f}-{next(self._serial)}"

    def _ends(self, prefix: str, token: str) -> datetime | None:
        """When it ends; None for one that is none, or is no longer good."""
        second = token.removeprefix(prefix).partition("-")[0]
        if not token.startswith(prefix) or token in self._dead or not second.isdecimal():
            return None
        ends = datetime.fromtimestamp(int(second), self.clock.now().tzinfo)
        return ends if self.clock.now() < ends else None


def form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(errors="replace")))


def knows_client(request: Request, form: Mapping[str, str]) -> bool:
    """Whether our app has signed in, in the form or by HTTP Basic."""
    kind, _, pair = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        return b64decode(pair).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
    return form.get("client_id") == CLIENT_ID and form.get("client_secret") == CLIENT_SECRET


def refreshed(request: Request, grants: Grants, *, is_public: bool = False) -> Reply:
    """The answer of a token endpoint to grant_type=refresh_token."""
    form = form_of(request)
    if not knows_client(request, form) and not (is_public and form.get("client_id") == CLIENT_ID):
        return Reply.of({"error": "invalid_client"}, 401)
    if form.get("grant_type") != "refresh_token":
        return Reply.of({"error": "unsupported_grant_type"}, 400)
    told = grants.exchanged(form.get("refresh_token", ""))
    return Reply.of(INVALID_GRANT, 400) if told is None else Reply.of(told)
