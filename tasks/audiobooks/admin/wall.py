"""The wall of covers: which books are on it, and what each tile says."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from scheduling.admin import columns
from tasks.audiobooks.admin.pages import STATES, Sheet, download_badge, percent, sheet
from tasks.audiobooks.models import Author, Book, Download, DownloadState, Genre, Series

TILES = 60  # on a page
MOST_GENRES = 500  # to choose from
HUES = 6  # of covers that are drawn
COMING = (DownloadState.QUEUED, DownloadState.RUNNING, DownloadState.HELD)
WHERE = (
    ("", "All books"),
    ("library", "In the library"),
    ("coming", "Downloading or queued"),
    ("failed", "Failed"),
    ("catalogue", "Only in the catalogue"),
)
NOT_HERE = columns.badge("Not here", "grey", "It is in the catalogue; nothing of it was downloaded.")
MOST_NAMES = 3  # of authors, on a tile


class WallForm(forms.Form):
    """What is looked for; of what makes no sense nothing is."""

    q = forms.CharField(max_length=100, required=False, strip=True)
    where = forms.ChoiceField(choices=WHERE, required=False)
    genre = forms.ModelChoiceField(Genre.objects.all(), required=False)
    author = forms.ModelChoiceField(Author.objects.all(), required=False)
    series = forms.ModelChoiceField(Series.objects.all(), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.genres = list(Genre.objects.all()[:MOST_GENRES])
        self.is_valid()

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if value}


def context(request: HttpRequest) -> dict[str, Any]:
    """What the page shows, apart from what every page of the admin does."""
    form = WallForm(request.GET)
    page = sheet(books(form.given), request.GET.get("page"), TILES)
    return {
        "title": "Books",
        "page": page,
        "tiles": tiles(page),
        "given": form.given,
        "chips": [(name, form.given[name]) for name in ("author", "series") if name in form.given],
        "where": WHERE,
        "genres": form.genres,
        "wall": reverse("admin:audiobooks_book_changelist"),
    }


def books(given: dict[str, Any]) -> QuerySet[Book]:
    """The latest first."""
    rows = Book.objects.select_related("series").prefetch_related("authors").defer("description", "told_by")
    if text := given.get("q"):
        writing = Book.authors.through.objects.filter(book=OuterRef("pk"), author__name__icontains=text)
        rows = rows.filter(Q(title__icontains=text) | Q(series__name__icontains=text) | Exists(writing))
    if where := given.get("where"):
        rows = rows.filter(_within(where))
    for name, column in (("genre", "genres"), ("author", "authors"), ("series", "series")):
        if name in given:
            rows = rows.filter(**{column: given[name]})
    return rows


def tiles(page: Sheet) -> list[dict[str, Any]]:
    """In one query for all of them."""
    found = best_downloads([book.pk for book in page.rows])
    return [tile(book, found.get(book.pk)) for book in page.rows]


def tile(book: Book, download: Download | None) -> dict[str, Any]:
    names = [author.name for author in book.authors.all()]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return {
        "title": book.title,
        "page": columns.page(book),
        "cover": cover_address(book),
        "hue": book.pk % HUES,
        "by": ", ".join(names[:MOST_NAMES]) + more,
        "place": f"{book.series} {book.position}".strip() if book.series else "",
        "badge": download_badge(download) if download else NOT_HERE,
        "percent": percent(download) if download and download.state == DownloadState.RUNNING else None,
    }


def cover_address(book: Book) -> str:
    """Of the picture that we have; with its age, so that a browser keeps it until there is another."""
    if book.cover_at is None:
        return ""
    address = reverse("admin:audiobooks_book_cover", args=[book.pk])
    return f"{address}?of={int(book.cover_at.timestamp())}"


def best_downloads(books: Sequence[int]) -> dict[int, Download]:
    """Of each book the download that is nearest to the library."""
    rows = Download.objects.filter(edition__book__in=books).select_related("edition").order_by("pk")
    order = list(STATES)
    found: dict[int, Download] = {}
    for row in sorted(rows, key=lambda row: order.index(DownloadState(row.state))):
        found.setdefault(row.edition.book_id, row)
    return found


def _within(where: str) -> Q:
    mine = Download.objects.filter(edition__book=OuterRef("pk"))
    if where == "library":
        return Q(Exists(mine.filter(state=DownloadState.DONE)))
    if where == "coming":
        return Q(Exists(mine.filter(state__in=COMING)))
    if where == "failed":
        return Q(Exists(mine.filter(state=DownloadState.FAILED)))
    return ~Q(Exists(mine.filter(state__in=(DownloadState.DONE, *COMING))))
