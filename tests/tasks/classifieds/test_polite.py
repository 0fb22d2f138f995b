"""How the site is treated: robots.txt, pace, pauses that it wants, pages that it will not show."""

import gzip
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds.models import Category, Listing, Pause, StrangePage
from tasks.classifieds.scan import Wanted
from tasks.classifieds.scan import scan as scan_now
from tasks.classifieds.tasks import scan
from tasks.demo.headfi import SLUGS, HeadFi
from tasks.demo.upstream import Request, Upstream
from tasks.models import KeptAnswer, Status, TaskRecord
from tasks.recording import record

DACS = "dacs.8"
PAGES = "/classifieds/"
NUL = b"<h1>\x00 \xff <script>alert(1)</script></h1>"
HTML = {"Content-Type": "text/html"}

type Run = Callable[..., Outcome]

pytestmark = [pytest.mark.sqlite_only, pytest.mark.usefixtures("configured")]


def moments(site: Upstream, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each page is asked for, from now on."""
    asked: list[float] = []
    answer = site.answer

    def note(request: Request) -> Any:
        asked.append(time.monotonic())
        return answer(request)

    monkeypatch.setattr(site, "answer", note)
    return asked


def test_robots_come_first_and_once_a_day(run: Run, site: Upstream) -> None:
    run(scan, category=DACS)
    run(scan, category="daps.10")
    assert site.requests[0].path == "/robots.txt"
    assert site.asked("robots.txt") == 1


@pytest.mark.parametrize("robots", ["User-agent: *\nDisallow: /classifieds/", "User-agent: *\nDisallow: /", 500, 503])
def test_what_robots_do_not_allow_is_not_asked_for(run: Run, headfi: HeadFi, site: Upstream, robots: str | int) -> None:
    headfi.robots = robots
    outcome = run(scan)
    assert outcome.state == State.FAILED
    assert "robots.txt does not allow" in outcome.error_message
    assert site.asked(PAGES) == 0
    assert TaskRecord.objects.filter(status=Status.FAILED).count() == 1, "and not ten times"


@pytest.mark.parametrize("rule", ["/*?page=", "/*page"])
def test_a_next_page_that_robots_do_not_allow_is_the_end_of_its_category(
    run: Run, headfi: HeadFi, site: Upstream, rule: str
) -> None:
    headfi.robots = f"User-agent: *\nDisallow: {rule}"
    assert run(scan).state == State.SUCCEEDED
    assert site.asked("page") == (0 if rule == "/*page" else len(SLUGS) // 2)
    assert Category.objects.exclude(scanned_at=None).count() == len(SLUGS)
    log = TaskRecord.objects.get(label="DACs").log_output
    assert "Page 2 is not allowed by robots.txt" in log


def test_a_category_that_robots_do_not_allow_stops_no_other(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.robots = "User-agent: *\nDisallow: /classifieds/categories/full-size.2/"
    assert run(scan).error_message.startswith("Full-Size Headphones: NotAllowed")
    assert site.asked("full-size.2") == 0
    assert Listing.objects.count() == 40 * (len(SLUGS) - 1)
    assert run(scan, category="full-size.2").state == State.FAILED
    assert TaskRecord.objects.filter(label="Head-Fi", status=Status.FAILED).count() == 1


@pytest.mark.parametrize("robots", [404, 403, "", "User-agent: badbot\nDisallow: /"])
def test_without_rules_for_us_all_is_allowed(run: Run, headfi: HeadFi, robots: str | int) -> None:
    headfi.robots = robots
    assert run(scan, category=DACS).state == State.SUCCEEDED


def test_robots_that_cannot_be_reached_allow_nothing(run: Run, site: Upstream) -> None:
    site.drop("robots.txt", times=9)
    assert "cannot be read" in run(scan).error_message
    assert site.asked(PAGES) == 0


def test_the_client_says_who_it_is(run: Run, site: Upstream, configured: dict[str, Any]) -> None:
    run(scan, category=DACS)
    assert {request.headers["user-agent"] for request in site.requests} == {configured["USER_AGENT"]}


@pytest.mark.parametrize(("delay", "robots"), [(0.08, ""), (0, "User-agent: *\nCrawl-delay: 0.08")])
def test_pages_are_asked_for_one_at_a_time_with_a_pause_between_them(
    run: Run,
    headfi: HeadFi,
    site: Upstream,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    delay: float,
    robots: str,
) -> None:
    headfi.per_page, headfi.robots = 15, robots
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "RATE_LIMIT_DELAY_SECONDS": delay}
    asked = moments(site, monkeypatch)
    assert run(scan, category=DACS).state == State.SUCCEEDED
    pauses = [later - earlier for earlier, later in pairwise(asked[1:])]
    assert len(pauses) == 2
    assert min(pauses) >= 0.08


def test_a_page_is_asked_for_only_if_it_has_changed(run: Run, site: Upstream, headfi: HeadFi) -> None:
    run(scan, category=DACS)
    assert not any("if-none-match" in request.headers for request in site.requests), "the first scan needs all pages"
    site.requests.clear()
    run(scan, category=DACS)
    assert site.requests[0].headers["if-none-match"].startswith('W/"')
    headfi.add(DACS)
    run(scan, category=DACS)
    assert Listing.objects.count() == 41
    assert KeptAnswer.objects.exclude(etag="").count() == 2


def test_a_page_that_tells_only_when_it_changed_is_asked_for_by_that(
    run: Run, site: Upstream, headfi: HeadFi, monkeypatch: pytest.MonkeyPatch
) -> None:
    headfi.with_etag, modified = False, "Mon, 02 Mar 2026 12:00:00 GMT"
    asked = answer_with(site, monkeypatch, {"Last-Modified": modified})
    run(scan, category=DACS)
    asked.clear()
    assert run(scan, category=DACS).state == State.SUCCEEDED
    assert (asked[0]["if-modified-since"], "if-none-match" in asked[0]) == (modified, False)


def test_an_etag_that_cannot_be_sent_back_breaks_no_scan(
    run: Run, site: Upstream, headfi: HeadFi, monkeypatch: pytest.MonkeyPatch
) -> None:
    headfi.with_etag = False
    asked = answer_with(site, monkeypatch, {"ETag": '"\xfcber"'})
    for _ in range(3):
        assert run(scan, category=DACS).state == State.SUCCEEDED
    assert not any("if-none-match" in headers for headers in asked)


def answer_with(site: Upstream, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> list[Any]:
    """Let the site send these headers too; the headers of each request for a page, from now on."""
    asked: list[Any] = []
    answer = site.answer

    def with_headers(request: Request) -> Any:
        reply, fault = answer(request)
        if "/categories/" in request.path:
            asked.append(request.headers)
            reply = replace(reply, headers={**reply.headers, **headers})
        return reply, fault

    monkeypatch.setattr(site, "answer", with_headers)
    return asked


def test_a_short_pause_is_waited_for(run: Run, site: Upstream) -> None:
    site.fail("dacs.8/?page=2", 429, headers={"Retry-After": "1"})
    assert run(scan, category=DACS).state == State.SUCCEEDED
    assert Listing.objects.count() == 40
    assert site.asked("dacs.8/?page=2") == 2


def test_a_long_pause_ends_the_scan_which_goes_on_there_afterwards(run: Run, site: Upstream) -> None:
    site.fail("dacs.8/?page=2", 429, headers={"Retry-After": "7200"})
    outcome = run(scan)
    assert (outcome.state, outcome.retry_in) == (State.FAILED, 7200)
    assert site.asked("dac-amps.9") == 0, "no other category is asked for either"
    asked = len(site.requests)

    assert run(scan).state == State.SUCCEEDED, "the next moment of the schedule leaves the site alone"
    assert len(site.requests) == asked
    assert TaskRecord.objects.filter(label="Head-Fi").latest("id").result == {"skipped": True}

    Pause.objects.update(until=timezone.now())
    site.requests.clear()
    assert run(scan).state == State.SUCCEEDED
    assert site.requests[0].target.endswith("dacs.8/?page=2")
    assert site.asked("full-size.2") == 0
    assert Listing.objects.count() == 40 * len(SLUGS)


def test_a_pause_that_is_wanted_before_the_first_page_is_kept_too(run: Run, site: Upstream) -> None:
    site.fail("robots.txt", 503, headers={"Retry-After": "7200"})
    assert run(scan).retry_in == 7200
    assert run(scan).state == State.SUCCEEDED
    assert len(site.requests) == 1


@pytest.mark.parametrize(("status", "wanted", "seconds"), [(503, "120", 120), (503, "5", 5), (403, "7200", 7200)])
def test_being_shut_out_for_a_time_is_a_pause_and_no_alarm(
    run: Run, site: Upstream, status: int, wanted: str, seconds: int
) -> None:
    site.fail("daps.10", status, times=9, headers={"Retry-After": wanted})
    assert run(scan).retry_in == seconds
    assert site.asked("daps.10") == 1
    assert not Pause.objects.get().is_alarm
    assert not StrangePage.objects.exists()


def test_a_position_outlives_the_pause(run: Run, site: Upstream) -> None:
    site.fail("dacs.8/?page=2", 429, headers={"Retry-After": "80000"})
    run(scan)
    category = Category.objects.get(pk=DACS)
    assert category.is_under_way(timezone.now() + timedelta(seconds=80_600))


def test_refusals_without_a_pause_end_the_scan_for_ten_minutes(run: Run, site: Upstream) -> None:
    site.fail("dacs.8", 429, times=9)
    outcome = run(scan, category=DACS)
    assert outcome.retry_in == 600
    assert site.asked("dacs.8") == 4


@pytest.mark.parametrize("fault", ["truncate", "drop", "500", "502"])
def test_a_page_that_breaks_off_is_asked_for_again(run: Run, site: Upstream, fault: str) -> None:
    if fault == "truncate":
        site.truncate("dacs.8", 5000)
    elif fault == "drop":
        site.drop("dacs.8")
    else:
        site.fail("dacs.8", int(fault))
    assert run(scan, category=DACS).state == State.SUCCEEDED
    assert Listing.objects.count() == 40


@pytest.mark.parametrize("status", [404, 410, 500, 301])
def test_one_category_that_is_away_stops_no_other(run: Run, site: Upstream, status: int) -> None:
    site.fail("/dacs.8/", status, times=9, headers={"Location": "https://evil.example/"})
    outcome = run(scan)
    assert outcome.state == State.FAILED
    assert outcome.error_message.startswith("DACs: UpstreamError")
    assert Listing.objects.count() == 40 * (len(SLUGS) - 1)
    assert not StrangePage.objects.exists()


@pytest.mark.parametrize(
    ("status", "headers", "body", "asked"),
    [
        (403, HTML, b"<h1>Forbidden</h1>", 1),
        (503, HTML, b"<h1>Checking your browser</h1>", 1),
        (200, HTML, b"<h1>Are you a person?</h1>", 1),
        (200, HTML, b"", 1),
        (200, HTML, NUL, 1),
        (200, {"Content-Type": "application/json"}, b"{}", 1),
        (200, {}, b"", 1),
        (204, {}, b"", 1),
    ],
)
def test_a_strange_page_ends_the_scan_and_is_kept(
    run: Run, site: Upstream, status: int, headers: dict[str, str], body: bytes, asked: int
) -> None:
    site.fail("in-ear-monitors.3", status, times=9, headers=headers, body=body)
    outcome = run(scan)
    assert (outcome.state, outcome.retry_in) == (State.FAILED, None)
    assert "StrangeAnswer" in outcome.error_message
    assert site.asked("in-ear-monitors.3") == asked
    assert site.asked("desktop.5") == 0
    page = StrangePage.objects.get()
    assert (page.status, page.url) == (status, f"{site.url}/classifieds/categories/in-ear-monitors.3/")
    assert page.body == body.decode(errors="replace").replace("\x00", "")
    assert list(TaskRecord.objects.filter(status=Status.FAILED).values_list("label", flat=True)) == ["In-Ear Monitors"]


@pytest.mark.parametrize("switch", ["is_challenging", "is_renamed"])
def test_after_a_strange_page_nothing_is_asked_for_until_somebody_looks(
    run: Run, headfi: HeadFi, site: Upstream, switch: str
) -> None:
    setattr(headfi, switch, True)
    run(scan)
    asked = len(site.requests)
    outcome = run(scan)
    assert (outcome.state, len(site.requests)) == (State.FAILED, asked)
    assert "audiowatch run --once" in outcome.error_message

    setattr(headfi, switch, False)
    scan_now(lambda label: record(None, label, task_name="by hand"), Wanted(although_strange=True))
    assert Listing.objects.count() == 40 * len(SLUGS)
    assert run(scan).state == State.SUCCEEDED, "that ended the pause"


def test_a_page_whose_listings_have_new_insides_is_strange(run: Run, headfi: HeadFi) -> None:
    headfi.per_page = 0
    headfi.extra[DACS] = ['<a class="hfcUserListing" href="/classifieds/x.1/"><p>X</p></a>']
    assert "None of its" in run(scan, category=DACS).error_message
    assert StrangePage.objects.get().why.startswith("None of its")


def test_no_listing_where_there_were_some_is_strange(run: Run, headfi: HeadFi, site: Upstream) -> None:
    site.fail("daps.10", 200, headers=HTML, body=b'<nav class="pageNavWrapper"></nav>')
    assert run(scan, category="daps.10").state == State.SUCCEEDED, "a category may be empty"
    run(scan, category=DACS)
    headfi.removed = {ad.id for ad in headfi.ads[DACS]}
    assert "There is no listing on it" in run(scan, category=DACS).error_message
    assert StrangePage.objects.get().url.endswith(DACS + "/")


def test_a_category_without_listings_keeps_no_other_from_being_read(run: Run, headfi: HeadFi) -> None:
    run(scan)
    headfi.removed = {ad.id for ad in headfi.ads["full-size.2"]}
    added = headfi.add("media-for-sale-trade.13")
    outcome = run(scan)
    assert outcome.error_message.startswith("Full-Size Headphones: NoListing: There is no listing on it")
    assert Listing.objects.filter(pk=added.id).exists()
    assert (StrangePage.objects.count(), Pause.objects.count()) == (1, 0)
    assert [row.label for row in TaskRecord.objects.filter(status=Status.FAILED)] == ["Full-Size Headphones"]


def test_listings_that_are_missing_everywhere_are_an_alarm(run: Run, headfi: HeadFi) -> None:
    run(scan)
    headfi.removed = {ad.id for ads in headfi.ads.values() for ad in ads}
    assert "AllEmpty: There is no listing in any category" in run(scan).error_message
    assert Pause.objects.get().is_alarm
    assert StrangePage.objects.count() == len(SLUGS)


def test_a_category_that_stops_two_scans_lets_the_others_be_read(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 15
    site.fail("in-ear-monitors.3/page-2", 200, times=9, headers=HTML, body=b"<h1>Sorry</h1>")
    for _ in range(2):
        assert "StrangeAnswer" in run(scan).error_message
        Pause.objects.all().delete()
    assert site.asked("desktop.5") == 0
    site.requests.clear()
    assert run(scan).state == State.SUCCEEDED
    assert (site.asked("in-ear-monitors.3"), site.asked("desktop.5")) == (0, 3)
    assert "StrangeAnswer" in run(scan).error_message, "and then it is tried again"
    assert Category.objects.get(pk="in-ear-monitors.3").halts == 1, "of two"


def test_a_next_page_elsewhere_is_not_followed_and_told(run: Run, site: Upstream, headfi: HeadFi) -> None:
    link = '<a class="pageNav-jump--next" href="https://evil.example/classifieds/categories/dacs.8/?page=2">'
    headfi.extra[DACS] = [link]
    outcome = run(scan, category=DACS)
    assert "is elsewhere" in outcome.error_message
    assert Listing.objects.count() == 20, "what is on the page is kept"


def test_of_strange_pages_the_latest_are_kept(run: Run, headfi: HeadFi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.classifieds.keep.KEPT_PAGES", 2)
    headfi.is_challenging = True
    for _ in range(4):
        Pause.objects.all().delete()
        run(scan, category=DACS)
    first, second = StrangePage.objects.values_list("id", flat=True)
    assert first == second + 1


def test_a_bomb_is_not_unpacked(run: Run, site: Upstream) -> None:
    bomb = gzip.compress(b"<p>" * 10_000_000)
    site.fail("dacs.8", 200, headers={**HTML, "Content-Encoding": "gzip"}, body=bomb)
    assert "more than" in run(scan, category=DACS).error_message
