"""Genres: which are enabled, their top lists, and what has changed in a week."""

from datetime import timedelta
from typing import Any

import pytest

from tasks.audiobooks.models import Edition, Genre, Rank
from tests.tasks.audiobooks.doors.conftest import NOW, VIEW, Login, make_download, make_edition, make_genre

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

LIST, TOP = "/admin/audiobooks/genre/", "/admin/audiobooks/genre/top/"
CHANGE = (*VIEW, "audiobooks.change_genre")


def rank(genre: Genre, weeks: int, *editions: Edition) -> None:
    """The list of the genre so many weeks ago."""
    day = (NOW - timedelta(weeks=weeks)).date()
    Rank.objects.bulk_create(
        Rank(genre=genre, day=day, place=place, edition=edition, archive_id=edition.archive_id, title=edition.title)
        for place, edition in enumerate(editions, 1)
    )


def test_the_latest_list_tells_what_has_changed_in_a_week(login: Login) -> None:
    genre = make_genre(is_enabled=True)
    tides, salt, ember, new = (make_edition(title=title) for title in ("Tides", "Salt", "Ember", "Willow"))
    rank(genre, 2, ember, salt, tides)
    rank(genre, 1, salt, ember, tides)
    rank(genre, 0, tides, ember, new, salt)
    make_download("queued", tides)
    for address in (TOP, f"{LIST}{genre.pk}/change/"):
        page = login(*VIEW).get(address).text
        page = page[page.index('class="books-places"') :]
        for title, sign in (("Tides", "▲2"), ("Ember", "="), ("Willow", "new"), ("Salt", "▼3")):
            place = page[: page.index(f">{title}</a>")].rpartition("<li>")[2]
            assert f">{sign}<span" in place, title
        assert "Queued" in page[page.index("Tides") : page.index("Ember")]


def test_a_first_list_has_nothing_to_compare_with(login: Login) -> None:
    genre = make_genre(is_enabled=True)
    rank(genre, 0, make_edition(title="Tides"))
    page = login(*VIEW).get(TOP).text
    assert "Tides" in page
    assert ">new<" not in page


def test_a_place_without_an_edition_is_shown_as_it_was_told(login: Login) -> None:
    genre = make_genre(is_enabled=True)
    Rank.objects.create(genre=genre, day=NOW.date(), place=1, archive_id="x", title="Not in the catalogue yet")
    assert "Not in the catalogue yet" in login(*VIEW).get(TOP).text


def test_only_enabled_genres_are_side_by_side(login: Login) -> None:
    make_genre("Poetry")
    assert "No genre is enabled" in login(*VIEW).get(TOP).text
    make_genre("Sea Tales", is_enabled=True)
    page = login(*VIEW).get(TOP).text
    page = page[page.index("rota-grid") :]
    assert ("Sea Tales" in page, "Poetry" in page, "Not ranked yet" in page) == (True, False, True)


def test_many_lists_take_few_questions(login: Login, django_assert_max_num_queries: Any) -> None:
    editions = [make_edition() for _ in range(10)]
    for number in range(12):
        genre = make_genre(f"G {number}", is_enabled=True)
        rank(genre, 1, *editions)
        rank(genre, 0, *editions)
    client = login(*VIEW)
    with django_assert_max_num_queries(9):
        client.get(TOP)
    with django_assert_max_num_queries(10):
        client.get("/admin/audiobooks/rank/")


def test_staff_enable_genres_on_the_list(login: Login) -> None:
    genre = make_genre(ranked_at=NOW)
    client = login(*CHANGE)
    assert "audiobooks.Book" not in client.get(LIST).text
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(genre.pk), "_save": "Save"}
    client.post(LIST, {**form, "form-0-is_enabled": "on"})
    genre.refresh_from_db()
    assert (genre.is_enabled, genre.ranked_at) == (True, NOW)


def test_a_genre_keeps_its_name_and_what_a_run_writes(login: Login) -> None:
    genre = make_genre(ranked_at=NOW)
    login(*CHANGE).post(f"{LIST}{genre.pk}/change/", {"name": "Other", "subject": "sea", "ranked_at": ""})
    genre.refresh_from_db()
    assert (genre.name, genre.subject, genre.ranked_at) == ("Sea Tales", "sea", NOW)


def test_ranks_are_for_those_who_may_see_them(login: Login) -> None:
    genre = make_genre(is_enabled=True)
    rank(genre, 0, make_edition(title="Tides"))
    client = login("audiobooks.view_genre")
    assert client.get(TOP).status_code == 403
    assert "Tides" not in client.get(f"{LIST}{genre.pk}/change/").text
    assert "side by side" not in client.get(LIST).text
    assert client.get(f"{LIST}{'9' * 30}/change/").status_code == 302
