"""Rows of the library, made without any service; people who may do some things and not others."""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tasks.audiobooks.models import Author, Book, Download, Edition, Gap, Genre, Series, Stand, Usage

type Login = Callable[..., Client]

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
EVIL = '<script>alert("x")</script>'
MODELS = ("book", "author", "series", "genre", "edition", "rank", "gap", "download")
VIEW = tuple(f"audiobooks.view_{model}" for model in MODELS)

_numbers = count(1)


def make_book(title: str = "Low Water", *authors: Author, **columns: Any) -> Book:
    book = Book.objects.create(**{"title": title, "key": title.lower()[:500], "added_at": NOW, **columns})
    book.authors.set(authors)
    return book


def make_edition(book: Book | None = None, **columns: Any) -> Edition:
    """A saved recording, of a book of its own unless one is named."""
    book = book or make_book()
    number = next(_numbers)
    plain: dict[str, Any] = {
        "book": book,
        "title": book.title,
        "source_id": str(number),
        "archive_id": f"item_{number}",
        "content_hash": "x",
        "seen_at": NOW,
    }
    return Edition.objects.create(**{**plain, **columns})


def make_download(state: str = "queued", edition: Edition | None = None, **columns: Any) -> Download:
    edition = edition or make_edition()
    plain = {"edition": edition, "state": state, "why": "Top ten of Sea Tales", "queued_at": NOW}
    return Download.objects.create(**{**plain, **columns})


def make_usage(size: int) -> Usage:
    """The last run has counted so many bytes."""
    return Usage.objects.update_or_create(defaults={"bytes": size, "counted_at": NOW})[0]


def make_series(name: str = "Salt Coast", **columns: Any) -> Series:
    return Series.objects.create(**{"name": name, "key": f"OL{next(_numbers)}L", **columns})


def make_author(name: str = "Ada Writer", **columns: Any) -> Author:
    return Author.objects.create(**{"name": name, "key": name.lower()[:200], **columns})


def make_genre(name: str = "Sea Tales", **columns: Any) -> Genre:
    return Genre.objects.create(name=name, **columns)


def make_gap(owner: Series | Author, position: str = "", state: str = "missing", **columns: Any) -> Gap:
    """A saved gap; the chart of its owner counts it."""
    number = next(_numbers)
    name = "series" if isinstance(owner, Series) else "author"
    plain = {name: owner, "work_key": f"OL{number}W", "title": f"Part {position or number}", "checked_at": NOW}
    gap = Gap.objects.create(**{**plain, "position": position, "state": state, **columns})
    named: dict[str, Any] = {name: owner}
    stand, _ = Stand.objects.get_or_create(**named)
    stand.wanted, stand.owned = stand.wanted + (state != "ignored"), stand.owned + (state == "owned")
    stand.save()
    return gap


def picture(colour: tuple[int, int, int] = (90, 120, 150), size: tuple[int, int] = (2, 3)) -> bytes:
    """A PNG of one colour."""
    width, height = size
    rows = (b"\0" + bytes(colour) * width) * height

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return len(content).to_bytes(4) + checked + zlib.crc32(checked).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def login(db: None) -> Login:
    """A client of a staff member who has these permissions."""

    def login(*permissions: str, csrf: bool = False) -> Client:
        user = User.objects.create(username=f"u{User.objects.count()}", is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(user)
        return client

    return login


@pytest.fixture(autouse=True)
def library(settings: Any, tmp_path: Path) -> Path:
    """Where the files are."""
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "LIBRARY_DIR": tmp_path / "library"}
    return tmp_path / "library"
