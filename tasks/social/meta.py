"""Meta's Graph API, spoken to over HTTP: signed reads, fifty at once, what its codes mean, and how much is left.

Limits come as 400 with a code of their own. How much of them is used up is told before, in percent: from SLOW_AT on
we ask less often, from STOP_AT on no more, until what is used up has gone down again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.social.asking import SEVERAL, Asking, as_object, fields_of, list_of, told_in, within, word
from tasks.social.conf import Options
from tasks.social.exceptions import Held, NotPermitted, TokenRefused
from tasks.social.figures import count
from tasks.social.models import Account, Platform
from tasks.social.tokens import Clock, Tokens

RATE = Rate(per_second=5, burst=20)
BATCH = 50  # requests in one, the most
BATCHES = "/?include_headers=false"  # where they are sent to
SLOW_AT, STOP_AT = 75, 95  # percent of a limit that are used up
LONGEST_PAUSE = 20.0  # seconds between two requests, shortly before we stop
REST = timedelta(hours=1)  # after a limit of which Meta does not tell when it ends: it counts the last hour
REFUSALS = frozenset({400, 401, 403, 404, 429})
TOKEN_DEAD = frozenset({102, 190})
TEMPORARY = frozenset({1, 2})
APP_LIMIT = 4  # the others are of a user, a page or an account
LIMITS = frozenset({APP_LIMIT, 17, 32, 613, 80001, 80002})
NOT_PERMITTED = frozenset({10, *range(200, 300)})
BAD_PARAMETER = 100
NOT_THERE = 33  # its subcode: no such object, or none that this token may see
SAID = {460: "the password was changed", 463: "it has expired", 458: "the app was removed", 467: "it was revoked"}


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of several that came at once."""

    status: int
    found: Mapping[str, Any]  # empty if there is nothing to be read

    @property
    def code(self) -> int | None:
        """Meta's number for what is wrong; None if nothing is."""
        return count(within(self.found, "error", "code")) if "error" in self.found else None


class Graph:
    """Facebook's or Instagram's part of it, with the tokens of one account."""

    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock) -> None:
        self.name = str(Platform(account.platform).label)
        self._version, self._clock = options.meta_version, clock
        is_instagram = account.platform == Platform.INSTAGRAM
        client = Client(
            self.name,
            options.instagram_url if is_instagram else options.meta_url,
            deadline=deadline,
            headers={"User-Agent": options.user_agent},
            rate=RATE,
            credential=options.meta_app_id,
            pause=lambda headers, _: pause(headers),
        )
        self._asking = Asking(client, Tokens(account, options, deadline, clock), clock)

    def close(self) -> None:
        self._asking.client.close()

    def pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Any]:
        """The items of a list, page by page; one that is empty is not the last if it says that another follows."""
        after, empty = "", 0
        while empty < SEVERAL:
            found = self._asking.get(
                f"/{self._version}{path}",
                self._read,
                REFUSALS,
                params={**params, **({"after": after} if after else {})},
            )
            items = list_of(found, "data")
            yield from items
            empty = 0 if items else empty + 1
            following = within(found, "paging", "cursors", "after")
            if not within(found, "paging", "next") or not isinstance(following, str) or following in ("", after):
                return
            after = following

    def several(self, paths: Sequence[str]) -> list[Part | None]:
        """The answers to at most BATCH reads, in their order; None for one that Meta had no time for.

        Raises Refused where that is of all that follow, too.
        """
        batch = [{"method": "GET", "relative_url": f"{self._version}{path}"} for path in paths]
        form = {"batch": json.dumps(batch)}
        parts = self._asking.post(BATCHES, self._read_parts, form, self._meant)
        parts += [None] * (len(paths) - len(parts))
        for part in parts:
            if part and part.code in LIMITS:
                raise self._refusal(part.status, part.found, None)
        return parts[: len(paths)]

    def _read(self, answer: Answer) -> dict[str, Any]:
        if answer.status in REFUSALS:
            raise self._refusal(answer.status, fields_of(answer), answer.headers)
        found = as_object(answer)
        if "error" in found:
            raise self._refusal(answer.status, found, answer.headers)
        self._note(answer.headers)
        return told_in(found, "data")

    def _read_parts(self, answer: Answer) -> list[Part | None]:
        found = as_json(answer)
        if not isinstance(found, list):
            if "error" in fields_of(answer):
                raise self._refusal(answer.status, fields_of(answer), answer.headers)
            raise UpstreamError("sent no answers to what was asked at once", retryable=True)
        self._note(answer.headers)
        parts = [_part(raw) for raw in found]
        if any(part and part.code in TOKEN_DEAD for part in parts):
            raise TokenRefused(f"{self.name} does not accept the token.", code="190")
        return parts

    def _meant(self, error: UpstreamError) -> Exception:
        """A refusal of the request that carried several."""
        if error.status not in REFUSALS:
            return error
        return self._refusal(error.status, fields_of(error.body), None)

    def _refusal(self, status: int, found: Mapping[str, Any], headers: Mapping[str, str] | None) -> Exception:
        """What the code means: Meta has few statuses and many codes."""
        code, subcode = (count(within(found, "error", name)) for name in ("code", "error_subcode"))
        message = word(within(found, "error", "message")) or f"it answered {status}"
        named = f"{code or status}"
        if code in TOKEN_DEAD or (status == 401 and code is None):
            why = SAID.get(subcode or 0, message)
            return TokenRefused(f"{self.name} does not accept the token ({why}).", code=named)
        if code in LIMITS or status == 429:
            until = self._clock() + (regained_in(headers) or REST)
            told = f"{self.name}'s limit is reached (code {named})."
            return Held(told, until, everyone=code == APP_LIMIT, code=named)
        if code in NOT_PERMITTED or (status == 403 and code is None):
            return NotPermitted(f"{self.name} does not permit this: {message}", code=named)
        temporary = code in TEMPORARY
        return UpstreamError(f"answered: {message} (code {named})", status=status, code=named, retryable=temporary)

    def _note(self, headers: Mapping[str, str]) -> None:
        if used(headers) >= STOP_AT:
            everyone = _highest(_json(headers, "X-App-Usage")) >= STOP_AT
            self._asking.rest(self._clock() + (regained_in(headers) or REST), everyone=everyone)


