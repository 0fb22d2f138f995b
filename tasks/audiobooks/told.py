"""What sources have said of a book into rows: each one's own words, and what of them the book takes over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from tasks.audiobooks.matching import same_name
from tasks.audiobooks.merging import FIELDS, merged, settled
from tasks.audiobooks.models import LIBRIVOX, Author, Book, Series, Told
from tasks.audiobooks.telling import Known, Said


def known(book: Book, sources: list[str]) -> Known:
    """The book as sources are told of it; its authors, editions and series were fetched with it."""
    return Known(
        title=book.title,
        authors=tuple(author.name for author in book.authors.all()),
        isbn=book.isbn,
        asin=book.asin,
        openlibrary_key=book.openlibrary_key,
        series_key=book.series.key if book.series else "",
        recordings=tuple(each.source_id for each in book.editions.all() if each.source == LIBRIVOX),
        settled=settled(_values(book), book.told_by, sources),
    )


@transaction.atomic
def keep(pk: int, said: Mapping[str, Said], order: list[str], now: datetime) -> list[str]:
    """Write what has changed, and nothing else; the names of the fields of the book that did."""
    book = Book.objects.select_for_update().filter(pk=pk).first()
    if book is None:
        return []  # it was deleted meanwhile
    for source, one in said.items():
        _keep_told(book, source, one, now)
    told = dict(Told.objects.filter(book=book, source__in=order).values_list("source", "fields"))
    became = merged(_values(book), book.told_by, told, order)
    changed = _apply(book, became.values)
    if became.told_by != book.told_by:
        book.told_by = dict(became.told_by)
        changed.append("told_by")
    book.refreshed_at = now
    book.save(update_fields=[*changed, "refreshed_at"])
    _keep_authors(book, told)
    return changed


def _keep_told(book: Book, source: str, said: Said, now: datetime) -> None:
    if said.is_unchanged:
        Told.objects.filter(book=book, source=source).update(fetched_at=now)
        return
    fields = {name: value for name, value in said.fields.items() if value not in (None, "", {})}
    told = {"fetched_at": now, "found": said.found, "fields": fields, "etag": said.validator}
    Told.objects.update_or_create(book=book, source=source, defaults=told)


def _values(book: Book) -> dict[str, Any]:
    found = {name: getattr(book, name) for name in FIELDS}
    series = book.series
    found["series"] = {"key": series.key, "name": series.name, "position": book.position} if series else None
    return found


def _apply(book: Book, values: Mapping[str, Any]) -> list[str]:
    """Set the fields; their names, as columns."""
    changed = []
    for name, value in values.items():
        if name == "series":
            changed += _apply_series(book, value)
        else:
            setattr(book, name, value)
            changed.append(name)
    if "cover_url" in values:
        book.cover_at = None
        changed.append("cover_at")
    return changed


def _apply_series(book: Book, told: Mapping[str, str]) -> list[str]:
    series, _ = Series.objects.get_or_create(key=told["key"], defaults={"name": told["name"][:300]})
    if told["name"] and series.name != told["name"]:
        series.name = told["name"][:300]
        series.save(update_fields=["name"])
    changed = []
    if book.series_id != series.pk:
        book.series = series
        changed.append("series")
    if book.position != told["position"]:
        book.position = told["position"]
        changed.append("position")
    return changed


def _keep_authors(book: Book, told: Mapping[str, Mapping[str, Any]]) -> None:
    """The keys of its authors at Open Library, where they are not known yet."""
    keys = {name: key for fields in told.values() for name, key in fields.get("author_keys", {}).items()}
    for author in book.authors.filter(openlibrary_key="") if keys else ():
        if key := next((key for name, key in keys.items() if same_name(name, author.name)), ""):
            Author.objects.filter(pk=author.pk, openlibrary_key="").update(openlibrary_key=key)
