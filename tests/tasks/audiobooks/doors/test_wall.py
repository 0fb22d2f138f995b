"""The wall of covers, the pictures on it, and the page of a book."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tasks.audiobooks.admin.wall import TILES
from tasks.audiobooks.covers import cover_file
from tasks.audiobooks.models import Book, Download, Told
from tests.tasks.audiobooks.doors.conftest import (
    DAY,
    NOW,
    VIEW,
    Login,
    make_author,
    make_book,
    make_download,
    make_edition,
    make_gap,
    make_genre,
    make_series,
    picture,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

WALL = "/admin/audiobooks/book/"
SEE = "audiobooks.view_book"
ASK = (*VIEW, "audiobooks.add_download")


def page_of(book: Book) -> str:
    return f"{WALL}{book.pk}/change/"


def with_cover(content: bytes = picture()) -> Book:
    book = make_book(cover_url="https://covers.example/1.png", cover_at=NOW)
    path = cover_file(book)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return book


def test_the_latest_book_comes_first_and_leads_to_its_page(login: Login) -> None:
    old, new = make_book("High Water", added_at=NOW - DAY), make_book("Low Water")
    page = login(SEE).get(WALL).text
    assert page.index("Low Water") < page.index("High Water")
    assert f'href="{page_of(new)}"' in page
    assert f'href="{page_of(old)}"' in page


def test_a_tile_says_who_wrote_it_where_it_belongs_and_how_it_stands(login: Login) -> None:
    book = make_book("Low Water", make_author("Ada Marlow"), series=make_series("Salt Coast"), position="2.5")
    make_download("running", make_edition(book), size=100, done=40)
    page = login(SEE).get(WALL).text
    for words in ("Ada Marlow", "Salt Coast 2.5", "Downloading 40 %"):
        assert words in page


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([], "Not here"),
        (["failed"], "Failed"),
        (["failed", "queued"], "Queued"),
        (["queued", "done"], "In the library"),
        (["held"], "No room"),
    ],
)
def test_of_several_recordings_the_nearest_counts(login: Login, states: list[str], words: str) -> None:
    book = make_book()
    for state in states:
        make_download(state, make_edition(book))
    wall = login(SEE).get(WALL).text
    assert f">{words}</span>" in wall[wall.index("books-state") :]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "tIdes"}, {"Tides"}),
        ({"q": "marlow"}, {"Tides", "Salt"}),
        ({"q": "heron"}, {"Salt"}),
        ({"q": "%"}, set()),
        ({"where": "library"}, {"Tides"}),
        ({"where": "coming"}, {"Salt"}),
        ({"where": "failed"}, {"Ember"}),
        ({"where": "catalogue"}, {"Ember", "Willow"}),
        ({"genre": "sea"}, {"Tides"}),
        ({"author": "ada", "where": "coming"}, {"Salt"}),
        ({"series": "house"}, {"Salt"}),
        ({"where": "tea", "genre": "x", "author": "9" * 30, "page": "-3"}, {"Tides", "Salt", "Ember", "Willow"}),
    ],
)
def test_the_wall_is_filtered(login: Login, query: dict[str, str], found: set[str]) -> None:
    ada, house, sea = make_author("Ada Marlow"), make_series("Heron House"), make_genre("Sea")
    ids = {"ada": str(ada.pk), "house": str(house.pk), "sea": str(sea.pk)}
    books = {
        "Tides": make_book("Tides", ada),
        "Salt": make_book("Salt", ada, series=house),
        "Ember": make_book("Ember"),
        "Willow": make_book("Willow"),
    }
    books["Tides"].genres.add(sea)
    for title, state in (("Tides", "done"), ("Salt", "held"), ("Ember", "failed")):
        make_download(state, make_edition(books[title]))
    page = login(SEE).get(WALL, {name: ids.get(value, value) for name, value in query.items()}).text
    assert {title for title, book in books.items() if page_of(book) in page} == found


def test_pages_are_turned_without_counting_and_keep_the_filters(
    login: Login, django_assert_max_num_queries: Any
) -> None:
    series = make_series()
    for number in range(TILES + 5):
        book = make_book(f"Tides {number}", make_author(f"A {number}"), series=series, added_at=NOW - number * DAY)
        make_download("queued", make_edition(book))
    client = login(SEE)
    with django_assert_max_num_queries(10) as asked:
        first = client.get(WALL, {"q": "tides"}).text
    assert not [query["sql"] for query in asked if "COUNT(" in query["sql"]]
    assert "?q=tides&amp;page=2" in first
    second = client.get(WALL, {"q": "tides", "page": "2"}).text
    assert ("Tides 59" in first, "Tides 60" in first, "Tides 64" in second) == (True, False, True)
    assert ">Next</a>" not in second


def test_an_empty_wall_says_what_to_do(login: Login) -> None:
    assert "manage.py audiobooks run mam_scraping" in login(SEE).get(WALL).text
    assert "No book is like that" in login(SEE).get(WALL, {"q": "x"}).text


# Pictures


def test_a_cover_is_served_from_the_disk_as_what_it_is(login: Login) -> None:
    answer = login(SEE).get(reverse("admin:audiobooks_book_cover", args=[with_cover().pk]))
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/png", picture())
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, max-age=86400"


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"", b"GIF is no picture here", b"<script>"])
def test_what_is_no_picture_is_never_served(login: Login, content: bytes) -> None:
    answer = login(SEE).get(reverse("admin:audiobooks_book_cover", args=[with_cover(content).pk]))
    assert answer.status_code == 404
    assert content not in answer.content or not content


def test_a_lost_picture_is_not_found_and_lets_the_drawn_cover_be_seen(login: Login, tmp_path: Path) -> None:
    book = with_cover()
    cover_file(book).unlink()
    client, address = login(SEE), reverse("admin:audiobooks_book_cover", args=[book.pk])
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (404, "image/svg+xml")
    (tmp_path / "secret").write_bytes(picture())
    cover_file(book).symlink_to(tmp_path / "secret")
    assert client.get(address).status_code == 404
    assert "books-drawn" in client.get(WALL).text


def test_a_book_without_a_picture_asks_for_none(login: Login) -> None:
    make_book()
    page = login(SEE).get(WALL).text
    assert "<img" not in page[page.index("books-wall") :]


# The page


def test_each_field_tells_who_told_it(login: Login) -> None:
    book = make_book(publisher="Ashe", isbn="9780000000000", told_by={"publisher": "google", "isbn": "strange"})
    Told.objects.create(book=book, source="google", found=True, fetched_at=timezone.now() - timedelta(days=3))
    page = login(SEE).get(page_of(book)).text
    told = page[page.index(">Publisher<") :]
    assert "Google Books, <time" in told
    assert "3 days ago" in told
    assert "<small>strange</small>" in told


def test_a_page_bears_sources_of_any_shape(login: Login) -> None:
    odd: list[Any] = [[], "x", {"isbn": 7}, {"isbn": {"a": 1}}, {}]
    for told_by in odd:
        book = make_book(isbn="9780000000000")
        Book.objects.filter(pk=book.pk).update(told_by=told_by)
        assert login(SEE).get(page_of(book)).status_code == 200


@pytest.mark.parametrize(("key", "leads"), [("OL900W", True), ("OL900A", False), ("../evil", False)])
def test_a_work_leads_to_its_page_at_open_library(login: Login, key: str, leads: bool) -> None:
    page = login(SEE).get(page_of(make_book(openlibrary_key=key))).text
    assert (f'href="https://openlibrary.org/works/{key}"' in page) is leads
    assert key in page


def test_a_book_knows_its_neighbours_in_the_series(login: Login) -> None:
    series = make_series()
    book = make_book("Second", series=series, position="2")
    make_gap(series, "10", title="Tenth")
    make_gap(series, "2.5", title="Between")
    make_gap(series, "1", "owned", title="First", book=make_book("First"))
    page = login(SEE, "audiobooks.view_series").get(page_of(book)).text
    before, after = page.index("First</a>"), page.index("Between")
    assert before < after
    assert "Tenth" not in page
    assert f"/admin/audiobooks/series/{series.pk}/change/" in page


def test_a_recording_tells_of_itself_and_leads_to_its_page(login: Login) -> None:
    book = make_book()
    make_edition(book, readers=["Ruth", "Mil"], seconds=22_360, url="https://catalogue.example/tides")
    make_edition(book, readers={"not": "a list"}, url="javascript:alert(1)", title="Version 2")
    page = login(SEE).get(page_of(book)).text
    assert "Read by Ruth, Mil" in page
    assert "6 h 12 min" in page
    assert 'href="https://catalogue.example/tides" rel="noopener noreferrer"' in page
    assert "javascript:" not in page


def test_the_page_asks_few_questions(login: Login, django_assert_max_num_queries: Any) -> None:
    series = make_series()
    book = make_book("Low Water", *(make_author(f"A {each}") for each in range(9)), series=series)
    for number in range(30):
        make_download("done", make_edition(book))
        make_gap(series, str(number), "owned", book=make_book(f"Part {number}"))
    client = login(*ASK)
    with django_assert_max_num_queries(14):
        client.get(page_of(book))


# The deed


def test_a_recording_is_asked_for_by_name(login: Login) -> None:
    edition = make_edition()
    client = login(*ASK)
    assert "Download</button>" in client.get(page_of(edition.book)).text
    answer = client.post(f"/admin/audiobooks/edition/{edition.pk}/download/", follow=True)
    assert "is queued" in answer.text
    download = Download.objects.get()
    assert (download.edition, download.state, download.why) == (edition, "queued", "Asked for by u0")
    assert "Download</button>" not in answer.text
    assert "It is not queued" in client.post(f"/admin/audiobooks/edition/{edition.pk}/download/", follow=True).text


def test_one_that_has_failed_is_queued_again(login: Login) -> None:
    download = make_download("failed", attempts=6, error="No.", finished_at=NOW)
    client = login(*ASK)
    assert "Download</button>" in client.get(page_of(download.edition.book)).text
    client.post(f"/admin/audiobooks/edition/{download.edition_id}/download/")
    download.refresh_from_db()
    assert (download.state, download.attempts, download.error, download.finished_at) == ("queued", 0, "", None)


def test_one_without_files_cannot_be_asked_for(login: Login) -> None:
    edition = make_edition(archive_id="")
    client = login(*ASK)
    assert "Download</button>" not in client.get(page_of(edition.book)).text
    assert "It is not queued" in client.post(f"/admin/audiobooks/edition/{edition.pk}/download/", follow=True).text
    assert not Download.objects.exists()
