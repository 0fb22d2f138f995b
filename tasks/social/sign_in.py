"""New tokens for old ones, asked of each platform in its own way."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.social.conf import Options
from tasks.social.exceptions import NeedsAuthorisation
from tasks.social.models import Platform

RATE = Rate(per_second=1, burst=20)
LONGEST_LIFE = 10 * 366 * 86_400  # seconds; what claims to last longer has no end that matters
DEAD = frozenset({"invalid_grant", "invalid_request", "190", "102"})  # the old token is of no use


@dataclass(frozen=True, slots=True)
class Pair:
    """The tokens of an account, and until when they are good; None: no end is known."""

    access: str
    refresh: str
    expires_at: datetime | None
    refresh_expires_at: datetime | None

    def __repr__(self) -> str:
        return f"Pair(until {self.expires_at})"


type Renew = Callable[[Pair, Options, Deadline, datetime], Pair]


@dataclass(frozen=True, slots=True)
class Way:
    """How tokens of a platform are exchanged."""

    renew: Renew
    early: timedelta  # before the end, so that an outage of the sign-in costs nothing
    needs_refresh_token: bool  # else the access token, while it is good, is exchanged itself


def _linkedin(old: Pair, options: Options, deadline: Deadline, now: datetime) -> Pair:
    asked = {
        **{"grant_type": "refresh_token", "refresh_token": old.refresh},
        **{"client_id": options.linkedin_client_id, "client_secret": options.linkedin_client_secret},
    }
    with closing(_client("LinkedIn", options.linkedin_auth_url, options.linkedin_client_id, options, deadline)) as api:
        return api.post("/accessToken", lambda answer: _pair(answer, old, now), form=asked, retries=True)


def _x(old: Pair, options: Options, deadline: Deadline, now: datetime) -> Pair:
    """X's refresh token works once, so that the request is never repeated by itself."""
    asked = {"grant_type": "refresh_token", "refresh_token": old.refresh, "client_id": options.x_client_id}
    headers = {}
    if options.x_client_secret:  # a confidential client signs in itself
        pair = f"{options.x_client_id}:{options.x_client_secret}"
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        del asked["client_id"]
    with closing(_client("X", options.x_url, options.x_client_id, options, deadline)) as api:
        return api.post("/oauth2/token", lambda answer: _pair(answer, old, now), form=asked, headers=headers)


def _facebook(old: Pair, options: Options, deadline: Deadline, now: datetime) -> Pair:
    asked = {
        **{"grant_type": "fb_exchange_token", "fb_exchange_token": old.access},
        **{"client_id": options.meta_app_id, "client_secret": options.meta_app_secret},
    }
    with closing(_client("Facebook", options.meta_url, options.meta_app_id, options, deadline)) as api:
        path = f"/{options.meta_version}/oauth/access_token"
        return api.post(path, lambda answer: _pair(answer, old, now), form=asked, retries=True)


def _instagram(old: Pair, options: Options, deadline: Deadline, now: datetime) -> Pair:
    """The token goes in the header, so that it is in no address."""
    headers = {"Authorization": f"Bearer {old.access}"}
    with closing(_client("Instagram", options.instagram_url, options.meta_app_id, options, deadline)) as api:
        path = "/refresh_access_token?grant_type=ig_refresh_token"
        return api.get(path, lambda answer: _pair(answer, old, now), headers=headers)


WAYS: Mapping[str, Way] = {
    Platform.LINKEDIN: Way(_linkedin, timedelta(days=2), needs_refresh_token=True),
    Platform.X: Way(_x, timedelta(minutes=5), needs_refresh_token=True),
    Platform.FACEBOOK: Way(_facebook, timedelta(days=10), needs_refresh_token=False),
    Platform.INSTAGRAM: Way(_instagram, timedelta(days=10), needs_refresh_token=False),
}


def renewed(platform: str, old: Pair, options: Options, deadline: Deadline, now: datetime) -> Pair:
    """The successor of `old`, of which X's is of no use from then on.

    Raises NeedsAuthorisation if the platform gives none for it, UpstreamError if it cannot say, or dislikes our app.
    """
    try:
        return WAYS[platform].renew(old, options, deadline, now)
    except UpstreamError as error:
        code = _code(error)
        if error.status in {400, 401} and code in DEAD:
            name = Platform(platform).label
            told = f"{name} gives no new token; the account has to be connected again."
            raise NeedsAuthorisation(told, code=code) from None
        if error.status in {400, 401, 403}:
            setting = SETTINGS[platform]
            told = f"{Platform(platform).label} does not accept our app: check {setting}."
            raise UpstreamError(told, status=error.status, code=code) from None
        raise


SETTINGS: Mapping[str, str] = {
    Platform.LINKEDIN: "LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET",
    Platform.X: "X_CLIENT_ID and X_CLIENT_SECRET",
    Platform.FACEBOOK: "META_APP_ID and META_APP_SECRET",
    Platform.INSTAGRAM: "META_APP_ID and META_APP_SECRET",
}


def _client(name: str, url: str, credential: str, options: Options, deadline: Deadline) -> Client:
    headers = {"User-Agent": options.user_agent, "Accept": "application/json"}
    return Client(f"{name} sign-in", url, deadline=deadline, headers=headers, rate=RATE, credential=credential)


def _code(error: UpstreamError) -> str:
    """OAuth's word for what is wrong, or the number that Meta has for it."""
    try:
        found = json.loads(error.body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return error.code
    return str(found.get("code", "")) if isinstance(found, dict) else str(found)[:50]


def _pair(answer: Answer, old: Pair, now: datetime) -> Pair:
    found = as_json(answer)
    told = found if isinstance(found, dict) else {}
    access, refresh = told.get("access_token"), told.get("refresh_token")
    if not is_token(access):
        raise UpstreamError("sent no token")
    return Pair(
        access=str(access),
        refresh=str(refresh) if is_token(refresh) else old.refresh,
        expires_at=_end(told.get("expires_in"), now),
        refresh_expires_at=_end(told.get("refresh_token_expires_in"), now) or old.refresh_expires_at,
    )


def is_token(value: Any) -> bool:
    """Whether it is a text that can stand in a header, as a token must."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _end(seconds: Any, now: datetime) -> datetime | None:
    try:
        lasts = int(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return now + timedelta(seconds=lasts) if 0 < lasts <= LONGEST_LIFE else None
