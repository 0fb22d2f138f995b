"""Trakt's sign-in, spoken to over HTTP: the device flow, and new tokens for old ones."""

from collections.abc import Mapping
from typing import Any

from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.watch_history.conf import Options
from tasks.watch_history.tokens import Token

RATE = Rate(per_second=1, burst=10)
REDIRECT = "urn:ietf:wg:oauth:2.0:oob"  # of an application that has no address of its own


class SignIn:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._id, self._secret = options.trakt_client_id, options.trakt_client_secret
        self._client = Client(
            "Trakt's sign-in",
            options.trakt_auth_url,
            headers=headers(options),
            rate=RATE,
            credential=self._id,
            deadline=deadline,
        )

    def close(self) -> None:
        self._client.close()

    def device_code(self) -> dict[str, Any]:
        return self._client.post("/oauth/device/code", as_object, data={"client_id": self._id})

    def device_token(self, code: str) -> Mapping[str, Any]:
        """The token. Raises UpstreamError with status 400 while the owner has not agreed yet."""
        return self._post("/oauth/device/token", {"code": code})

    def renew(self, old: Token) -> Mapping[str, Any]:
        """The successor of `old`, which is of no use from then on."""
        asked = {"refresh_token": old.refresh, "redirect_uri": REDIRECT, "grant_type": "refresh_token"}
        return self._post("/oauth/token", asked)

    def _post(self, path: str, data: Mapping[str, str]) -> dict[str, Any]:
        who = {"client_id": self._id, "client_secret": self._secret}
        return self._client.post(path, as_object, data={**data, **who})


def headers(options: Options) -> dict[str, str]:
    """What Trakt wants to find in every request."""
    return {
        "Content-Type": "application/json",
        "User-Agent": options.user_agent,
        "trakt-api-key": options.trakt_client_id,
        "trakt-api-version": "2",
    }


def as_object(answer: Answer) -> dict[str, Any]:
    found = as_json(answer)
    if not isinstance(found, dict):
        raise UpstreamError("sent something else than an object", retryable=True)
    return found
