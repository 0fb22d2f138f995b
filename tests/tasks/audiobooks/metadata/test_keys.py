"""Google's key: used up, it rests for a day; a wrong one is an error; a bad question is about one book only."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote_plus

import pytest

from tasks.audiobooks.asking import SourcesOut
from tasks.audiobooks.matching import bare
from tasks.audiobooks.models import Book, Pause, Told
from tasks.demo import books
from tasks.demo.google_books import GoogleBooks
from tasks.demo.upstream import Upstream
from tasks.exceptions import PartsFailed
from tests.tasks.audiobooks.shelf import NOW, shelve

pytestmark = pytest.mark.django_db

type Refresh = Callable[..., None]
type Configure = Callable[..., None]

LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error":{"code":400,"message":"API key not valid.","errors":[{"reason":"badRequest"}]}}'),
        (400, b'{"error":{"code":400,"errors":[{"reason":"keyInvalid"}]}}'),
        (400, b'{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}'),
        (403, b'{"error":{"code":403,"errors":[{"reason":"accessNotConfigured"}]}}'),
    ],
)
def test_a_wrong_key_fails_the_run_at_its_end(
    refresh: Refresh, upstream: Upstream, configured: Configure, status: int, body: bytes
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    for work in books.ALL_WORKS[:3]:
        shelve(work)
    upstream.fail("/googlebooks", status, times=2, body=body)
    for _ in range(2):
        with pytest.raises(SourcesOut, match="check GOOGLE_BOOKS_API_KEY"):
            refresh()
    assert not Book.objects.filter(openlibrary_key="").exists()
    assert not Pause.objects.exists()
    assert upstream.asked("/googlebooks") == 2, "once in each attempt"
    refresh()
    assert Told.objects.filter(source="google").count() == 3


EXHAUSTED = [
    (429, b'{"error":{"code":429,"errors":[{"reason":"rateLimitExceeded"}]}}'),
    (403, b'{"error":{"code":403,"errors":[{"reason":"dailyLimitExceeded"}]}}'),
    (400, b"<html>"),
]


@pytest.mark.parametrize(("status", "body"), EXHAUSTED)
def test_a_key_that_is_used_up_rests_for_a_day(
    refresh: Refresh, upstream: Upstream, configured: Configure, status: int, body: bytes
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    shelved = [shelve(work) for work in books.ALL_WORKS[:3]]
    upstream.fail("/googlebooks", status, times=4 if status == 429 else 1, body=body)
    refresh("1")
    pause = Pause.objects.get()
    assert pause.until == NOW + timedelta(days=1)
    assert Book.objects.exclude(openlibrary_key="").count() == len(shelved)
    asked = upstream.asked("/googlebooks")
    refresh("2", NOW + timedelta(hours=2))
    assert upstream.asked("/googlebooks") == asked
    refresh("3", NOW + timedelta(hours=25))
    assert upstream.asked("/googlebooks") > asked
    assert not Pause.objects.exists()


def test_what_a_key_was_not_enough_for_comes_first_the_next_time(
    refresh: Refresh, google: GoogleBooks, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    shelved = [shelve(work) for work in books.ALL_WORKS[:5]]
    told = Told.objects.filter(source="google").order_by("book").values_list("book", "fetched_at")
    google.left = 2
    refresh("1")
    assert [book for book, _ in told.all()] == [book.pk for book in shelved[:2]]
    google.left = 3
    refresh("2", LATER)
    assert [book for book, moment in told.all() if moment == LATER] == [book.pk for book in shelved[2:]]
    google.left = None
    refresh("3", LATER + timedelta(days=30))
    assert {moment for _, moment in told.all()} == {LATER + timedelta(days=30)}


def test_a_mistaken_question_is_about_one_book_only(
    refresh: Refresh, upstream: Upstream, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    shelved, _ = (shelve(work) for work in books.ALL_WORKS[:2])
    title = quote_plus(f'"{bare(shelved.title)}"')
    body = b'{"error":{"code":400,"errors":[{"reason":"invalidParameter"}]}}'
    upstream.fail(f"intitle%3A{title}", 400, times=2, body=body)
    with pytest.raises(PartsFailed, match=f"{shelved}$"):
        refresh()
    assert not Pause.objects.exists()
    assert Told.objects.filter(source="google").count() == 1
