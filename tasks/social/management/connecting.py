"""social connect: an account added, or its tokens renewed; the tokens are typed in or piped in, never arguments.

What stands on a command line is seen by everybody on the host, and kept in the history of the shell.
"""

import getpass
import sys
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED
from scheduling.management.telling import put_json
from scheduling.management.tokens import read_end
from tasks.exceptions import InvalidItem
from tasks.social.connecting import Tokens, connect
from tasks.social.identity import check_id
from tasks.social.management.finding import add_business, find_business
from tasks.social.models import Account, Business, Platform
from tasks.social.sign_in import is_token

LONGEST = 5000  # characters of a token
UNFIT = "This is no token: it is too long, or has characters that no token has."


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "connect", deed, "add an account, or give it new tokens; they are typed in, or piped in")
    add_business(parser, "business")
    parser.add_argument("platform", choices=Platform.values, help="where the account is")
    parser.add_argument("id", help="of the account on the platform, such as urn:li:organization:123")
    parser.add_argument("--name", default="", help="what people call it")
    help = "when the access token ends: after a span as 60d, or with a day as 2026-12-31 (no end is known)"
    parser.add_argument("--expires", metavar="WHEN", help=help)
    parser.description = (
        f"{parser.description} Standard input has the access token in its first line and, if there is one, the refresh "
        "token in the second; a terminal is asked for them, and shows nothing of what is typed."
    )


def deed(given: dict[str, Any], out: Any) -> None:
    business = find_business(given["business"])
    _check(business, given)
    now = timezone.now()
    ends = None if given["expires"] is None else _end(given["expires"], now)
    access, refresh = _read()
    tokens = Tokens(access=access, refresh=refresh, expires_at=ends)
    account, is_new = connect(business, Platform(given["platform"]), given["id"], tokens, given["name"])
    if given["json"]:
        put_json(out, {"account": account.pk, "business": business.pk, "platform": given["platform"], "is_new": is_new})
    else:
        out.write(f"{account} of {business} is {'connected' if is_new else 'connected anew'} (account {account.pk}).")


def _check(business: Business, given: dict[str, Any]) -> None:
    """Raises CommandError where the columns would not take it, or the platform has no such ids."""
    row = Account(business=business, platform=given["platform"], external_id=given["id"], name=given["name"])
    try:
        row.clean_fields(exclude=["access_token", "refresh_token"])
        check_id(row.platform, row.external_id)
    except InvalidItem as error:
        raise CommandError(str(error), returncode=REFUSED) from None
    except ValidationError as error:
        told = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise CommandError(told, returncode=REFUSED) from None


def _end(text: str, now: datetime) -> datetime:
    """Raises CommandError."""
    ends = read_end(text, now)
    if ends <= now:
        raise CommandError(f"{text!r} has passed; --expires says until when the token is good.", returncode=REFUSED)
    return ends


def _read() -> tuple[str, str]:
    """The access token and the refresh token, which may be empty. Raises CommandError, which tells nothing of them."""
    try:
        lines = _lines()
    except UnicodeDecodeError:  # which would show the bytes
        raise CommandError(f"{UNFIT} It is not even UTF-8.", returncode=REFUSED) from None
    access, refresh = (line.strip() for line in lines)
    if not access:
        raise CommandError("There is no access token in the first line of standard input.", returncode=REFUSED)
    if max(len(access), len(refresh)) > LONGEST or not all(map(is_token, filter(None, (access, refresh)))):
        raise CommandError(UNFIT, returncode=REFUSED)
    return access, refresh


def _lines() -> list[str]:
    if sys.stdin.isatty():
        return [getpass.getpass("Access token: "), getpass.getpass("Refresh token (empty: none, or as it was): ")]
    return [sys.stdin.readline(LONGEST + 2), sys.stdin.readline(LONGEST + 2)]
