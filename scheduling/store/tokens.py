"""Tokens: made, found, used, revoked. Only a digest is kept, so the text cannot be read back from a row."""

import hashlib
import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction

from scheduling.exceptions import InvalidToken
from scheduling.models import Token, scopes_of
from scheduling.models.tokens import HINT
from scheduling.store.batch import locked
from scheduling.store.changes import record

logger = logging.getLogger(__name__)

PREFIX = "rota_"  # so that scanners of repositories and of logs know one when they see it
LONGEST_NAME = 100
RANDOM = 32  # bytes; as many as SHA-256 keeps, so that a slow hash would add nothing
USED_EVERY = timedelta(minutes=1)  # the last use is written down no more often


def create_token(
    user: Any, scopes: Iterable[str], *, by: str, now: datetime, name: str = "", expires_at: datetime | None = None
) -> tuple[Token, str]:
    """A new token of `user` and its text, which is told nowhere else. Raises InvalidToken."""
    try:
        wanted = scopes_of(scopes)
    except ValueError as error:
        raise InvalidToken(str(error)) from None
    if not wanted:
        raise InvalidToken("A token without a scope opens no door; give it read, run or write.")
    if not user.is_active:
        raise InvalidToken(f"The user {user.get_username()} is not active: no token of that user counts.")
    if len(name) > LONGEST_NAME:
        raise InvalidToken(f"The name of a token has {LONGEST_NAME} characters at most.")
    if expires_at is not None and expires_at <= now:
        raise InvalidToken("The token would have expired already; name a moment that is still to come.")
    text = PREFIX + secrets.token_urlsafe(RANDOM)
    token = Token.objects.create(
        user=user,
        name=name,
        digest=_digest(text),
        hint=text[:HINT],
        scopes=wanted,
        created_at=now,
        created_by=by,
        expires_at=expires_at,
    )
    _record(token, "created", by=by, now=now)
    return token, text


def find_token(text: str) -> Token | None:
    """The token with this text, whether it still counts or not; None if there is none."""
    return Token.objects.select_related("user").filter(digest=_digest(text)).first()


def use_token(token: Token, *, now: datetime, address: str | None) -> None:
    """Write down that `token` was used, once a minute at most; not now if somebody else is writing.

    Whoever only wants to read is not kept waiting for a note, and not refused over one: the next request makes it.
    """
    if token.last_used_at is not None and token.last_used_at > now - USED_EVERY:
        return
    try:
        with _without_waiting(), transaction.atomic():
            unseen = locked(Token.objects.filter(pk=token.pk, last_used_at=token.last_used_at))
            for each in unseen:
                each.last_used_at, each.last_used_from = now, address
                each.save(update_fields=["last_used_at", "last_used_from"])
    except DatabaseError as error:  # also of a database that takes no writes for now
        logger.debug("The use of the token %s was not written down: %s", token, error)


def revoke_token(token: Token, *, by: str, now: datetime) -> bool:
    """Close the door to `token` for good; False if it was revoked before."""
    done = Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now, revoked_by=by)
    if done:
        _record(token, "revoked", by=by, now=now)
    token.refresh_from_db()
    return bool(done)


@contextmanager
def _without_waiting() -> Iterator[None]:
    """SQLite has one lock for all that write; elsewhere it is the row's, and `locked` passes it over."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {int(patience)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _record(token: Token, action: str, *, by: str, now: datetime) -> None:
    told = {"user": [None, token.user.get_username()], "scopes": [None, token.scopes]} if action == "created" else {}
    record(None, action, subject=f"token {token.hint}", by=by, now=now, fields=told)
