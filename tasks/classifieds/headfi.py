"""Head-Fi, spoken to over HTTP or with a browser: one page at a time, slowly, and only what robots.txt allows."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import cast

from scheduling.exceptions import RetryLater
from scheduling.redact import plain
from tasks.classifieds.conf import Options
from tasks.classifieds.fetching import (
    PAUSE,
    SERVICE,
    SHUT_OUT,
    TOO_MANY,
    UNCHANGED,
    Fetcher,
    OverHttp,
    Reply,
    client_of,
)
from tasks.classifieds.models import LONGEST_PAGE
from tasks.exceptions import AbortRun, TaskError, UpstreamError
from tasks.http import LONGEST_DELAY, Deadline, retry_after
from tasks.models import KeptAnswer
from tasks.robots import Robots

LONGEST_CRAWL_DELAY = 3600.0  # seconds; at such a pace no scan comes to its end anyway
HTML = ("text/html", "application/xhtml+xml")


class NotAllowed(TaskError):
    """robots.txt does not allow this page, or could not be read."""


class Unreadable(TaskError):
    """A page that means nothing to us: it is kept, for somebody to look at."""

    told = "{why}; see the page that was kept ({url})."

    def __init__(self, url: str, status: int, why: str, body: str) -> None:
        super().__init__(plain(self.told.format(why=why, url=url)))
        self.url = plain(url)
        self.status = status
        self.why = plain(why)
        self.body = plain(body[:LONGEST_PAGE])


class NoListing(Unreadable):
    """A page of the classifieds without a listing, where there were some before."""


class StrangeAnswer(Unreadable, AbortRun):
    """The site answers with something else than a page of the classifieds."""

    told = "{why}. Nothing more is asked for; see the page that was kept ({url})."


class HeadFi:
    """The site for the time of one scan. Raises NotConfigured if what it takes is not there."""

    def __init__(self, options: Options, deadline: Deadline) -> None:
        self.url = options.headfi_url
        with closing(client_of(options, deadline, options.rate_limit_delay_seconds)) as asking:
            self._robots = Robots(asking, options.user_agent)
        self.delay = min(max(options.rate_limit_delay_seconds, self._robots.delay), LONGEST_CRAWL_DELAY)
        self._fetcher = fetcher_of(options, deadline, self.delay)

    def close(self) -> None:
        self._fetcher.close()

    def address(self, path: str) -> str:
        return f"{self.url}{path}"

    def allows(self, path: str) -> bool:
        """Whether robots.txt lets us ask for `path`."""
        return self._robots.allows(path)

    def check(self, path: str) -> None:
        """Raises NotAllowed."""
        if not self.allows(path):
            raise NotAllowed(f"{self.url}/robots.txt does not allow {path}, or cannot be read.")

    def page(self, path: str, *, if_changed: bool) -> Reply | None:
        """The page at `path`; None if it is as it was, which is asked only `if_changed`.

        Raises NotAllowed, StrangeAnswer, RetryLater, or UpstreamError for what concerns this page alone.
        """
        self.check(path)
        conditions = KeptAnswer.objects.conditions(SERVICE, self.address(path)) if if_changed else {}
        try:
            reply = self._fetcher.fetch(path, conditions)
        except UpstreamError as error:
            raise _meaning(error) from error
        if reply.status in SHUT_OUT:
            raise self._shut_out(reply, path)
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if reply.status != UNCHANGED and kind not in HTML:
            raise StrangeAnswer(self.address(path), reply.status, f"The page is {kind[:50] or 'nothing'}", reply.body)
        return None if reply.status == UNCHANGED else reply

    def keep(self, path: str, reply: Reply, now: datetime) -> None:
        """Remember how to recognise this page, whose listings are kept."""
        KeptAnswer.objects.keep(SERVICE, self.address(path), reply.headers, now)

    def _shut_out(self, reply: Reply, path: str) -> Exception:
        """What 403 and 503 are: a wish for a pause if they say how long, else a challenge."""
        if seconds := retry_after(reply.headers.get("Retry-After", ""), datetime.now(UTC)):
            return _pause(seconds)
        return StrangeAnswer(self.address(path), reply.status, f"The site shuts us out: {reply.status}", reply.body)


def _meaning(error: UpstreamError) -> Exception:
    """What a refusal is for the scan: a wish for a pause, or the failure of one page."""
    return _pause(error.retry_after or PAUSE) if error.status == TOO_MANY else error


def _pause(seconds: float) -> RetryLater:
    delay = timedelta(seconds=min(seconds, LONGEST_DELAY))
    return RetryLater(delay, f"{SERVICE} wants a pause of {delay}.")


def fetcher_of(options: Options, deadline: Deadline, delay: float) -> Fetcher:
    """The one that the setting FETCHER names; the browser's module, and what it needs, is loaded only then."""
    if options.fetcher == "browser":
        return cast("Fetcher", import_module("tasks.classifieds.browser").Browser(options, deadline, delay))
    return OverHttp(client_of(options, deadline, delay))
