"""The one HTTP client: a deadline, a cap on each answer, retries where they help, a rate for all workers.

Redirects are not followed, so that no credential travels to another host; but for large files, to hosts that are named.
"""

import json
import math
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import httpx
import stamina

from scheduling.exceptions import RetryLater
from tasks.exceptions import DeadlineReached, UpstreamError
from tasks.models import RateBucket

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a byte
LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=5)
BODY_LIMIT = 10_000_000  # bytes, after decompression
LONGEST_LINE = 5_000_000  # bytes of one line of a long answer
LONGEST_REFUSAL = 2_000  # characters kept of what a refusal says
ATTEMPTS = 4
REDIRECTS = 5  # that a large answer may be behind
LONGEST_WAIT = 60.0  # seconds; a service that asks for more gets its worker back
LONGEST_DELAY = 86_400.0  # seconds; whatever a service asks for, it is asked again after a day
RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, *range(520, 530)})
SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")  # a Retry-After; some services send fractions

type Pause = Callable[[Mapping[str, str], int], float | None]  # headers, whatever their case, and status -> seconds


class Deadline:
    """The moment by which all must be done; handed down to every request."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, always more than 0. Raises DeadlineReached."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise DeadlineReached("The time for this work is used up; what was done is kept.")
        return seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a service may be asked with one credential."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A large answer while it comes in."""

    status: int
    headers: httpx.Headers
    pieces: Iterator[bytes]


