"""Gaps of series and authors as rows, and how complete each of them is."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q

from tasks.audiobooks.models import Author, DownloadState, Edition, Gap, GapState, Series, Stand
from tasks.audiobooks.wishes import Filling, Wish

NEAREST = {
    DownloadState.DONE: GapState.OWNED,
    DownloadState.RUNNING: GapState.QUEUED,
    DownloadState.QUEUED: GapState.QUEUED,
    DownloadState.HELD: GapState.QUEUED,
}  # what a gap is by its downloads; the first of these that there is

type Owner = Series | Author


def of(owner: Owner) -> dict[str, Gap]:
    """By the keys of the works."""
    return {gap.work_key: gap for gap in Gap.objects.filter(**_owned_by(owner))}


def keep(owner: Owner, gap: Gap | None, wish: Wish, filling: Filling, now: datetime) -> Gap:
    """Write what became of a wish; what staff do not want stays so."""
    fields = {
        "title": wish.title,
        "position": wish.position,
        "state": filling.state,
        "book_id": filling.book,
        "edition_id": filling.edition,
        "checked_at": now,
    }
    if gap is None:
        return Gap.objects.create(**_owned_by(owner), work_key=wish.key, **fields)
    rows = Gap.objects.filter(pk=gap.pk)
    if not rows.exclude(state=GapState.IGNORED).update(**fields):
        rows.update(**{**fields, "state": GapState.IGNORED})
    return gap


def forget(owner: Owner, keys: Collection[str]) -> None:
    """Remove the gaps of works that belong to it no longer; not what staff have decided, nor what is on its way."""
    rows = Gap.objects.filter(**_owned_by(owner)).exclude(state__in=(GapState.IGNORED, GapState.QUEUED))
    gone = [pk for pk, key in rows.values_list("pk", "work_key") if key not in keys]
    Gap.objects.filter(pk__in=gone).delete()


@transaction.atomic
def follow(edition: Edition) -> None:
    """Let the gaps that a book fills stand as its downloads do, after that of `edition` has changed.

    It has arrived, is on its way, or was given up, unless another recording of the book is nearer. Their owners are
    counted anew; what staff do not want stays so.
    """
    book = edition.book
    editions = dict(Edition.objects.filter(book=book).values_list("download__state", "pk"))
    nearest = next((state for state in NEAREST if state in editions), None)
    state = NEAREST[nearest] if nearest else GapState.FOUND
    fills = Q(book=book) | Q(edition__book=book)
    if book.openlibrary_key:
        fills |= Q(work_key=book.openlibrary_key)
    rows = Gap.objects.filter(fills).exclude(state=GapState.IGNORED).select_related("series", "author")
    changed = [gap for gap in rows if gap.state != state or (nearest and gap.edition_id != editions[nearest])]
    for gap in changed:
        by = editions[nearest] if nearest else gap.edition_id or edition.pk
        not_ignored = Gap.objects.filter(pk=gap.pk).exclude(state=GapState.IGNORED)
        not_ignored.update(state=state, book_id=book.pk, edition_id=by)
    for owner in {gap.series or gap.author for gap in changed}:
        if owner:
            count(owner)


@transaction.atomic
def count(owner: Owner) -> Stand:
    """Write how many works are wanted, and how many of them are here."""
    counts = Gap.objects.filter(**_owned_by(owner)).aggregate(
        wanted=Count("pk", filter=~Q(state=GapState.IGNORED)), owned=Count("pk", filter=Q(state=GapState.OWNED))
    )
    return Stand.objects.update_or_create(**_owned_by(owner), defaults=counts)[0]


def _owned_by(owner: Owner) -> dict[str, Any]:
    return {"series" if isinstance(owner, Series) else "author": owner}
