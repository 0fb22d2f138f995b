"""The catalogue and the sources tell of the same books, and do not take turns in changing them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tasks.audiobooks.catalogue import Person, Recording
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Author, Book
from tasks.demo import books
from tasks.demo.openlibrary import OpenLibrary
from tests.tasks.audiobooks.shelf import NOW

pytestmark = pytest.mark.django_db

type Refresh = Callable[..., None]

WORK = next(work for work in books.ALL_WORKS if work.recordings and work.series and work.cover)
LATER = NOW + timedelta(days=30)


def recording(title: str = WORK.title, description: str = "", cover_url: str = "") -> Recording:
    author = WORK.author
    person = Person(id=author.librivox_id, first_name=author.first_name, last_name=author.last_name)
    return Recording(
        source="librivox",
        id=WORK.recordings[0].id,
        title=title,
        description=description,
        cover_url=cover_url,
        authors=(person,),
        language="English",
    )


@pytest.mark.parametrize("description", ["", "<p>Read aloud.</p>"])
def test_after_both_have_told_neither_changes_anything(refresh: Refresh, description: str) -> None:
    keep(recording(description=description), NOW)
    refresh("1")
    before = Book.objects.values().get()
    keep(recording(description=description), LATER)
    refresh("2", LATER)
    assert Book.objects.values().get() == {**before, "refreshed_at": LATER}
    assert before["told_by"]["description"] == ("librivox" if description else "openlibrary")
    assert before["told_by"]["series"] == "openlibrary"
    assert Author.objects.get().openlibrary_key == WORK.author.openlibrary_key


def test_a_cover_of_the_catalogue_goes_before_all_others(refresh: Refresh) -> None:
    keep(recording(cover_url="https://archive.org/download/x/cover.jpg"), NOW)
    refresh()
    assert Book.objects.get().cover_url == "https://archive.org/download/x/cover.jpg"


def test_what_the_catalogue_tells_later_does_not_replace_what_a_source_has_told(refresh: Refresh) -> None:
    keep(recording(), NOW)
    refresh("1")
    told = Book.objects.get().description
    keep(recording(description="<p>Read aloud.</p>"), LATER)
    refresh("2", LATER)
    assert Book.objects.get().description == told


def test_a_corrected_title_is_asked_about_anew(refresh: Refresh, openlibrary: OpenLibrary) -> None:
    keep(recording(title="Nowhere at All"), NOW)
    refresh("1")
    assert not Book.objects.get().openlibrary_key
    keep(recording(), LATER)
    refresh("2", LATER)
    assert Book.objects.get().openlibrary_key == WORK.key
