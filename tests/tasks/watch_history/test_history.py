"""Decisions over plain values: what is due, what is rated how, what an item means."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.exceptions import InvalidItem
from tasks.watch_history.history import RATED, WATCHED, changed, is_pull_due, rating_of
from tasks.watch_history.trakt import name_of, parse_play, parse_rating

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MOVIE: dict[str, Any] = {
    "id": 2**53 + 1,
    "watched_at": "2026-03-01T20:41:03.000Z",
    "action": "scrobble",
    "type": "movie",
    "movie": {"title": "The Quiet Ferry", "year": 2019, "ids": {"trakt": 401122, "tmdb": None}},
}
EPISODE: dict[str, Any] = {
    "id": 7,
    "watched_at": "2026-03-01T20:41:03.000+02:00",
    "action": "watch",
    "type": "episode",
    "episode": {"season": 2, "number": 3, "title": None, "ids": {"trakt": 9}},
    "show": {"title": "水の階段", "ids": {"trakt": 5, "tmdb": 6}, "genres": None, "x_new": []},
}
ACTIVITIES = {
    "movies": {"watched_at": "a", "rated_at": "b"},
    "episodes": {"watched_at": "c", "rated_at": "d"},
}


def test_a_film_is_understood() -> None:
    play = parse_play(MOVIE)
    assert (play.history_id, play.item_id, play.season) == (2**53 + 1, 401122, None)
    assert (play.title.kind, play.title.year, play.title.tmdb_id, play.title.genres) == (
        "movie",
        2019,
        None,
        (),
    )
    assert play.raw == MOVIE


def test_an_episode_is_understood_and_its_moment_is_utc() -> None:
    play = parse_play(EPISODE)
    assert play.watched_at == datetime(2026, 3, 1, 18, 41, 3, tzinfo=UTC)
    assert (play.title.title, play.title.trakt_id, play.item_id, play.season, play.number) == (
        "水の階段",
        5,
        9,
        2,
        3,
    )
    assert (play.episode_title, play.title.year) == ("", None)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "text",
        {},
        {**MOVIE, "type": "person"},
        {**MOVIE, "movie": None},
        {**MOVIE, "id": None},
        {**MOVIE, "id": 2**63},
        {**MOVIE, "watched_at": "yesterday"},
        {**MOVIE, "watched_at": None},
        {**MOVIE, "movie": {"title": "x", "ids": {}}},
        {**MOVIE, "note": "a\x00b"},
        {**MOVIE, "note": "\ud800"},
        {key: value for key, value in EPISODE.items() if key != "show"},
    ],
)
def test_what_means_nothing_is_refused_and_still_has_a_name(raw: Any) -> None:
    with pytest.raises(InvalidItem):
        parse_play(raw)
    assert isinstance(name_of(raw), str)


@pytest.mark.parametrize("raw", [None, {}, {"type": "movie", "rating": 11, "movie": {"ids": {"trakt": 1}}}])
def test_a_rating_that_cannot_be_one_is_left_out(raw: Any) -> None:
    assert parse_rating(raw) is None


def test_an_episode_is_rated_by_itself_before_its_series() -> None:
    ratings = {("show", 5): 6, ("episode", 9): 8, ("movie", 1): 3}
    assert rating_of("show", 5, 9, ratings) == 8
    assert rating_of("show", 5, 10, ratings) == 6
    assert rating_of("movie", 1, 1, ratings) == 3
    assert rating_of("movie", 5, 9, ratings) is None


def test_only_the_moments_that_matter_are_compared() -> None:
    rated_later = {**ACTIVITIES, "movies": {"watched_at": "a", "rated_at": "later"}, "all": "later"}
    assert not changed(WATCHED, ACTIVITIES, rated_later)
    assert changed(RATED, ACTIVITIES, rated_later)


def test_activities_that_are_not_known_count_as_changed() -> None:
    assert changed(WATCHED, {}, {})
    assert changed(WATCHED, {}, ACTIVITIES)


def test_all_is_fetched_once_a_day() -> None:
    assert is_pull_due(None, NOON)
    assert is_pull_due(NOON - timedelta(days=1), NOON)
    assert not is_pull_due(NOON - timedelta(hours=23), NOON)
