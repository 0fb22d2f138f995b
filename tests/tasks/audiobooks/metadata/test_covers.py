"""Covers: pictures from known hosts alone, each fetched once, whole or not at all."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.conf import options
from tasks.audiobooks.covers import COVER_LIMIT, Covers, cover_file
from tasks.audiobooks.models import Book
from tasks.audiobooks.patience import patience
from tasks.demo import books
from tasks.demo.upstream import Upstream
from tests.tasks.audiobooks.shelf import NOW, log, recorded, shelve

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

type Fetch = Callable[..., Book]

PNG = b"\x89PNG\r\n\x1a\n"
WORK = books.ALL_WORKS[0]


@pytest.fixture
def fetch(db: None) -> Fetch:
    """Have the cover of a book that has that address."""

    def fetch(*urls: str, times: int = 1) -> Book:
        shelved = [
            shelve(WORK, cover_url=url) if not at else Book.objects.create(title="x", key="x", cover_url=url)
            for at, url in enumerate(urls)
        ]
        with recorded() as entry:
            covers = Covers(options(), patience(), entry, NOW)
            for book in shelved * times:
                covers.fetch(book)
                book.refresh_from_db()
            covers.close()
        return shelved[0]

    return fetch


def pictures() -> list[Path]:
    return [path for path in options().library_dir.rglob("*") if path.is_file()]


def test_a_picture_is_fetched_once(fetch: Fetch, upstream: Upstream) -> None:
    book = fetch(f"{upstream.url}/covers/b/id/5000-M.jpg", times=3)
    assert cover_file(book).read_bytes().startswith(PNG)
    assert book.cover_at == NOW
    assert upstream.asked("/covers") == 1
    assert pictures() == [cover_file(book)]


def test_a_picture_may_be_behind_a_redirect_to_a_known_host(fetch: Fetch, upstream: Upstream) -> None:
    book = fetch(f"{upstream.url}/archive/download/{WORK.recordings[0].archive_id}/cover.png")
    assert cover_file(book).read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "https://evil.example/x.png", "http://archive.org.evil.example/"]
)
def test_a_redirect_to_elsewhere_is_not_followed(fetch: Fetch, upstream: Upstream, address: str) -> None:
    upstream.fail("/covers", 302, headers={"Location": address})
    assert fetch(f"{upstream.url}/covers/b/id/5000-M.jpg").cover_at is None
    assert not pictures()


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/x.png",
        "https://evil.example/x.png",
        "http://books.google.com/x",
        "file:///etc/passwd",
        "https://user@archive.org/x",
        "https://archive.org.evil.example/x",
        "//archive.org/x",
        "https://[::1",
        "https://archive.org:99999999/x",
        "/covers/b/id/5000-M.jpg",
    ],
)
def test_only_known_hosts_are_asked(fetch: Fetch, upstream: Upstream, address: str) -> None:
    assert fetch(address).cover_at is None
    assert not upstream.requests
    assert "no cover" in log()


BAD = [
    *(b"<svg onload='x'/>", b"<html>", b"", b"GIF89a", b"\x89PN", PNG, PNG + b"0" * COVER_LIMIT),
    *(b"RIFF\x00\x00\x00\x00WAVEfmt ", PNG + struct.pack(">I4sII", 13, b"IHDR", 50_000, 1001)),
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_picture_or_too_large_is_not_kept(fetch: Fetch, upstream: Upstream, body: bytes) -> None:
    upstream.fail("/covers", 200, headers={"Content-Type": "image/png"}, body=body)
    assert fetch(f"{upstream.url}/covers/b/id/5000-M.jpg").cover_at is None
    assert not pictures()


def test_a_picture_that_breaks_off_is_not_kept(fetch: Fetch, upstream: Upstream) -> None:
    upstream.truncate("/covers", 100)
    assert fetch(f"{upstream.url}/covers/b/id/5000-M.jpg").cover_at is None
    assert not pictures()


def test_a_picture_that_comes_drop_by_drop_is_given_up(
    fetch: Fetch, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.covers.LONGEST_COVER", 0.2)
    upstream.drip("/covers", 0.05)
    assert fetch(f"{upstream.url}/covers/b/id/5000-M.jpg").cover_at is None
    assert "within 0.2 s" in log()
    assert not pictures()


@pytest.mark.parametrize(
    ("fault", "asked"),
    [({"status": 503}, 3), ({"status": 404}, 6), ({"status": 429, "headers": {"Retry-After": "999"}}, 1)],
)
def test_after_three_failures_no_more_are_asked_for(
    fetch: Fetch, upstream: Upstream, fault: dict[str, Any], asked: int
) -> None:
    upstream.fail("/covers", times=99, **fault)
    fetch(*(f"{upstream.url}/covers/b/id/{5000 + number}-M.jpg" for number in range(6)))
    assert upstream.asked("/covers") == asked
    assert log().count("No more covers") == (asked < 6)


def test_a_picture_that_no_book_has_any_more_is_removed(fetch: Fetch, upstream: Upstream) -> None:
    book = fetch(f"{upstream.url}/covers/b/id/5000-M.jpg")
    before = book.cover_url
    with recorded() as entry:
        covers = Covers(options(), patience(), entry, NOW)
        covers.drop(before, unless="another")
        assert pictures(), "the book has it still"
        Book.objects.update(cover_url="another")
        covers.drop(before, unless="another")
        covers.close()
    assert not pictures()


def test_a_full_disk_costs_the_covers_alone(fetch: Fetch, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.audiobooks.covers.replacing", full)
    fetch(*(f"{upstream.url}/covers/b/id/{5000 + number}-M.jpg" for number in range(6)))
    assert upstream.asked("/covers") == 3
    assert "No space left" in log()
