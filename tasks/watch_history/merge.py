"""Puts what Trakt tells into rows, so that doing it again changes nothing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import transaction

from tasks.watch_history import trakt
from tasks.watch_history.history import rating_of
from tasks.watch_history.models import Play, Title, Watcher

PLAY_FIELDS = ("item_id", "season", "number", "episode_title", "watched_at", "action", "raw")
TITLE_FIELDS = ("title", "year", "tmdb_id")  # runtime and genres may come from TMDB
BATCH = 500  # rows a statement


@dataclass(slots=True)
class Merged:
    """How many plays came anew, were changed, taken away, and got another rating."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    rated: int = 0


@transaction.atomic
def merge(watcher: Watcher, plays: Iterable[trakt.Play], merged: Merged) -> None:
    """Keep a page of plays; one that is known already, by its history id, is brought up to date."""
    by_id = {play.history_id: play for play in plays}
    titles = _titles({play.title for play in by_id.values()})
    known = {row.history_id: row for row in watcher.plays.filter(history_id__in=by_id)}
    fresh: list[Play] = []
    changed: list[Play] = []
    for history_id, play in by_id.items():
        row = known.get(history_id) or Play(watcher=watcher, history_id=history_id)
        if _take_over(row, play, titles[play.title.kind, play.title.trakt_id]):
            (changed if row.pk else fresh).append(row)
    Play.objects.bulk_create(fresh, ignore_conflicts=True)
    Play.objects.bulk_update(changed, [*PLAY_FIELDS, "title"])
    merged.new += len(fresh)
    merged.changed += len(changed)


def remove_others(watcher: Watcher, history_ids: Collection[int]) -> int:
    """Forget the plays that are no longer at Trakt; says how many there were."""
    ours = dict(watcher.plays.values_list("history_id", "pk"))
    gone = [pk for history_id, pk in ours.items() if history_id not in history_ids]
    for start in range(0, len(gone), BATCH):
        Play.objects.filter(pk__in=gone[start : start + BATCH]).delete()
    return len(gone)


def rate(watcher: Watcher, ratings: trakt.Ratings) -> int:
    """Write the ratings to the plays; says how many of them changed."""
    changed = []
    plays = watcher.plays.select_related("title").only("item_id", "rating", "watcher", "title__kind", "title__trakt_id")
    for play in plays.iterator():
        rating = rating_of(play.title.kind, play.title.trakt_id, play.item_id, ratings)
        if rating != play.rating:
            play.rating = rating
            changed.append(play)
    Play.objects.bulk_update(changed, ["rating"], batch_size=BATCH)
    return len(changed)


def _titles(wanted: Collection[trakt.Title]) -> dict[tuple[str, int], Title]:
    """The rows of these titles, made or brought up to date where necessary."""
    by_key = {(title.kind, title.trakt_id): title for title in wanted}
    rows = _rows(by_key)
    fresh = [
        Title(
            kind=title.kind,
            trakt_id=title.trakt_id,
            runtime=title.runtime,
            genres=list(title.genres),
            **{name: getattr(title, name) for name in TITLE_FIELDS},
        )
        for key, title in by_key.items()
        if key not in rows
    ]
    if fresh:
        Title.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = _rows(by_key)
    changed = [row for key, row in rows.items() if _assign(row, TITLE_FIELDS, by_key[key])]
    Title.objects.bulk_update(changed, TITLE_FIELDS)
    return rows


def _rows(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Title]:
    wanted = set(keys)
    found = Title.objects.filter(trakt_id__in={trakt_id for _, trakt_id in wanted})
    return {key: row for row in found if (key := (row.kind, row.trakt_id)) in wanted}


def _take_over(row: Play, play: trakt.Play, title: Title) -> bool:
    is_other = row.title_id != title.pk
    row.title = title
    return _assign(row, PLAY_FIELDS, play) or is_other


def _assign(row: Play | Title, names: Collection[str], source: trakt.Play | trakt.Title) -> bool:
    """Copy fields; True if one of them was different."""
    differing = [name for name in names if getattr(row, name) != getattr(source, name)]
    for name in differing:
        setattr(row, name, getattr(source, name))
    return bool(differing)
