"""The wall and the downloads in a real browser: covers that are there or drawn, a page that keeps itself true."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tasks.audiobooks.models import Book, Download, DownloadState, Series
from tests.tasks.audiobooks.doors import world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]
Window = Callable[..., Page]

BASE = "/admin/audiobooks"
WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture
def shelf() -> list[Book]:
    return world.build()


def test_the_wall_shows_covers_and_leads_to_books_by_the_keyboard(window: Window, shelf: list[Book]) -> None:
    page = window()
    page.goto(f"{BASE}/book/")
    expect(page.locator(".books-tile")).to_have_count(60)
    first = page.locator(".books-cover img").first
    expect(first).to_have_js_property("complete", True)
    assert first.evaluate("image => image.naturalWidth > 1")
    assert "Cover of" in str(first.get_attribute("alt"))
    assert not page.evaluate(WIDE)
    page.get_by_role("searchbox").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    tile = page.locator(".books-tile:focus-visible")
    assert tile.evaluate("tile => getComputedStyle(tile).outlineWidth") == "3px"
    title = tile.locator(".books-name").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".books-title")).to_have_text(title)


def test_downloads_keep_themselves_true(window: Window, shelf: list[Book]) -> None:
    download = Download.objects.filter(state=DownloadState.RUNNING).latest("queued_at")
    Download.objects.filter(state=DownloadState.RUNNING).exclude(pk=download.pk).update(state=DownloadState.QUEUED)
    page = window()
    page.goto(f"{BASE}/download/")
    going = page.get_by_role("region", name="Downloading now")
    expect(going.get_by_text("Downloading 42 %")).to_be_visible()
    going.get_by_role("link").focus()
    Download.objects.filter(pk=download.pk).update(done=int((download.size or 0) * 0.73))
    expect(going.get_by_text("Downloading 72 %").or_(going.get_by_text("Downloading 73 %"))).to_be_visible()
    expect(going.get_by_text("a second")).to_be_visible()
    assert page.evaluate("document.activeElement.getAttribute('href')").endswith(f"/{download.pk}/change/")
    going.get_by_role("button", name="Take off").click()
    expect(page.get_by_text("It is taken off the list.")).to_be_visible()
    expect(page.get_by_text("Taken off the list by admin.")).to_be_visible()
    page.get_by_role("button", name="Queue again").click()
    expect(page.get_by_text("It is queued again.")).to_be_visible()


def test_every_page_fits_a_phone_in_the_dark(window: Window, shelf: list[Book]) -> None:
    page = window(390, dark=True)
    series, download = Series.objects.latest("pk"), Download.objects.latest("pk")
    lists = ("book/", "series/", "author/", "download/", "genre/", "genre/top/", "gap/", "edition/", "rank/")
    pages = (f"book/{shelf[8].pk}/change/", f"series/{series.pk}/change/", f"download/{download.pk}/change/")
    for address in (*lists, *pages):
        page.goto(f"{BASE}/{address}")
        assert not page.evaluate(WIDE), address
