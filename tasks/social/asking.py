"""What the clients of all platforms share: a read that is signed, and errors that tell what follows from them."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client, as_json, finite, retry_after
from tasks.social.exceptions import Held
from tasks.social.figures import Listed, Settled, Trouble, text
from tasks.social.tokens import Clock, Tokens

PATIENCE = 60.0  # seconds; a pause that is longer is kept in the account, not by a worker
SEVERAL = 20  # pages that may be empty before a list counts as one without an end
BAD_REQUEST = frozenset({400, 404, 413, 414})  # one post can be the reason
MOST_BAD = 10  # posts; if none is good, that is for the request
QUERY = re.compile(r"\?\S+\)$")  # in an error: the ids of a hundred posts help nobody


class Api(Protocol):
    """A platform, as one account sees it."""

    def posts(self, limit: int) -> Iterator[Listed]:
        """The latest posts, at most so many, the newest first."""

    def figures(self, posts: Sequence[Listed]) -> Iterator[Settled]:
        """What became of each of them. Raises Refused where that is of all that follow, too."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Asking:
    """A connection to a platform with the tokens of an account."""

    client: Client
    tokens: Tokens
    clock: Clock
    rests_until: datetime | None = None  # the platform has told before any refusal: nothing is left until then
    rests_everyone: bool = False

    def get[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        expect: Collection[int],
        *,
        params: Mapping[str, str | int] | None = None,
    ) -> T:
        """What `read` makes of the answer, those with a status of `expect` included."""
        self._check()
        return self.tokens.use(lambda signed: self._got(path, read, expect, params, signed))

    def post[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        form: Mapping[str, str],
        refusal: Callable[[UpstreamError], Exception],
    ) -> T:
        """A read that is so long that it goes as a form; `refusal` says what its errors mean."""
        self._check()
        return self.tokens.use(lambda signed: self._sent(path, read, form, refusal, signed))

    def _got[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        expect: Collection[int],
        params: Mapping[str, str | int] | None,
        signed: Mapping[str, str],
    ) -> T:
        try:
            return self.client.get(path, read, params=params, headers=signed, expect=expect)
        except UpstreamError as error:  # without the query of the address
            told = QUERY.sub(")", str(error))
            raise UpstreamError(told, status=error.status, code=error.code, retryable=error.retryable) from None

    def _sent[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        form: Mapping[str, str],
        refusal: Callable[[UpstreamError], Exception],
        signed: Mapping[str, str],
    ) -> T:
        try:
            return self.client.post(path, read, form=form, headers=signed, retries=True)
        except UpstreamError as error:
            raise refusal(error) from None

    def rest(self, until: datetime, *, everyone: bool) -> None:
        """Ask nothing more before `until`, if that is so long that a worker should not wait for it."""
        if until - self.clock() > timedelta(seconds=PATIENCE):
            self.rests_until, self.rests_everyone = until, everyone

    def _check(self) -> None:
        if self.rests_until and self.clock() < self.rests_until:
            told = f"{self.client.service} has told that its limit is reached."
            raise Held(told, self.rests_until, everyone=self.rests_everyone)


def waits(answer: Answer, now: datetime) -> float | None:
    """The seconds that a refusal asks for in its Retry-After; None if it asks for none."""
    return retry_after(answer.headers.get("Retry-After", ""), now)


def midnight(now: datetime) -> datetime:
    """The next one, UTC."""
    return datetime.combine(now.astimezone(UTC) + timedelta(days=1), datetime.min.time(), UTC)


def as_object(answer: Answer) -> dict[str, Any]:
    """A figure that is no number, such as NaN, is missing; it costs no other."""
    found = as_json(answer, missing)
    if not isinstance(found, dict):
        raise UpstreamError("sent something else than an object", retryable=True)
    return found


def fields_of(answer: Answer | str) -> dict[str, Any]:
    """The object that a refusal is; an empty one if it is something else."""
    body = answer if isinstance(answer, str) else answer.body.decode(errors="replace")
    try:
        found = json.loads(body, parse_float=finite, parse_constant=missing)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def missing(_: str) -> None:
    """What NaN and Infinity mean."""


def listed_in(found: Mapping[str, Any], name: str) -> list[Any]:
    """A list in an answer that must be there. Raises UpstreamError."""
    inside = found.get(name)
    if not isinstance(inside, list):
        raise UpstreamError(f"sent no {name}", retryable=True)
    return inside


def told_in(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The answer, unless it has null in the place of what was asked for. Raises UpstreamError."""
    if name in found and found[name] is None:
        raise UpstreamError(f"sent no {name}", retryable=True)
    return found


def list_of(found: Mapping[str, Any], name: str) -> list[Any]:
    """A list in an answer that may be missing."""
    inside = found.get(name)
    return inside if isinstance(inside, list) else []


def within(value: Any, *names: str) -> Any:
    """What stands under these names, one inside the other; None where one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def word(value: Any, longest: int = 200) -> str:
    """A text or number of a refusal, for people."""
    return text(str(value), longest) if isinstance(value, str | int) else ""


def halved(batch: Sequence[Listed], ask: Callable[[Sequence[Listed]], list[Settled]]) -> Iterator[Settled]:
    """Each post settled; what the platform finds bad is asked for by halves, down to the posts that make it so.

    Raises UpstreamError if it finds too many of them bad, and none good.
    """
    waiting, good, bad = [batch], 0, 0
    while waiting:
        part = waiting.pop()
        try:
            settled = ask(part)
        except UpstreamError as error:
            bad += len(part) == 1
            if error.status not in BAD_REQUEST or (bad > MOST_BAD and not good):
                raise
            if len(part) == 1:
                yield part[0], Trouble(str(error), error.code or str(error.status))
            else:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
        else:
            good += 1
            yield from settled


def chunks[T](items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
