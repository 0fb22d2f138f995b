"""What follows from what Trakt says: pure decisions over plain values."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from tasks.watch_history.models import Kind, Play
from tasks.watch_history.trakt import Ratings

WATCHED = (("movies", "watched_at"), ("episodes", "watched_at"))
RATED = (("movies", "rated_at"), ("shows", "rated_at"), ("episodes", "rated_at"))
PULL_ALL_AFTER = timedelta(days=1)  # also notices what Trakt's activities do not tell, such as removals


def changed(marks: Collection[tuple[str, str]], before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a moment differs between two answers of `last_activities`; one that is missing does."""
    moments = [(before.get(kind, {}).get(what), now.get(kind, {}).get(what)) for kind, what in marks]
    return any(then is None or then != latest for then, latest in moments)


def is_pull_due(pulled_at: datetime | None, now: datetime) -> bool:
    return pulled_at is None or now - pulled_at >= PULL_ALL_AFTER


def rating_of(kind: str, title_id: int, item_id: int, ratings: Ratings) -> int | None:
    """The rating of a film; of an episode its own, or else that of the series. Ids are Trakt's."""
    if kind == Kind.MOVIE:
        return ratings.get(("movie", title_id))
    return ratings.get(("episode", item_id), ratings.get(("show", title_id)))


def output(play: Play) -> dict[str, Any]:
    """A play in the form that readers of the history file know; its moment is UTC."""
    title = play.title
    item: dict[str, Any] = {
        "type": "movie" if title.kind == Kind.MOVIE else "episode",
        "title": play.episode_title if title.kind == Kind.SHOW else title.title,
        "year": title.year,
        "watched_at": f"{play.watched_at:%Y-%m-%d %H:%M}",
        "rating": play.rating,
        "runtime": title.runtime,
        "genres": title.genres,
        "cast": title.cast,
        "poster": title.poster_path or None,
    }
    if title.kind == Kind.SHOW:
        item |= {"show": {"title": title.title}, "season": play.season, "episode": play.number}
    return item