def used(headers: Mapping[str, str]) -> float:
    """How much of the fullest limit is used up, in percent."""
    told = _json(headers, "X-Business-Use-Case-Usage")
    uses = [use for uses in told.values() if isinstance(uses, list) for use in uses]
    return max(map(_highest, [_json(headers, "X-App-Usage"), _json(headers, "X-Page-Usage"), *uses]), default=0.0)


def regained_in(headers: Mapping[str, str] | None) -> timedelta | None:
    """When Meta will answer again, as far as it says so."""
    told = _json(headers, "X-Business-Use-Case-Usage") if headers else {}
    uses = [use for uses in told.values() if isinstance(uses, list) for use in uses]
    minutes = max((count(within(use, "estimated_time_to_regain_access")) or 0 for use in uses), default=0)
    return timedelta(minutes=min(minutes, 24 * 60)) if minutes else None


def pause(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next request: more, the less is left."""
    percent = used(headers)
    if percent < SLOW_AT:
        return None
    return min(1 + (percent - SLOW_AT) / (STOP_AT - SLOW_AT) * (LONGEST_PAUSE - 1), LONGEST_PAUSE)


def told_of(part: Part) -> tuple[str, str]:
    """What is wrong with one of several, and its code."""
    return word(within(part.found, "error", "message")) or f"answered {part.status}", str(part.code or part.status)


def is_gone(part: Part) -> bool:
    return part.code == BAD_PARAMETER and count(within(part.found, "error", "error_subcode")) == NOT_THERE


def _part(raw: Any) -> Part | None:
    body = within(raw, "body")
    status = count(within(raw, "code"))
    if status is None:
        return None
    return Part(status, fields_of(body) if isinstance(body, str) else {})


def _highest(usage: Any) -> float:
    if not isinstance(usage, Mapping):
        return 0.0
    counted = (count(usage.get(name)) for name in ("call_count", "total_cputime", "total_time"))
    return float(max((number for number in counted if number is not None), default=0))


def _json(headers: Mapping[str, str], name: str) -> Mapping[str, Any]:
    return fields_of(headers.get(name, ""))
