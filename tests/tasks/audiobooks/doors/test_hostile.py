"""Whatever comes from outside is only text on every page; who sees which; and what is not there is not found."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from tasks.audiobooks.models import Book, Edition, Part, Rank, Told
from tests.tasks.audiobooks.doors.conftest import (
    EVIL,
    MODELS,
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
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

BASE = "/admin/audiobooks"
DEEDS = ("audiobooks.change_gap", "audiobooks.change_download", "audiobooks.add_download", "audiobooks.change_genre")
HUGE = "W" * 60_000
EVILS = {
    "markup": EVIL,
    "an image": '<img src=x onerror="alert(1)">',
    "the end of an attribute": '" onmouseover="alert(1)" x="',
    "the end of a tag": "'></a></title><svg onload=alert(1)>",
    "a template": "{{ settings.SECRET_KEY }}{% debug %}",
    "other directions": "\u202e\u2066abc\u0301" * 20,
    "a huge text": HUGE,
}
URLS = ("javascript:alert(1)//", "data:text/html,<script>alert(1)</script>", "https://[", '"><script>alert(1)</script>')


def build(text: str, url: str) -> dict[str, int]:
    """A row of everything, with `text` wherever the column takes it."""
    short = text[:20]
    series = make_series(text[:300], key="OL1L", completed_at=NOW)
    author = make_author(text[:200], born=short, died=short, last_name=text[:100])
    genre = make_genre(text[:200], is_enabled=True, subject=text[:200])
    book = make_book(
        text[:500], author, series=series, position=short, subtitle=text[:500], description=text, language=text[:50],
        first_published=short, publisher=text[:200], isbn=text[:13], asin=text[:10], openlibrary_key=text[:30],
        cover_url=url, cover_at=NOW,
        told_by=dict.fromkeys(("publisher", "description", "isbn", "cover_url"), text),
    )  # fmt: skip
    book.genres.add(genre)
    Told.objects.create(book=book, source=short, found=True, fetched_at=NOW, fields={text[:50]: text})
    edition = make_edition(
        book, title=text[:500], archive_id=text[:120], source_id=text[:100], url=url, readers=[text, {"x": text}],
        language=text[:50], source=short,
    )  # fmt: skip
    download = make_download(
        "failed", edition, why=text[:100], error=text[:500], folder=text[:500], size=1, done=2**62, attempts=9
    )
    Part.objects.create(download=download, number=1, name=text[:300], title=text[:300], size=2**62)
    gap = make_gap(series, short, "found", title=text[:500], work_key=text[:30], edition=edition)
    make_gap(author, short, title=text[:500], work_key=text[:30])
    Rank.objects.create(
        genre=genre, day=NOW.date(), place=1, edition=edition, archive_id=text[:120], title=text[:500], downloads=9
    )
    rank = Rank.objects.get()
    rows = {"book": book, "author": author, "series": series, "genre": genre, "edition": edition, "rank": rank}
    return {name: row.pk for name, row in {**rows, "gap": gap, "download": download}.items()}


def pages(rows: dict[str, int]) -> list[str]:
    lists = [f"{BASE}/{name}/" for name in MODELS]
    return [
        *lists,
        *(f"{BASE}/{name}/{key}/change/" for name, key in rows.items()),
        *(f"{BASE}/genre/top/", f"{BASE}/download/live/", f"{BASE}/download/{rows['download']}/live/"),
        f"{BASE}/book/?author={rows['author']}&series={rows['series']}&genre={rows['genre']}&q=%3Cscript%3E",
    ]


@pytest.mark.parametrize("text", EVILS.values(), ids=EVILS.keys())
def test_what_comes_from_outside_is_only_text(login: Login, text: str) -> None:
    rows = build(text, URLS[0])
    client = login(*VIEW, *DEEDS)
    for address in pages(rows):
        page = client.get(address)
        assert page.status_code == 200, address
        assert len(page.content) < 400_000, address
        found = LexborHTMLParser(page.text)
        assert not found.css("[onmouseover], [onerror], [onload], img[src=x]"), address
        assert not [each for each in found.css("script") if "alert" in (each.text() or "")], address
        assert not [each for each in found.css("[href], [src]") if "javascript:" in str(each.attributes)], address
        assert settings.SECRET_KEY not in page.text


@pytest.mark.parametrize("url", URLS)
def test_an_address_that_is_none_of_the_web_is_no_link(login: Login, url: str) -> None:
    rows = build("Tides", url[:200])
    client = login(*VIEW, *DEEDS)
    for address in pages(rows):
        page = client.get(address).text
        assert url not in page, address
        assert 'href="javascript' not in page
        assert 'href="data' not in page


def test_a_description_is_cleaned_once_more_when_it_is_shown(login: Login) -> None:
    book = make_book(description="<p onclick=alert(1)>A <em>tide</em><script>alert(1)</script></p><a href=//x>y</a>")
    page = login(*VIEW).get(f"{BASE}/book/{book.pk}/change/").text
    assert "<p>A <em>tide</em>" in page
    for harm in ("onclick", "alert(1)", "href=//x"):
        assert harm not in page


def test_without_permission_there_is_no_page(login: Login) -> None:
    rows = build("Tides", "https://catalogue.example/")
    for address in (*pages(rows), f"{BASE}/book/{rows['book']}/cover/"):
        assert login().get(address).status_code == 403, address
        assert Client().get(address).status_code == 302, address


def test_each_page_needs_the_permission_of_its_own_model(login: Login) -> None:
    rows = build("Tides", "https://catalogue.example/")
    for name, key in rows.items():
        others = login(*(each for each in VIEW if each != f"audiobooks.view_{name}"))
        alone = login(f"audiobooks.view_{name}")
        for address in (f"{BASE}/{name}/", f"{BASE}/{name}/{key}/change/"):
            assert others.get(address).status_code == 403, address
            assert alone.get(address).status_code == 200, address


@pytest.mark.parametrize("number", ["0", "999", "x", "9" * 30, "1_00", "-1", "%D9%A1"])
def test_what_is_not_there_is_not_found(login: Login, number: str) -> None:
    client = login(*VIEW, *DEEDS)
    for name in ("book", "series", "author", "download"):
        assert client.get(f"{BASE}/{name}/{number}/change/").status_code == 404, name
    for name in ("edition", "rank", "gap", "genre"):
        assert client.get(f"{BASE}/{name}/{number}/change/").status_code in {302, 404}, name
    assert client.get(f"{BASE}/book/{number}/cover/").status_code in {302, 404}
    assert client.post(f"{BASE}/edition/{number}/download/").status_code in {302, 404}
    assert client.get(f"{BASE}/download/{number}/live/").status_code in {302, 404}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "genre"])
def test_rows_are_made_and_deleted_by_tasks_alone(login: Login, name: str) -> None:
    rows: dict[str, Any] = build("Tides", "https://catalogue.example/")
    client = login(*VIEW, *DEEDS)
    assert client.get(f"{BASE}/{name}/add/").status_code == 403
    assert client.post(f"{BASE}/{name}/{rows[name]}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{BASE}/{name}/{rows[name]}/change/", {"title": "x", "state": "done"}).status_code in {200, 403}
    assert (Book.objects.get().title, Edition.objects.get().title) == ("Tides", "Tides")


def test_asking_for_a_recording_needs_its_permission_a_post_and_the_token(login: Login) -> None:
    edition = make_edition()
    address, ask = f"{BASE}/edition/{edition.pk}/download/", ("audiobooks.view_book", "audiobooks.add_download")
    assert login(*VIEW).post(address).status_code == 403
    assert login("audiobooks.add_download").post(address).status_code == 403
    assert login(*ask).get(address).status_code == 405
    assert login(*ask, csrf=True).post(address).status_code == 403
    assert login(*ask).post(address).status_code == 302
