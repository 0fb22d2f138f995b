"""The site read with a browser, as with FETCHER=browser."""

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds.conf import options
from tasks.classifieds.models import Category, Listing, StrangePage
from tasks.classifieds.tasks import scan
from tasks.demo.headfi import HeadFi
from tasks.demo.upstream import Upstream
from tasks.models import Status, TaskRecord

DACS = "dacs.8"
PATIENCE = 60.0  # seconds on a busy machine; without an end to it, such a page takes for ever
FOREIGN = '<script src="http://localhost:9/x.js"></script><img src="/data/covers/1.png">'

type Run = Callable[..., Outcome]

pytestmark = [pytest.mark.browser, pytest.mark.sqlite_only]


@pytest.fixture(autouse=True)
def with_browser(configured: dict[str, Any], settings: Any) -> None:
    settings.CLASSIFIEDS = {**configured, "FETCHER": "browser"}
    if options().browser_program is None:
        pytest.skip("there is no Chromium")


def test_a_browser_reads_the_same_listings(
    run: Run, site: Upstream, headfi: HeadFi, configured: dict[str, Any]
) -> None:
    headfi.extra[DACS] = [FOREIGN]
    outcome = run(scan, category=DACS)
    assert outcome.state == State.SUCCEEDED, outcome
    assert Listing.objects.count() == 40
    pages = [request for request in site.requests if "/categories/" in request.path]
    assert len(pages) == 2
    assert {request.headers["user-agent"] for request in pages} == {configured["USER_AGENT"]}
    assert site.requests[0].path == "/robots.txt"
    assert site.asked("/data/covers/") == 0, "no pictures"


def test_a_browser_waits_for_listings_that_a_script_makes(run: Run, site: Upstream) -> None:
    card = '<a class=hfcUserListing href="/classifieds/x.7/"><div class=hfcListingTitle>X</div></a>'
    page = f"<body><script>setTimeout(() => document.body.insertAdjacentHTML('beforeend', `{card}`), 100)</script>"
    site.fail(DACS, 200, headers={"Content-Type": "text/html"}, body=page.encode())
    assert run(scan, category=DACS).state == State.SUCCEEDED
    assert Listing.objects.get().title == "X"


def test_refusals_mean_the_same_to_a_browser(run: Run, site: Upstream) -> None:
    site.fail(DACS, 403, headers={"Content-Type": "text/html"}, body=b"<h1>No</h1>")
    assert "shuts us out" in run(scan, category=DACS).error_message
    assert "<h1>No</h1>" in StrangePage.objects.get().body
    site.fail("daps.10", 404, headers={"Content-Type": "text/html"}, body=b"<h1>Gone</h1>")
    StrangePage.objects.all().delete()


def test_a_browser_that_does_not_start_is_told(run: Run, settings: Any) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "CHROMIUM": "/bin/false"}
    assert "/bin/false does not start" in run(scan, category=DACS).error_message
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "CHROMIUM": "/no/such"}
    assert "there is no Chromium" in run(scan, category=DACS).error_message


def test_a_long_pause_asked_of_a_browser_ends_the_scan(run: Run, site: Upstream) -> None:
    site.fail(DACS, 429, headers={"Retry-After": "7200", "Content-Type": "text/html"}, body=b"later")
    assert run(scan, category=DACS).retry_in == 7200


@pytest.mark.parametrize("wait", ["while (true) {}", "setTimeout(() => { while (true) {} }, 300)"])
def test_a_script_that_never_ends_costs_one_category_and_no_more(
    run: Run, site: Upstream, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr("tasks.classifieds.browser.PATIENCE", 2.0)
    monkeypatch.setattr("tasks.classifieds.browser.LISTINGS_WITHIN", 1.0)
    run(scan, category="daps.10")
    Category.objects.exclude(pk__in=[DACS, "daps.10"]).update(is_watched=False)
    site.fail(DACS, 200, headers={"Content-Type": "text/html"}, body=f"<p>Hm<script>{wait}</script>".encode())
    began = time.monotonic()
    outcome = run(scan)
    assert time.monotonic() - began < PATIENCE
    assert outcome.error_message.startswith("DACs: UpstreamError: Head-Fi")
    assert TaskRecord.objects.filter(label="DAPs").latest("id").status == Status.SUCCEEDED
    assert not any("--rota-browser=" in " ".join(each.cmdline()) for each in psutil.Process().children(recursive=True))


def test_a_script_that_never_ends_cannot_outlast_the_scan(run: Run, site: Upstream, settings: Any) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "SCAN_TIMEOUT": 3}
    script = b"<p>Hm<script>setTimeout(() => { while (true) {} }, 300)</script>"
    site.fail(DACS, 200, headers={"Content-Type": "text/html"}, body=script)
    began = time.monotonic()
    assert run(scan, category=DACS).state == State.FAILED
    assert time.monotonic() - began < PATIENCE
