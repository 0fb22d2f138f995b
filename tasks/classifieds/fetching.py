"""How a page of Head-Fi is fetched: what a fetcher is, and the one that asks over HTTP. `browser.py` has the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import uniform
from typing import Protocol

from tasks.classifieds.conf import Options
from tasks.http import Answer, Client, Deadline, Rate

SERVICE = "Head-Fi"
JITTER = 0.5  # of the delay, at most, on top of it
UNCHANGED = 304
SHUT_OUT = (403, 503)  # how a challenge answers: not tried again in a loop
TOO_MANY = 429
BODY_LIMIT = 2_000_000  # bytes of a page
PAUSE = 600.0  # seconds, where the site wants a pause and does not say how long


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a page."""

    status: int
    headers: Mapping[str, str]  # whatever their case
    body: str


class Fetcher(Protocol):
    """What fetches pages, and waits before each as long as the site wants."""

    def fetch(self, path: str, conditions: Mapping[str, str]) -> Reply:
        """Raises UpstreamError for an answer other than 2xx, 304, 403 and 503, or none; RetryLater for a long pause."""
        ...

    def close(self) -> None: ...


class OverHttp:
    """Pages as they come, without a script of theirs running."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, path: str, conditions: Mapping[str, str]) -> Reply:
        return self._client.get(path, _reply, headers=conditions, expect={UNCHANGED, *SHUT_OUT})

    def close(self) -> None:
        self._client.close()


def client_of(options: Options, deadline: Deadline, delay: float) -> Client:
    """A client for all workers that asks at most every `delay` seconds, and never as a clock does."""
    return Client(
        SERVICE,
        options.headfi_url,
        headers={"User-Agent": options.user_agent, "Accept": "text/html,application/xhtml+xml"},
        rate=Rate(per_second=1 / max(delay, 0.001), burst=1),
        deadline=deadline,
        body_limit=BODY_LIMIT,
        pause=lambda *_: jittered(delay),
    )


def jittered(delay: float) -> float:
    return delay * uniform(1, 1 + JITTER)  # noqa: S311


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, answer.headers, answer.body.decode(errors="replace").replace("\x00", ""))
