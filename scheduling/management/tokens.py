"""The deeds of manage.py tokens: make one, list them, revoke one."""

import difflib
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date
from rich.text import Text

from scheduling import spans, store
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED, read_moment
from scheduling.management.telling import NOTHING, away, plural, put, put_json, table
from scheduling.models import Scope, Token

User = get_user_model()
SHOWN = {"active": "green", "revoked": "red", "expired": "dim", "inactive": "yellow"}


def add_parsers(deeds: Any) -> None:
    deed = add_deed(deeds, "create", create, "make a token; its text alone goes to standard output, and is shown once")
    deed.add_argument("user", help="whose permissions apply")
    deed.add_argument("--scopes", required=True, help=f"what it may be used for, with commas: {','.join(Scope)}")
    deed.add_argument("--name", default="", help="what it is for")
    help = "when it ends: after a span as 30d or 12h, with a day as 2026-12-31, or at a moment (never)"
    deed.add_argument("--expires", metavar="WHEN", help=help)
    deed = add_deed(deeds, "list", show, "list tokens, the newest first, and when each was used")
    deed.add_argument("--user", help="only those of this user")
    deed = add_deed(deeds, "revoke", revoke, "close the door to a token for good")
    deed.add_argument("token", help="its id, its beginning as the list shows it, or the whole of it")


def create(given: dict[str, Any], out: Any) -> None:
    """The words go to standard error, so that TOKEN=$(manage.py tokens create …) holds nothing else."""
    now = timezone.now()
    token, text = store.create_token(
        find_user(given["user"]),
        _scopes(given["scopes"]),
        by=by(),
        now=now,
        name=given["name"],
        expires_at=None if given["expires"] is None else read_end(given["expires"], now),
    )
    ends = f"expires on {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else "never expires"
    told = (
        f"Token {token.pk} acts as {token.user.get_username()} with the scopes {', '.join(token.scopes)}, and {ends}."
    )
    given["stderr"].write(f"{told} It is shown only here.")
    if given["json"]:
        put_json(out, {"token": text})
    else:
        out.write(text)


def show(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    tokens = Token.objects.select_related("user")
    if given["user"] is not None:
        tokens = tokens.filter(user=find_user(given["user"]))
    if given["json"]:
        put_json(out, [_told(token, now) for token in tokens])
        return
    rows = table("ID", "TOKEN", "NAME", "USER", "SCOPES", "STATE", "EXPIRES", "LAST USED", wraps=("NAME",))
    for token in tokens:
        state = _state(token, now)
        rows.add_row(
            *(str(token.pk), f"{token.hint}…", token.name or NOTHING, token.user.get_username()),
            *(" ".join(token.scopes), Text(state, SHOWN[state])),
            away(token.expires_at, now) if token.expires_at else "never",
            " from ".join(filter(None, (away(token.last_used_at, now), token.last_used_from))),
        )
    put(out, rows if rows.row_count else "There are no tokens; make one: manage.py tokens create USER --scopes read")


def revoke(given: dict[str, Any], out: Any) -> None:
    token = find_token(given["token"])
    done = store.revoke_token(token, by=by(), now=timezone.now())
    if given["json"]:
        put_json(out, _told(token, timezone.now()))
    else:
        out.write(f"{token} of {token.user.get_username()}: {'revoked' if done else 'was revoked already'}.")


def find_user(name: str) -> Any:
    """Raises CommandError, with those that may have been meant."""
    user = User.objects.filter(**{User.USERNAME_FIELD: name}).first()
    if user is not None:
        return user
    known = User.objects.values_list(User.USERNAME_FIELD, flat=True)
    raise CommandError(f"There is no user {name!r}.{_meant(name, known)}", returncode=REFUSED)


def find_token(wanted: str) -> Token:
    """By id, by text or by the beginning of it. Raises CommandError, also where several begin so."""
    beginning = wanted.rstrip("….")
    if wanted.isdecimal() and len(wanted) < 19:
        found = list(Token.objects.filter(pk=int(wanted)))
    else:
        whole = store.find_token(wanted)
        found = [whole] if whole else list(Token.objects.filter(hint=beginning)) if beginning else []
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(token.pk) for token in found)
        said = f"{plural(len(found), 'token')} begin with {beginning}; name one by its id: {ids}."
    else:
        said = "There is no such token; manage.py tokens list has them all."  # what was given may be a secret
    raise CommandError(said, returncode=REFUSED)


def read_end(text: str, now: datetime) -> datetime:
    """A day counts to its end, in TIME_ZONE. Raises CommandError, with what to write."""
    try:
        day = parse_date(text)
        if day is not None:
            midnight = datetime.combine(day + timedelta(days=1), time.min)
            return midnight.replace(tzinfo=timezone.get_default_timezone())
        if ":" in text or "-" in text:
            return read_moment(text, timezone.get_default_timezone_name(), now)
        return now + spans.read(text)
    except (ValueError, OverflowError):
        said = f"{text!r} is no end; write it as 30d, as 2026-12-31, or as '2026-12-31 18:00'."
        raise CommandError(said, returncode=REFUSED) from None


def _scopes(text: str) -> list[str]:
    wanted = [each.strip().lower() for each in text.split(",") if each.strip()]
    unknown = [each for each in wanted if each not in list(Scope)]
    if unknown:
        told = f"There is no scope {unknown[0]!r}; there are {', '.join(Scope)}.{_meant(unknown[0], Scope)}"
        raise CommandError(told, returncode=REFUSED)
    return wanted


def _meant(wrong: str, known: Any) -> str:
    near = difflib.get_close_matches(wrong, map(str, known), n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if not token.user.is_active:
        return "inactive"
    return "expired" if token.refusal(now) else "active"


def _told(token: Token, now: datetime) -> dict[str, Any]:
    return {
        "id": token.pk,
        "hint": token.hint,
        "name": token.name,
        "user": token.user.get_username(),
        "scopes": token.scopes,
        "state": _state(token, now),
        **{name: getattr(token, name) for name in ("created_at", "created_by", "expires_at", "revoked_at")},
        **{name: getattr(token, name) for name in ("revoked_by", "last_used_at", "last_used_from")},
    }
