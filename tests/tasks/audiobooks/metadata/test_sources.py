"""Google Books and Audnexus as they are spoken to, and what is made of odd answers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.audiobooks.audnexus import Audnexus
from tasks.audiobooks.conf import options
from tasks.audiobooks.google_books import GoogleBooks
from tasks.audiobooks.telling import Known, Said
from tasks.demo import books
from tasks.demo.google_books import GoogleBooks as Fake
from tasks.demo.upstream import Upstream
from tasks.exceptions import UpstreamError
from tasks.http import Deadline

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

JSON = {"Content-Type": "application/json"}
WORK = books.ALL_WORKS[0]
KNOWN = Known(title=WORK.title, authors=(WORK.author.name,), asin=WORK.asin)


@pytest.fixture
def ask(configured: Callable[..., None]) -> Callable[..., Said | None]:
    configured(GOOGLE_BOOKS_API_KEY="demo", AUDNEXUS=True)

    def ask(kind: Any, known: Known = KNOWN) -> Said | None:
        source = kind(options(), Deadline(30))
        try:
            said: Said | None = source.ask(known)
        finally:
            source.close()
        return said

    return ask


def said(found: Said | None) -> dict[str, Any]:
    assert found
    return dict(found.fields)


def test_google_tells_of_a_volume(ask: Callable[..., Said]) -> None:
    told = said(ask(GoogleBooks))
    assert (told["isbn"], told["publisher"], told["rating"]) == (WORK.isbn, WORK.publisher, WORK.rating)
    assert "<script" not in told["description"]


def test_the_key_is_in_no_error(ask: Callable[..., Said], upstream: Upstream, configured: Callable[..., None]) -> None:
    configured(GOOGLE_BOOKS_API_KEY="k3y-that-is-long-enough")
    upstream.fail("/googlebooks", 500, times=9)
    with pytest.raises(UpstreamError) as error:
        ask(GoogleBooks)
    assert "k3y" not in str(error.value)
    assert upstream.asked("key=k3y-that-is-long-enough") == 4


def test_nothing_found_is_no_error(ask: Callable[..., Said]) -> None:
    for kind, known in ((GoogleBooks, Known(title="Nowhere")), (Audnexus, Known(title="x", asin="B999999999"))):
        assert not ask(kind, known).found
    assert ask(Audnexus, Known(title="x")) is None
    assert ask(Audnexus, Known(title="x", asin="../../x")) is None


@pytest.mark.parametrize("kind", [GoogleBooks, Audnexus])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"error": "x"}', b"{", b""])
def test_what_is_no_answer_is_tried_again(ask: Callable[..., Said], upstream: Upstream, kind: Any, body: bytes) -> None:
    upstream.fail("/googlebooks" if kind is GoogleBooks else "/audnexus", 200, headers=JSON, body=body)
    assert ask(kind).found


@pytest.mark.parametrize(
    "odd",
    [
        {"industryIdentifiers": None, "imageLinks": None, "averageRating": "x", "publisher": 5},
        {"industryIdentifiers": [None, {"identifier": None}, {}], "imageLinks": "x", "description": {}},
        {"subtitle": ["x"], "imageLinks": {"thumbnail": 5}, "language": ["en"], "averageRating": 99, "x": 2**60},
    ],
)
def test_odd_volumes_are_read_as_far_as_they_go(ask: Callable[..., Said], google: Fake, odd: dict[str, Any]) -> None:
    google.changes[WORK.key] = odd
    found = ask(GoogleBooks)
    assert found.found
    assert found.fields["cover_url"] == ""


def test_a_thumbnail_comes_over_https_and_plain(ask: Callable[..., Said], google: Fake) -> None:
    address = "http://books.google.com/books/content?id=Q&img=1&zoom=1&edge=curl&source=gbs_api"
    google.changes[WORK.key] = {"imageLinks": {"thumbnail": address}}
    assert said(ask(GoogleBooks))["cover_url"] == address.replace("http:", "https:").replace("&edge=curl", "")


def test_an_asin_of_another_book_tells_nothing(ask: Callable[..., Said]) -> None:
    assert not ask(Audnexus, Known(title="Another", authors=KNOWN.authors, asin=WORK.asin)).found
    assert said(ask(Audnexus))["publisher"] == "Halyard Audio"


@pytest.mark.parametrize("status", [400, 404, 422])
def test_audnexus_has_three_ways_to_know_nothing(ask: Callable[..., Said], upstream: Upstream, status: int) -> None:
    body = json.dumps({"statusCode": status, "error": "x", "message": "Bad ASIN"}).encode()
    upstream.fail("/audnexus", status, headers=JSON, body=body)
    assert not ask(Audnexus).found
