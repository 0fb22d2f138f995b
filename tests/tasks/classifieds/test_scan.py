"""Scans as a worker runs them, against the loopback Head-Fi."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from scheduling.context import StopSignal
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds import positions
from tasks.classifieds.headfi import StrangeAnswer
from tasks.classifieds.keep import keep_listings, keep_strange
from tasks.classifieds.models import Category, Change, Listing, Pause, StrangePage
from tasks.classifieds.parse import Parsed
from tasks.classifieds.tasks import scan, tell_of_matches
from tasks.demo.headfi import SLUGS, HeadFi
from tasks.demo.upstream import Upstream
from tasks.exceptions import DeadlineReached
from tasks.http import Deadline
from tasks.models import Status, TaskRecord

DACS = "dacs.8"
PAGES = 3  # of a first scan; 20 listings each

type Run = Callable[..., Outcome]

pytestmark = pytest.mark.usefixtures("configured")


def told(label: str = "DACs") -> dict[str, Any]:
    """What the last record of a category tells."""
    return dict(TaskRecord.objects.filter(label=label).latest("id").result or {})


def waiting() -> dict[int, str]:
    return dict(Listing.objects.exclude(to_match="").values_list("listing_id", "to_match"))


@pytest.fixture
def read(run: Run) -> Outcome:
    """A first scan of one category, whose rules have been run."""
    outcome = run(scan, category=DACS)
    assert outcome.state == State.SUCCEEDED, outcome
    return outcome


def test_a_first_scan_reads_all_categories_with_a_record_each(run: Run, site: Upstream) -> None:
    outcome = run(scan)
    assert outcome.state == State.SUCCEEDED, outcome
    rows = list(TaskRecord.objects.order_by("id"))
    assert [row.label for row in rows[:3]] == ["Full-Size Headphones", "In-Ear Monitors", "Desktop Amps"]
    assert [row.label for row in rows[-2:]] == ["rules", "notices"]
    assert len(rows) == len(SLUGS) + 2
    assert {row.status for row in rows} == {Status.SUCCEEDED}
    assert (rows[0].items_processed, rows[0].items_failed, rows[0].progress) == (41, 0, 1)
    assert rows[0].result == {"pages": 2, "new": 40, "changed": 0, "unchanged": 1}
    assert Listing.objects.count() == 40 * len(SLUGS)
    assert site.asked("/classifieds/categories/") == 2 * len(SLUGS)
    assert Category.objects.filter(scanned_at=None).count() == 0


def test_three_pages_are_followed_by_either_pager(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 15
    run(scan)
    assert (site.asked("dacs.8/?page=2"), site.asked("dacs.8/?page=3")) == (1, 1)
    assert (site.asked("daps.10/page-2"), site.asked("in-ear-monitors.3/page-2")) == (0, 1)
    assert Listing.objects.filter(category=DACS).count() == 40, "one listing stood on two pages"


def test_a_first_scan_stops_at_its_limit(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 5
    run(scan, category=DACS)
    assert site.asked(DACS) == PAGES
    run(scan, category="daps.10", max_pages=1)
    assert site.asked("daps.10") == 1


def test_a_short_scan_does_not_use_up_the_deep_first_one(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 10
    run(scan, category=DACS, max_pages=1)
    assert Category.objects.get(pk=DACS).scanned_at
    site.requests.clear()
    run(scan, category=DACS)
    assert site.asked(DACS) == PAGES, "although the first page is as it was"
    site.requests.clear()
    run(scan, category=DACS)
    assert site.asked(DACS) == 1


def test_a_short_scan_that_comes_to_the_end_is_a_deep_one(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 40
    run(scan, category=DACS, max_pages=1)
    headfi.per_page = 5
    for _ in range(30):
        headfi.add(DACS)
    site.requests.clear()
    run(scan, category=DACS)
    assert site.asked(DACS) == 2


def test_what_a_listing_tells_is_stored(read: Outcome, headfi: HeadFi) -> None:
    ad = next(ad for ad in headfi.ads[DACS] if ad.price and not ad.title.startswith("["))
    row = Listing.objects.get(pk=ad.id)
    assert (row.price, row.currency, row.seller, row.seller_reputation) == (
        ad.price,
        ad.currency,
        ad.seller,
        ad.reputation,
    )
    assert (row.title, row.listed_at, row.ships_to) == (ad.title, ad.listed_at, ad.ships_to)
    assert row.path.endswith(f".{ad.id}/")


def test_a_second_scan_asks_for_one_page_which_is_as_it_was(run: Run, read: Outcome, site: Upstream) -> None:
    asked = site.asked(DACS)
    run(scan, category=DACS)
    assert site.asked(DACS) == asked + 1
    assert told() == {"pages": 1, "new": 0, "changed": 0, "unchanged": 0, "as_it_was": 1}
    log = TaskRecord.objects.filter(label="DACs").latest("id").log_output
    assert "Page 1 is as it was." in log
    assert log.endswith(" 1 page, as it was")


def test_a_page_on_which_nothing_is_new_is_the_last_without_etags_too(run: Run, headfi: HeadFi, site: Upstream) -> None:
    headfi.with_etag = False
    run(scan, category=DACS)
    asked = site.asked(DACS)
    run(scan, category=DACS)
    assert site.asked(DACS) == asked + 1
    assert told() == {"pages": 1, "new": 0, "changed": 0, "unchanged": 20}


def test_a_later_scan_reads_fewer_pages(run: Run, read: Outcome, headfi: HeadFi, site: Upstream) -> None:
    headfi.per_page = 5
    for _ in range(30):
        headfi.add(DACS)
    asked = site.asked(DACS)
    run(scan, category=DACS)
    assert site.asked(DACS) == asked + 2
    assert told()["new"] == 10


def test_what_has_changed_is_kept_as_history(run: Run, read: Outcome, headfi: HeadFi) -> None:
    ad = headfi.change(DACS, 3, title="Heron", label="For Sale", price=Decimal(1000), currency="USD")
    run(scan, category=DACS)
    Change.objects.all().delete()
    headfi.change(DACS, 3, title="[SOLD] Heron, boxed", price=Decimal(1234))
    run(scan, category=DACS)
    changes = list(Change.objects.filter(listing=ad.id).order_by("field").values_list("field", "old", "new"))
    assert changes == [
        ("price", "1,000.00 USD", "1,234.00 USD"),
        ("status", "active", "sold"),
        ("title", "Heron", "Heron, boxed"),
    ]
    assert told()["changed"] == 1


@pytest.mark.parametrize(
    ("before", "after", "occasion"),
    [
        ({"price": Decimal(1000)}, {"price": Decimal(900)}, "cheaper"),
        ({"price": Decimal(1000)}, {"price": Decimal(1100)}, "edited"),
        ({"price": Decimal(1000)}, {"price": Decimal(900), "currency": "EUR"}, "edited"),
        ({"price": None}, {"price": Decimal(900)}, "edited"),
        ({"title": "[SOLD] Heron"}, {"title": "Heron", "price": Decimal(5)}, "reopened"),
        ({"label": "Closed"}, {"label": "For Sale"}, "reopened"),
        ({"title": "Heron"}, {"title": "[SOLD] Heron"}, "edited"),
        ({"ships_to": "CONUS"}, {"ships_to": "Worldwide"}, "edited"),
    ],
)
def test_the_rules_see_why_a_listing_comes_back(
    run: Run,
    read: Outcome,
    headfi: HeadFi,
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, Any],
    after: dict[str, Any],
    occasion: str,
) -> None:
    plain = {"title": "Heron", "label": "For Sale", "price": Decimal(1000), "currency": "USD"}
    ad = headfi.change(DACS, 0, **{**plain, **before})
    run(scan, category=DACS)
    monkeypatch.setattr("tasks.classifieds.scan.match_waiting", lambda *_: 0)
    headfi.change(DACS, 0, **after)
    run(scan, category=DACS)
    assert waiting() == {ad.id: occasion}


def test_what_the_rules_have_not_seen_yet_stays_new(run: Run, headfi: HeadFi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.classifieds.scan.match_waiting", lambda *_: 0)
    run(scan, category=DACS)
    ad = headfi.change(DACS, 0, title="Heron", price=Decimal(7), label="For Sale")
    run(scan, category=DACS)
    assert waiting()[ad.id] == "new"
    assert len(waiting()) == 40


def test_rules_and_notices_come_after_each_scan_even_one_that_fails(run: Run, site: Upstream) -> None:
    site.fail("dacs.8", 404)
    outcome = run(scan)
    assert outcome.state == State.FAILED
    assert "DACs: UpstreamError" in outcome.error_message
    rows = TaskRecord.objects.exclude(status=Status.SUCCEEDED)
    assert [row.label for row in rows] == ["DACs"]
    assert (
        list(TaskRecord.objects.filter(label__in=["rules", "notices"]).values_list("status", flat=True))
        == [Status.SUCCEEDED] * 2
    )


def test_what_could_not_be_told_is_told_between_scans(run: Run, site: Upstream) -> None:
    assert run(tell_of_matches).state == State.SUCCEEDED
    assert TaskRecord.objects.get().label == "notices"
    assert site.requests == []


def test_rules_that_fail_do_not_keep_notices_waiting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise ValueError("no such rule")

    monkeypatch.setattr("tasks.classifieds.scan.match_waiting", fail)
    outcome = run(scan, category=DACS)
    assert "rules: ValueError: no such rule" in outcome.error_message
    statuses = dict(TaskRecord.objects.values_list("label", "status"))
    assert statuses == {"DACs": Status.SUCCEEDED, "rules": Status.FAILED, "notices": Status.SUCCEEDED}


def test_a_bad_listing_is_counted_and_spoils_no_other(run: Run, headfi: HeadFi) -> None:
    headfi.extra[DACS] = ['<a class="hfcUserListing" href="/elsewhere/1">bad</a>', '<a class="hfcUserListing">']
    assert run(scan, category=DACS).state == State.SUCCEEDED
    row = TaskRecord.objects.get(label="DACs")
    assert (row.items_failed, Listing.objects.count()) == (2, 40)
    assert "/elsewhere/1: InvalidItem" in row.log_output


def test_a_page_with_a_bad_listing_is_read_again(run: Run, headfi: HeadFi, read: Outcome) -> None:
    headfi.extra[DACS] = ['<a class="hfcUserListing" href="/classifieds/x.9/">without a title</a>']
    run(scan, category=DACS)
    run(scan, category=DACS)
    assert TaskRecord.objects.filter(label="DACs").latest("id").items_failed == 1


def test_a_scan_killed_between_pages_goes_on_where_it_was(
    run: Run, headfi: HeadFi, site: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    headfi.per_page = 15
    keep, pages = keep_listings, []

    def die_at_the_third(*given: Any) -> Any:
        pages.append(given)
        if len(pages) == 6:  # three pages of the first category, and then the third one of the second
            raise KeyboardInterrupt
        return keep(*given)

    monkeypatch.setattr("tasks.classifieds.reading.keep_listings", die_at_the_third)
    assert run(scan).state == State.FAILED
    monkeypatch.setattr("tasks.classifieds.reading.keep_listings", keep)
    assert Listing.objects.count() == 40 + 30, "what was committed page by page is kept"
    assert len(waiting()) == 70, "and the rules have not seen it yet"
    site.requests.clear()
    assert run(scan).state == State.SUCCEEDED
    assert site.asked("full-size.2") == 0
    assert [request.target.rpartition("/")[2] for request in site.requests][:2] == ["page-3", ""]
    assert Listing.objects.count() == 40 * len(SLUGS)
    assert waiting() == {}
    assert "Goes on with page 3" in TaskRecord.objects.filter(label="In-Ear Monitors").latest("id").log_output


def test_a_scan_interrupted_long_ago_begins_anew(run: Run, site: Upstream, headfi: HeadFi) -> None:
    run(scan, category=DACS)
    old = Category.objects.get(pk=DACS)
    old.scan_path, old.scan_pages = f"/classifieds/categories/{DACS}/?page=2", 1
    assert old.resume_until is not None
    old.resume_until -= timedelta(hours=2)
    old.save()
    site.requests.clear()
    run(scan, category=DACS)
    assert not site.requests[0].params


def test_after_a_failure_all_pages_are_read_again(run: Run, headfi: HeadFi, site: Upstream) -> None:
    run(scan, category=DACS)
    for _ in range(25):
        headfi.add(DACS)
    site.fail("?page=2", 404)
    assert run(scan, category=DACS).state == State.FAILED
    run(scan, category=DACS)
    assert told() == {"pages": 2, "new": 5, "changed": 0, "unchanged": 36}


def test_the_deadline_ends_a_scan_which_the_next_one_goes_on_with(
    run: Run, site: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Over(Deadline):
        def left(self) -> float:
            if site.asked("in-ear-monitors.3"):
                raise DeadlineReached
            return super().left()

    with monkeypatch.context() as patched:
        patched.setattr("tasks.classifieds.scan.Deadline", Over)
        outcome = run(scan)
    assert (outcome.state, "DeadlineReached" in outcome.error_message) == (State.FAILED, True)
    assert TaskRecord.objects.filter(status=Status.FAILED).count() == 1
    site.requests.clear()
    assert run(scan).state == State.SUCCEEDED
    assert site.asked("full-size.2") == 0


def test_a_page_that_comes_too_slowly_meets_the_deadline(
    run: Run, site: Upstream, settings: Any, configured: dict[str, Any]
) -> None:
    settings.CLASSIFIEDS = {**configured, "SCAN_TIMEOUT": 0.5}
    site.drip(DACS, 0.01)
    assert "DeadlineReached" in run(scan, category=DACS).error_message


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_strange_page_that_no_database_takes_sets_off_the_alarm(run: Run, site: Upstream, status: int) -> None:
    body = b"<h1>\x00No\x00\xff</h1>"
    site.fail(DACS, status, headers={"Content-Type": "text/html"}, body=body)
    assert "StrangeAnswer" in run(scan, category=DACS).error_message
    assert Pause.objects.get().is_alarm
    assert StrangePage.objects.get().body == "<h1>No\ufffd</h1>"


@pytest.mark.django_db
def test_a_strange_page_is_kept_without_what_no_database_takes() -> None:
    error = StrangeAnswer("http://site.example/\x00", 200, "Why\x00 \ud800", "\x00<p>\ud800")
    positions.leave_alone(timezone.now(), str(error), is_alarm=True)
    keep_strange(error, timezone.now())
    page = StrangePage.objects.get()
    assert (page.url, page.why, page.body) == ("http://site.example/␀", "Why␀ ?", "␀<p>?")


def test_the_alarm_is_set_off_although_the_page_cannot_be_kept(
    run: Run, headfi: HeadFi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("too much")

    monkeypatch.setattr("tasks.classifieds.scan.keep_strange", fail)
    headfi.is_challenging = True
    run(scan, category=DACS)
    assert Pause.objects.get().is_alarm


def test_a_cancelled_scan_leaves_a_cancelled_record(run: Run, site: Upstream) -> None:
    stop = StopSignal()
    answer = site.answer

    def cancel(request: Any) -> Any:
        stop.event.set()
        return answer(request)

    site.answer = cancel  # type: ignore[method-assign]
    assert run(scan, stop=stop).state == State.CANCELLED
    assert TaskRecord.objects.get().status == Status.CANCELLED


def test_a_removed_listing_stays_as_it_was_last_seen(run: Run, read: Outcome, headfi: HeadFi) -> None:
    gone = headfi.ads[DACS][0].id
    headfi.removed.add(gone)
    assert run(scan, category=DACS).state == State.SUCCEEDED
    assert Listing.objects.get(pk=gone).status


def test_only_watched_categories_are_read(run: Run, site: Upstream) -> None:
    run(scan, category=DACS)
    Category.objects.exclude(pk="daps.10").update(is_watched=False)
    site.requests.clear()
    run(scan)
    assert {request.path.split("/")[3] for request in site.requests} == {"daps.10"}


@pytest.mark.parametrize(
    "arguments", [{"category": "../x"}, {"category": "dacs.9"}, {"max_pages": 0}, {"max_pages": 10**6}]
)
def test_arguments_that_make_no_sense_ask_for_nothing(run: Run, site: Upstream, arguments: dict[str, Any]) -> None:
    assert run(scan, **arguments).state == State.FAILED
    assert site.requests == []


def test_a_missing_contact_is_named(run: Run, settings: Any, site: Upstream) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "CONTACT": ""}
    assert "Set CONTACT" in run(scan).error_message
    assert site.requests == []


def test_a_page_costs_a_handful_of_queries(read: Outcome, django_assert_max_num_queries: Any) -> None:
    category = Category.objects.get(pk=DACS)
    seen = [parsed_as(row) for row in Listing.objects.all()]
    changed = [replace(each, title=f"Heron {each.listing_id}") for each in seen[:15]]
    new = [replace(each, listing_id=each.listing_id + 10**6) for each in seen[:15]]
    with django_assert_max_num_queries(8):
        kept = keep_listings(category, [*changed, *new, *seen[15:]], timezone.now())
    assert (kept.new, kept.changed, kept.unchanged) == (15, 15, 25)


def parsed_as(row: Listing) -> Parsed:
    """What a page told when the row was written."""
    return Parsed(**{field.name: getattr(row, field.name) for field in fields(Parsed)})


def test_many_new_events_keep_the_demo_alive(run: Run, read: Outcome, headfi: HeadFi) -> None:
    headfi.clock.advance(timedelta(hours=1))
    run(scan)
    headfi.clock.advance(timedelta(hours=1))
    run(scan)
    assert Listing.objects.count() >= 430
    assert Change.objects.filter(field="price").count() > 5
    assert not StrangePage.objects.exists()