class Client:
    """A connection to one service for the time of one run.

    `pause` reads from an answer for how many seconds nobody shall ask this service with this credential again, so
    that all workers slow down before they are refused.
    """

    def __init__(
        self,
        service: str,
        url: str,
        *,
        deadline: Deadline,
        headers: Mapping[str, str],
        rate: Rate,
        credential: str = "",
        body_limit: int = BODY_LIMIT,
        read_timeout: float = READ_TIMEOUT,
        pause: Pause | None = None,
    ) -> None:
        self.service = service
        self.url = url
        self.deadline = deadline
        self._rate = rate
        self._bucket = f"{service}:{sha256(credential.encode()).hexdigest()[:16]}"
        self._body_limit = body_limit
        self._read_timeout = read_timeout
        self._pause = pause
        self._http = httpx.Client(
            base_url=url,
            headers={**headers, "Accept-Encoding": "gzip"},
            limits=LIMITS,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def get[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (),
    ) -> T:
        """What `read` makes of the answer; tried again when the service fails, or `read` says it does.

        Answers with a status of `expect`, such as 304, go to `read` too. Raises UpstreamError, DeadlineReached, or
        RetryLater when the service asks for a long pause.
        """
        return self._tried("GET", path, read, expect, params=params, headers=headers)

    def post[T](
        self,
        path: str,
        read: Callable[[Answer], T],
        *,
        data: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: bool = False,
    ) -> T:
        """Send `data` as JSON, or `form` as a form, once: what it did is not known when the answer is lost.

        `retries` where sending it twice does no harm.
        """
        ask = self._tried if retries else self._once
        content = {"json": data} if form is None else {"data": form}
        return ask("POST", path, read, (), headers=headers, **content)

    def delete[T](self, path: str, read: Callable[[Answer], T]) -> T:
        """Remove what is at `path`; tried again like a read."""
        return self._tried("DELETE", path, read, ())

    def lines(self, path: str) -> Iterator[bytes]:
        """A long answer line by line, asked for once; never more than one line is held in memory."""
        self._wait_for_turn()
        with self._told(f"GET {path}"), self._http.stream("GET", path, timeout=self._timeout()) as response:
            if not response.is_success:
                raise refusal(response, self._body(response), datetime.now(UTC))
            rest = b""
            for chunk in response.iter_bytes():
                self.deadline.left()
                *whole, rest = (rest + chunk).split(b"\n")
                yield from filter(None, whole)
                if len(rest) > LONGEST_LINE:
                    raise UpstreamError(f"sent a line of more than {LONGEST_LINE} bytes")
            if rest:
                yield rest

    @contextmanager
    def stream(
        self, path: str, *, hosts: Collection[str], headers: Mapping[str, str] | None = None
    ) -> Iterator["Stream"]:
        """A large body, not decompressed, piece by piece, asked for once.

        Redirects are followed to `hosts` alone, of which one that starts with a dot stands for all below it, and never
        from https to http.
        """
        self._wait_for_turn()
        with self._told(f"GET {path}"), ExitStack() as opened:
            address = self._http.build_request("GET", path).url
            for _ in range(REDIRECTS):
                asked = self._http.stream(
                    "GET", address, headers={**(headers or {}), "Accept-Encoding": "identity"}, timeout=self._timeout()
                )
                response = opened.enter_context(asked)
                if not response.has_redirect_location:
                    break
                address = _followed(response, hosts)
            if not response.is_success:
                raise refusal(response, self._body(response), datetime.now(UTC))
            yield Stream(response.status_code, response.headers, self._pieces(response))

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_raw():
            self.deadline.left()
            yield chunk

    def _tried[T](
        self, method: str, path: str, read: Callable[[Answer], T], expect: Collection[int], **parts: Any
    ) -> T:
        for attempt in stamina.retry_context(
            on=self._may_help, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=15.0
        ):
            with attempt:
                return self._once(method, path, read, expect, **parts)
        raise AssertionError("retry_context yields until it returns or raises")

    def _once[T](self, method: str, path: str, read: Callable[[Answer], T], expect: Collection[int], **parts: Any) -> T:
        self._wait_for_turn()
        with self._told(f"{method} {path}"):
            with self._http.stream(method, path, timeout=self._timeout(), **parts) as response:
                body = self._body(response)
            self._hold(response)
            if not response.is_success and response.status_code not in expect:
                raise refusal(response, body, datetime.now(UTC))
            return read(Answer(response.status_code, response.headers, body))

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(min(self._read_timeout, self.deadline.left()), connect=CONNECT_TIMEOUT)

    def _hold(self, response: httpx.Response) -> None:
        seconds = self._pause(response.headers, response.status_code) if self._pause else None
        if seconds and seconds > 0:
            RateBucket.objects.hold(self._bucket, min(seconds, LONGEST_WAIT), datetime.now(UTC))

    def _wait_for_turn(self) -> None:
        while True:
            seconds = RateBucket.objects.take(self._bucket, self._rate.per_second, self._rate.burst, datetime.now(UTC))
            if not seconds:
                return
            time.sleep(min(seconds, self.deadline.left()))

    def _body(self, response: httpx.Response) -> bytes:
        """The body, decompressed; never more than the cap is held in memory."""
        inflate = decompressor(response.headers.get("Content-Encoding", ""))
        body = bytearray()
        for chunk in response.iter_raw():
            self.deadline.left()
            body += inflate.decompress(chunk, self._body_limit + 1 - len(body)) if inflate else chunk
            if len(body) > self._body_limit:
                raise UpstreamError(f"sent more than {self._body_limit} bytes")
        if inflate and body and not inflate.eof:
            raise UpstreamError("sent a compressed body that is cut off", retryable=True)
        return bytes(body)

    def _may_help(self, error: Exception) -> bool | float:
        """Whether another attempt may help; a number is the seconds that the service asked for."""
        if not isinstance(error, UpstreamError) or not error.retryable:
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after < self.deadline.left() else False

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of the request, with the name of the service and without what it was sent."""
        try:
            yield
        except UpstreamError as error:
            raise UpstreamError(
                f"{self.service} {error} ({what})",
                status=error.status,
                code=error.code,
                retryable=error.retryable,
                retry_after=error.retry_after,
                body=error.body,
            ) from None
        except zlib.error:
            raise UpstreamError(
                f"{self.service} sent a body that cannot be decompressed ({what})", retryable=True
            ) from None
        except httpx.HTTPError as error:
            self.deadline.left()
            told = f"{self.service} cannot be reached: {type(error).__name__} ({what})"
            raise UpstreamError(told, retryable=True) from None


def _followed(response: httpx.Response, hosts: Collection[str]) -> httpx.URL:
    """Where a redirect leads. Raises UpstreamError if that is none of `hosts`, or less safe than where it was."""
    address = response.url.join(response.headers.get("Location", ""))
    within = any(address.host == host or (host.startswith(".") and address.host.endswith(host)) for host in hosts)
    if not within or (response.url.scheme == "https" and address.scheme != "https"):
        raise UpstreamError(f"redirects to {address.host[:100]}, which is not followed", status=response.status_code)
    return address


def _refuse(constant: str) -> None:
    """NaN and Infinity are no JSON, and databases do not take them."""
    raise ValueError(constant)


def finite(number: str) -> float | None:
    """A number of JSON; None for one that no float can hold, such as 1e400."""
    found = float(number)
    return found if math.isfinite(found) else None


def as_json(answer: Answer, constant: Callable[[str], Any] = _refuse) -> Any:
    """The answer as JSON. HTML in its place is an outage; a body that breaks off may be whole next time.

    A number that is too big is None; `constant` says what stands for NaN and Infinity.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UpstreamError(f"sent {kind[:50] or 'nothing'} instead of JSON", retryable=True)
    try:
        return json.loads(answer.body, parse_float=finite, parse_constant=constant)
    except (ValueError, RecursionError):
        raise UpstreamError("sent JSON that cannot be read", retryable=True) from None


def refusal(response: httpx.Response, body: bytes, now: datetime) -> UpstreamError:
    """The error that an answer other than 2xx stands for. Raises RetryLater for a pause too long to wait."""
    status = response.status_code
    if response.is_redirect:
        return UpstreamError("redirects elsewhere, which is not followed", status=status)
    wait = retry_after(response.headers.get("Retry-After", ""), now)
    if status in RETRYABLE and wait and wait > LONGEST_WAIT:
        delay = timedelta(seconds=min(wait, LONGEST_DELAY))
        raise RetryLater(delay, f"{response.url.host} answered {status} and asked for a pause of {delay}")
    return UpstreamError(
        f"answered {status}",
        status=status,
        code=error_code(body),
        retryable=status in RETRYABLE,
        retry_after=wait,
        body=body.decode(errors="replace")[:LONGEST_REFUSAL],
    )


def error_code(body: bytes) -> str:
    """The `error` that a JSON answer names, such as OAuth's invalid_grant; empty if it names none."""
    try:
        return str(json.loads(body)["error"])[:50]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def retry_after(value: str, now: datetime) -> float | None:
    """A Retry-After header as seconds from `now`; None for garbage, zero and the past."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        seconds = float(value) if SECONDS.fullmatch(value) else 0.0
    else:
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return seconds if seconds > 0 else None


def decompressor(encoding: str) -> "zlib._Decompress | None":
    """What decompresses a body of that Content-Encoding; None for a plain one."""
    if encoding.lower() in {"", "identity"}:
        return None
    if encoding.lower() in {"gzip", "x-gzip"}:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    raise UpstreamError(f"sent a body encoded as {encoding[:20]!r}, which was not asked for")
