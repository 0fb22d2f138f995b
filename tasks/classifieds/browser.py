"""Pages fetched by Chromium, for a site that shows its listings only to browsers; loaded when FETCHER is browser.

The browser says who it is as the HTTP client does, and fetches nothing from other hosts, no pictures and no fonts.
"""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error, Page, Playwright, Response, Route, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from scheduling.exceptions import RetryLater
from tasks.classifieds.conf import Options
from tasks.classifieds.fetching import BODY_LIMIT, PAUSE, SERVICE, SHUT_OUT, TOO_MANY, Reply, jittered
from tasks.classifieds.markup import load
from tasks.exceptions import DeadlineReached, NotConfigured, UpstreamError
from tasks.http import LONGEST_DELAY, Deadline, retry_after
from tasks.models import RateBucket

BUCKET = f"{SERVICE}:browser"
PATIENCE = 30.0  # seconds for a page
LISTINGS_WITHIN = 5.0  # seconds after that; a page without listings is handed on all the same
TO_START = 30.0  # seconds
TO_LEAVE = 3.0  # seconds, before it is killed
UNWANTED = frozenset({"image", "media", "font"})
FLAGS = ("--disable-dev-shm-usage",)  # which is small in containers
AS_ROOT = "--no-sandbox"  # there Chromium has no sandbox to offer


class Browser:
    """One browser with one page. Playwright lives in a thread of its own, since Django's ORM refuses its event loop."""

    def __init__(self, options: Options, deadline: Deadline, delay: float) -> None:
        self._options = options
        self._deadline = deadline
        self._delay = delay
        self._listing = load(options.headfi_file).selectors.listing
        self._thread = ThreadPoolExecutor(1, "browser")
        self._mark = f"--rota-browser={uuid.uuid4()}"  # by which its processes are found
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._page: Page | None = None

    def fetch(self, path: str, conditions: Mapping[str, str]) -> Reply:
        """As the site shows it to a browser, which cannot ask by `conditions`. After a failure a new one is started."""
        self._wait_for_turn()
        try:
            page = self._page or self._in_thread(self._start, TO_START)
            act = partial(self._open, page, path, min(PATIENCE, self._deadline.left()))
            return self._in_thread(act, min(PATIENCE + LISTINGS_WITHIN, self._deadline.left()))
        except UpstreamError as error:
            if error.retryable:
                self._kill()
            raise
        finally:
            RateBucket.objects.hold(BUCKET, jittered(self._delay), datetime.now(UTC))

    def close(self) -> None:
        try:
            self._in_thread(self._leave, TO_LEAVE)
        except (UpstreamError, DeadlineReached):
            self._kill()
        finally:
            self._thread.shutdown(wait=False)

    def _in_thread[T](self, act: Callable[[], T], seconds: float) -> T:
        """What comes of it. Raises UpstreamError if that takes longer, as where a page's script never ends."""
        try:
            return self._thread.submit(act).result(seconds)
        except TimeoutError:
            self._deadline.left()
            raise UpstreamError(f"{SERVICE} keeps the browser busy", retryable=True) from None

    def _kill(self) -> None:
        """End its processes, whatever they do; what waits for them in the thread fails then, and ends as well."""
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if self._mark in process.cmdline():
                    for each in (*process.children(recursive=True), process):
                        each.kill()
        with suppress(UpstreamError, DeadlineReached):
            self._in_thread(self._leave, TO_LEAVE)

    def _open(self, page: Page, path: str, seconds: float) -> Reply:
        url = f"{self._options.headfi_url}{path}"
        try:
            response = page.goto(url, wait_until="domcontentloaded", timeout=seconds * 1000)
            if response is None:
                raise UpstreamError(f"{SERVICE} sent nothing ({url})")
            if response.ok:
                self._await_listings(page)
            return self._reply(response, page.content())
        except Error as error:
            told = str(error).partition("\n")[0][:200]
            raise UpstreamError(f"{SERVICE} cannot be reached with the browser: {told}", retryable=True) from None

    def _start(self) -> Page:
        """Raises NotConfigured if there is no such browser, or it does not start."""
        program = self._options.browser_program
        if program is None:
            raise NotConfigured("FETCHER is browser, and there is no Chromium: install it, or set CHROMIUM.")
        flags = [*FLAGS, AS_ROOT] if os.geteuid() == 0 else list(FLAGS)
        self._playwright = sync_playwright().start()
        try:
            self._chromium = self._playwright.chromium.launch(
                executable_path=program, headless=self._options.headless, args=[*flags, self._mark]
            )
        except Error as error:
            raise NotConfigured(f"{program} does not start: {str(error).partition(chr(10))[0][:200]}") from None
        context = self._chromium.new_context(user_agent=self._options.user_agent, service_workers="block")
        context.route("**/*", self._let_through)
        self._page = context.new_page()
        return self._page

    def _let_through(self, route: Route) -> None:
        asked = route.request
        if asked.resource_type in UNWANTED or urlsplit(asked.url).netloc != urlsplit(self._options.headfi_url).netloc:
            route.abort()
        else:
            route.continue_()

    def _await_listings(self, page: Page) -> None:
        try:
            page.wait_for_selector(self._listing, state="attached", timeout=LISTINGS_WITHIN * 1000)
        except NotInTime:
            return

    def _reply(self, response: Response, body: str) -> Reply:
        status = response.status
        if status == TOO_MANY:
            asked = retry_after(response.headers.get("retry-after", ""), datetime.now(UTC)) or PAUSE
            raise RetryLater(timedelta(seconds=min(asked, LONGEST_DELAY)), f"{SERVICE} wants a pause.")
        if not response.ok and status not in SHUT_OUT:
            raise UpstreamError(f"{SERVICE} answered {status} ({response.url})", status=status)
        if len(body) > BODY_LIMIT:
            raise UpstreamError(f"{SERVICE} sent more than {BODY_LIMIT} characters ({response.url})")
        headers = {name: response.headers.get(name.lower(), "") for name in ("Content-Type", "Retry-After")}
        return Reply(status, headers, body.replace("\x00", ""))

    def _leave(self) -> None:
        """Whatever of it has started, or is left of it."""
        chromium, playwright = self._chromium, self._playwright
        self._page = self._chromium = self._playwright = None
        with suppress(Error):
            if chromium:
                chromium.close()
        if playwright:
            playwright.stop()

    def _wait_for_turn(self) -> None:
        per_second = 1 / max(self._delay, 0.001)
        while seconds := RateBucket.objects.take(BUCKET, per_second, 1, datetime.now(UTC)):
            time.sleep(min(seconds, self._deadline.left()))
