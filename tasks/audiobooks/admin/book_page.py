"""The page of a book: what is known and who told it, its neighbours in the series, its recordings."""

import re
from datetime import datetime, timedelta
from typing import Any

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
from tasks.audiobooks.conf import options
from tasks.audiobooks.models import Book, Download, DownloadState, Edition, Told
from tasks.audiobooks.steering import ENDED

MOST_EDITIONS = 50
MOST_NAMES = 12  # of readers
WORK = re.compile(r"OL[0-9]{1,20}W")
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
    """What the page shows, apart from what every page of the admin does."""
    editions = list(book.editions.select_related("download").order_by("source_id")[: MOST_EDITIONS + 1])
    return {
        "title": book.title,
        "book": book,
        "tile": {
            "title": book.title,
            "by": "",
            "hue": book.pk % HUES,
            "cover": cover_address(book),
            "loading": "eager",
        },
        "authors": [(author, page_if(request, author, "view_author")) for author in book.authors.all()],
        "genres": list(book.genres.all()),
        "description": shown(book.description),
        "beside": _beside(book),
        "editions": [edition_row(request, each) for each in editions[:MOST_EDITIONS]],
        "more_editions": len(editions) > MOST_EDITIONS,
        "may_download": may(request, "add_download"),
        **_known(request, book, timezone.now()),
    }


def _known(request: HttpRequest, book: Book, now: datetime) -> dict[str, Any]:
    """The fields, and who told each of them."""
    told = {each.source: each for each in book.sources.all()}
    return {
        "cover_by": _source("cover_url", book, told, now),
        "description_by": _source("description", book, told, now),
        "facts": [_fact(request, name, book, told, now) for name in FIELDS if _value(name, book)],
        "asked": [_asked(each, now) for each in told.values()],
        "added": columns.moment(book.added_at, now),
        "refreshed": columns.moment(book.refreshed_at, now, empty="never"),
    }


def shown(description: str) -> SafeString:
    """The description as HTML: cleaned once more, so that nothing else is ever shown as such."""
    return mark_safe(sanitise.clean(description))  # noqa: S308


def edition_row(request: HttpRequest, edition: Edition) -> dict[str, Any]:
    """A recording with how its download stands."""
    download: Download | None = getattr(edition, "download", None)
    readers = [str(each) for each in edition.readers] if isinstance(edition.readers, list) else []
    more = f" and {len(readers) - MOST_NAMES} more" if len(readers) > MOST_NAMES else ""
    ends = download is None or download.state in ENDED
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
        "page": _page(request, name, book),
        "by": _source(name, book, told, now),
    }


def _page(request: HttpRequest, name: str, book: Book) -> str:
    """Where a value leads to: the page of the series, or that of the work at Open Library."""
    if name == "openlibrary_key" and WORK.fullmatch(book.openlibrary_key):
        return page_address(f"{options().openlibrary_url}/works/{book.openlibrary_key}")
    return page_if(request, book.series, "view_series") if name == "series" else ""


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


def _beside(book: Book) -> list[dict[str, Any] | None]:
    """What comes before and after it in its series."""
    sides = neighbours(works_of(book.series), book) if book.series else ()
    return [_neighbour(work, words) for work, words in zip(sides, ("Before", "After"), strict=False)]


def _neighbour(work: Work | None, words: str) -> dict[str, Any] | None:
    if work is None:
        return None
    return {"words": words, "work": work, "page": columns.page(work.book) if work.book else ""}
