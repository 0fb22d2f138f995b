"""trakt.json: the token of the primary user. Its refresh token works once: one process at a time uses it."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.exceptions import AbortRun, UpstreamError
from tasks.files import read, replacing

EARLY = timedelta(minutes=5)  # a token is replaced that long before its end
REVOKED = "needs_authorisation"  # the mark in the file of a token that Trakt will not replace


class NeedsAuthorisation(AbortRun):
    """Trakt no longer accepts the stored token: run `manage.py trakt_login`."""


@dataclass(frozen=True, slots=True)
class Token:
    access: str
    refresh: str
    expires_at: datetime

    def is_due(self, now: datetime) -> bool:
        return now >= self.expires_at - EARLY


@dataclass(frozen=True, slots=True)
class TokenFile:
    path: Path

    def token(self) -> Token | None:
        """The stored token; None if there is no file. Raises NeedsAuthorisation for one that is of no use."""
        content = read(self.path)
        return None if content is None else _parsed(content)

    def store(self, answer: Mapping[str, Any]) -> Token:
        """Keep what Trakt answered, readable by its owner only; it may be used after that."""
        content = json.dumps(answer).encode()
        token = _parsed(content)
        with replacing(self.path, 0o600) as file:
            file.write(content)
        return token

    def renewed(self, old: Token, renew: Callable[[Token], Mapping[str, Any]]) -> Token:
        """The successor of `old`: from the file if another process was first, else from `renew`.

        When Trakt refuses, the file is marked, so that nobody asks again. Raises NeedsAuthorisation.
        """
        with self._locked():
            current = self.token()
            if current and current != old:
                return current
            try:
                return self.store(renew(old))
            except UpstreamError as error:
                if error.code != "invalid_grant":
                    raise
            self._revoke()
            raise NeedsAuthorisation

    def _revoke(self) -> None:
        with replacing(self.path, 0o600) as file:
            file.write(json.dumps({REVOKED: True}).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all threads and processes; the lock goes with its holder."""
        file = self.path.with_name(f"{self.path.name}.lock")
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _parsed(content: bytes) -> Token:
    try:
        fields = json.loads(content)
        begins = datetime.fromtimestamp(fields["created_at"], UTC)
        lasts = timedelta(seconds=fields["expires_in"])
        return Token(str(fields["access_token"]), str(fields["refresh_token"]), begins + lasts)
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        raise NeedsAuthorisation from None
