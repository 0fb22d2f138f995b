"""The page of a book: what is known and who told it, its neighbours in the series, its recordings."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from scheduling.admin import columns
from tasks.audiobooks import sanitise
from tasks.audiobooks.admin.drawing import page_address
from tasks.audiobooks.admin.pages import download_badge, may, page_if, percent
from tasks.audiobooks.admin.wall import HUES, NOT_HERE, cover_address
from tasks.audiobooks.admin.works import Work, neighbours, works_of
from tasks.audiobooks.models import Book, Download, DownloadState, Edition, Told

MOST_EDITIONS = 50
MOST_NAMES = 12  # of readers
FIELDS = {
    "subtitle": "Subtitle",
    "series": "Series",
    "language": "Language",
    "first_published": "First published",
    "publisher": "Publisher",
    "isbn": "ISBN",
    "asin": "ASIN",
    "rating": "Rating",
    "openlibrary_key": "Open Library",
}
SOURCES = {
    "librivox": "LibriVox",
    "openlibrary": "Open Library",
    "google": "Google Books",
    "audnexus": "Audnexus",
}


def context(request: HttpRequest, book: Book) -> dict[str, Any]:
    now = timezone.now()
    told = {each.source: each for each in book.sources.all()}
    works = works_of(book.series) if book.series else []
    editions = list(book.editions.select_related("download").order_by("source_id")[: MOST_EDITIONS + 1])
    return {
        "title": book.title,
        "book": book,
        "cover_by": _source("cover_url", book, told, now),
        "tile": {
            "title": book.title,
            "by": "",
            "hue": book.pk % HUES,
            "cover": cover_address(book),
            "loading": "eager",
        },
        "authors": _links(request, list(book.authors.all()), "view_author"),
        "genres": list(book.genres.all()),
        "description": shown(book.description),
        "description_by": _source("description", book, told, now),
        "facts": [_fact(request, name, book, told, now) for name in FIELDS if _value(name, book)],
        "asked": [_asked(each, now) for each in told.values()],
        "added": columns.moment(book.added_at, now),
        "refreshed": columns.moment(book.refreshed_at, now, empty="never"),
        "series": book.series,
        "series_page": page_if(request, book.series, "view_series"),
        "beside": [
            _neighbour(each, words) for each, words in zip(neighbours(works, book), ("Before", "After"), strict=True)
        ],
        "editions": [edition_row(request, each) for each in editions[:MOST_EDITIONS]],
        "more_editions": len(editions) > MOST_EDITIONS,
        "may_download": may(request, "add_download"),
    }


def shown(description: str) -> SafeString:
    """The description as HTML: cleaned once more, so that nothing else is ever shown as such."""
    return mark_safe(sanitise.clean(description))  # noqa: S308


def edition_row(request: HttpRequest, edition: Edition) -> dict[str, Any]:
    """A recording with how its download stands."""
    download: Download | None = getattr(edition, "download", None)
    readers = [str(each) for each in edition.readers] if isinstance(edition.readers, list) else []
    more = f" and {len(readers) - MOST_NAMES} more" if len(readers) > MOST_NAMES else ""
    ends = download is None or download.state == DownloadState.FAILED
    return {
        "edition": edition,
        "readers": ", ".join(readers[:MOST_NAMES]) + more,
        "plays": columns.span(timedelta(seconds=edition.seconds)) if edition.seconds else "",
        "address": page_address(edition.url),
        "badge": download_badge(download) if download else NOT_HERE,
        "percent": percent(download) if download and download.state == DownloadState.RUNNING else None,
        "download": page_if(request, download, "view_download"),
        "folder": download.folder if download and may(request, "view_download") else "",
        "may_be_asked_for": ends and bool(edition.archive_id),
    }


def _value(name: str, book: Book) -> str:
    if name == "series":
        return f"{book.series}{f', {book.position}' if book.position else ''}" if book.series else ""
    if name == "rating":
        return "" if book.rating is None else f"{book.rating:.1f} of 5"
    return str(getattr(book, name) or "")


def _fact(request: HttpRequest, name: str, book: Book, told: dict[str, Told], now: datetime) -> dict[str, Any]:
    return {
        "name": FIELDS[name],
        "value": _value(name, book),
        "page": page_if(request, book.series, "view_series") if name == "series" else "",
        "by": _source(name, book, told, now),
    }


def _source(name: str, book: Book, told: dict[str, Told], now: datetime) -> SafeString | str:
    """ "Open Library, 3 days ago"."""
    source = book.told_by.get(name) if isinstance(book.told_by, dict) else None
    if not isinstance(source, str):
        return ""
    words = SOURCES.get(source, source[:40])
    asked = told.get(source)
    return format_html("{}, {}", words, columns.distance(asked.fetched_at, now)) if asked else words


def _asked(told: Told, now: datetime) -> dict[str, Any]:
    return {
        "name": SOURCES.get(told.source, told.source),
        "badge": columns.badge("Knows it", "green") if told.found else columns.badge("Does not know it", "slate"),
        "when": columns.distance(told.fetched_at, now),
    }


def _links(request: HttpRequest, rows: list[Any], permission: str) -> list[tuple[Model, str]]:
    return [(row, page_if(request, row, permission)) for row in rows]


def _neighbour(work: Work | None, words: str) -> dict[str, Any] | None:
    if work is None:
        return None
    return {"words": words, "work": work, "page": columns.page(work.book) if work.book else ""}
