"""The latest top lists of genres, and how the places have changed in a week."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from scheduling.admin import columns
from tasks.audiobooks.admin.drawing import change
from tasks.audiobooks.admin.pages import download_badge, page_if
from tasks.audiobooks.models import Download, Genre, Rank

WEEK_BEFORE = timedelta(days=6)  # at least: the job may have come late
SHOWN = 10  # of each list, side by side
MOST_SHOWN = 100  # of one genre


@dataclass(frozen=True, slots=True)
class Top:
    """The list of a genre on a day, and that of the week before."""

    genre: Genre
    page: str
    day: date | None
    before: date | None
    places: list[dict[str, Any]]


def tops(request: HttpRequest, genres: Sequence[Genre], most: int = SHOWN) -> list[Top]:
    """Of each genre the latest list, in three queries for all of them."""
    days = _days([genre.pk for genre in genres])
    ranks = _ranks(days)
    latest = [rank for (key, day), rows in ranks.items() if day == days[key][0] for rank in rows[:most]]
    downloads = _downloads([rank.edition_id for rank in latest if rank.edition_id])
    found = []
    for genre in genres:
        day, before = days.get(genre.pk, (None, None))
        was = {_key(rank): rank.place for rank in ranks.get((genre.pk, before), [])}
        places = [_place(request, rank, was, downloads) for rank in ranks.get((genre.pk, day), [])[:most]]
        found.append(Top(genre, columns.page(genre), day, before, places))
    return found


def two_days(days: Sequence[date]) -> tuple[date | None, date | None]:
    """The latest of them, and the latest that is a week older; None for what there is not."""
    ordered = sorted(days, reverse=True)
    if not ordered:
        return None, None
    return ordered[0], next((day for day in ordered if ordered[0] - day >= WEEK_BEFORE), None)


def _days(genres: Sequence[int]) -> dict[int, tuple[date | None, date | None]]:
    found = defaultdict(list)
    rows = Rank.objects.filter(genre__in=genres, place=1).order_by().values_list("genre", "day")
    for genre, day in rows.iterator():
        found[genre].append(day)
    return {genre: two_days(days) for genre, days in found.items()}


def _ranks(days: Mapping[int, tuple[date | None, date | None]]) -> Mapping[tuple[int, date | None], list[Rank]]:
    """By genre and day, in the order of their places."""
    wanted = Q(pk__in=[])
    for genre, both in days.items():
        wanted |= Q(genre=genre, day__in=[day for day in both if day])
    found: defaultdict[tuple[int, date | None], list[Rank]] = defaultdict(list)
    rows = Rank.objects.filter(wanted, place__lte=MOST_SHOWN).select_related("edition__book")
    for rank in rows.defer("edition__book__description", "edition__book__told_by").order_by("place"):
        found[rank.genre_id, rank.day].append(rank)
    return found


def _downloads(editions: Sequence[int]) -> dict[int, Download]:
    return {each.edition_id: each for each in Download.objects.filter(edition__in=editions)}


def _place(
    request: HttpRequest, rank: Rank, was: Mapping[str, int], downloads: Mapping[int, Download]
) -> dict[str, Any]:
    sign, colour, words = change(rank.place, _key(rank), was)
    download = downloads.get(rank.edition_id) if rank.edition_id else None
    badge: SafeString | str = download_badge(download) if download else ""
    return {
        "rank": rank,
        "page": page_if(request, rank.edition.book, "view_book") if rank.edition else "",
        "sign": sign,
        "colour": colour,
        "words": words,
        "badge": badge,
        "fetched": "" if rank.downloads is None else f"{rank.downloads:,}",
    }


def _key(rank: Rank) -> str:
    return rank.archive_id or rank.title
