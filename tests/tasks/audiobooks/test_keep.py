"""Recordings become editions of books; what other sources have told stays."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.audiobooks.catalogue import Person, Recording
from tasks.audiobooks.keep import hash_of, hashes_of, keep, seen
from tasks.audiobooks.models import Author, Book, Edition, Genre

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 29, 12, tzinfo=UTC)
WRITER = Person(id="311", first_name="A.", last_name="Writer", born="1851", died="1910")
TIDES = Recording(
    source="librivox",
    id="20417",
    title="Tides of Salt",
    description="<p>Mind the <script>alert(1)</script>tide.</p>",
    language="English",
    first_published="1899",
    sections=12,
    seconds=22360,
    url="https://librivox.org/tides/",
    archive_id="tides_1",
    cover_url="https://archive.org/download/tides_1/x.jpg",
    authors=(WRITER,),
    genres=("Sea", "Short Stories"),
    readers=("Kim", "Zoë"),
)


def kept(**changes: Any) -> Edition:
    edition = keep(replace(TIDES, **changes), NOON)
    return Edition.objects.select_related("book").get(pk=edition.pk)


def test_a_recording_makes_a_book_with_all_that_it_tells() -> None:
    edition = kept()
    book = edition.book
    assert (book.title, book.key, book.description) == ("Tides of Salt", "tides of salt", "<p>Mind the tide.</p>")
    assert (book.language, book.first_published, book.cover_url) == ("English", "1899", TIDES.cover_url)
    assert book.told_by == dict.fromkeys(
        ("title", "description", "language", "first_published", "cover_url", "authors"), "librivox"
    )
    assert (book.added_at, edition.seen_at, edition.readers) == (NOON, NOON, ["Kim", "Zoë"])
    author = book.authors.get()
    assert (author.name, author.key, author.librivox_id, author.born) == ("A. Writer", "a writer", "311", "1851")
    assert set(book.genres.values_list("name", "is_enabled")) == {("Sea", False), ("Short Stories", False)}


def test_a_second_recording_of_a_work_is_another_edition_of_the_book() -> None:
    first = kept(description="")
    second = kept(id="20500", title="The Tides of Salt (version 2)", archive_id="tides_2", language="German")
    assert second.book == first.book
    assert second.title == "The Tides of Salt (version 2)"
    book = second.book
    assert book.title == "Tides of Salt"
    assert book.description == "<p>Mind the tide.</p>", "it fills in what was missing"
    assert book.language == "English", "and changes nothing else"


def test_another_author_makes_another_book() -> None:
    other = Person(id="312", first_name="B.", last_name="Writer")
    assert kept().book != kept(id="2", authors=(other,)).book
    assert kept(id="3", authors=()).book != kept(id="4", title="Other", authors=()).book
    assert kept(id="3", authors=()).book == kept(id="5", authors=()).book


def test_works_that_differ_in_their_subtitles_are_different_books() -> None:
    plain = kept(title="Sherlock Holmes")
    scarlet = kept(id="2", title="Sherlock Holmes: A Study in Scarlet")
    four = kept(id="3", title="Sherlock Holmes: The Sign of Four")
    again = kept(id="4", title="Sherlock Holmes: The Sign of Four (version 2)")
    assert plain.book == scarlet.book
    assert four.book != scarlet.book
    assert again.book == four.book


@pytest.mark.parametrize("title", ["???", "\u2026"])
def test_titles_that_cannot_be_compared_are_no_match(title: str) -> None:
    assert kept(title=title).book != kept(id="2", title=title).book


def test_what_has_changed_is_written_and_nothing_else() -> None:
    first = kept()
    keep(replace(TIDES, description="<p>New.</p>", sections=13, genres=("Sea",)), LATER)
    edition = Edition.objects.get()
    assert (edition.pk, edition.sections, edition.seen_at) == (first.pk, 13, LATER)
    assert edition.book.description == "<p>New.</p>"
    assert list(edition.book.genres.values_list("name", flat=True)) == ["Sea"]
    assert edition.book.added_at == NOON


def test_what_the_catalogue_no_longer_tells_stays() -> None:
    kept()
    keep(replace(TIDES, description="", language="", first_published="", cover_url="", genres=()), LATER)
    book = Book.objects.get()
    assert (book.description, book.language) == ("<p>Mind the tide.</p>", "English")
    assert book.genres.count() == 2


def test_what_another_source_has_told_stays() -> None:
    book = kept().book
    book.description, book.cover_url = "From Open Library", "https://covers.openlibrary.org/b/id/5-M.jpg"
    book.title, book.cover_at = "Tides of Salt!", NOON
    book.told_by = {**book.told_by, "description": "openlibrary", "cover_url": "openlibrary", "title": "openlibrary"}
    book.save()
    keep(replace(TIDES, description="<p>New.</p>", cover_url="https://archive.org/y.jpg", title="Tide of Salt"), LATER)
    book.refresh_from_db()
    assert (book.description, book.cover_url) == ("From Open Library", "https://covers.openlibrary.org/b/id/5-M.jpg")
    assert (book.title, book.key, book.told_by["title"]) == ("Tide of Salt", "tide of salt", "librivox")
    assert book.cover_at == NOON


def test_another_cover_is_to_be_fetched() -> None:
    Book.objects.filter(pk=kept().book.pk).update(cover_at=NOON)
    assert kept(cover_url="https://archive.org/z.jpg").book.cover_at is None


def test_an_author_is_known_by_his_id_whatever_his_name_is() -> None:
    kept()
    kept(id="2", title="Other", authors=(replace(WRITER, first_name="Ada", died=""),))
    author = Author.objects.get()
    assert (author.name, author.key, author.died) == ("Ada Writer", "ada writer", "1910")


@pytest.mark.parametrize(("born", "same"), [("1851", True), ("", True), ("1790", False)])
def test_an_author_without_an_id_is_known_by_name_and_dates(born: str, same: bool) -> None:
    known = Author.objects.create(name="Writer, A.", key="a writer", born=born, openlibrary_key="OL77A")
    author = kept().book.authors.get()
    assert (author == known) is same
    assert author.librivox_id == "311"
    assert author.openlibrary_key == ("OL77A" if same else "")


def test_two_of_one_name_with_ids_of_their_own_are_two() -> None:
    kept()
    kept(id="2", authors=(replace(WRITER, id="999"),))
    assert Author.objects.count() == 2


def test_genres_that_staff_have_enabled_stay_so() -> None:
    Genre.objects.create(name="Sea", is_enabled=True)
    kept()
    assert Genre.objects.get(name="Sea").is_enabled


def test_a_hash_tells_whether_anything_is_new() -> None:
    assert hashes_of([]) == {}
    assert hashes_of([TIDES]) == {}
    kept()
    assert hashes_of([TIDES, replace(TIDES, id="2")]) == {"20417": hash_of(TIDES)}
    assert hash_of(TIDES) != hash_of(replace(TIDES, readers=("Kim",)))
    seen([TIDES], LATER)
    assert Edition.objects.get().seen_at == LATER


def test_the_longest_values_fit(django_assert_max_num_queries: Any) -> None:
    person = Person(id="9" * 19, first_name="f" * 100, last_name="l" * 99, born="b" * 20, died="d" * 20)
    with django_assert_max_num_queries(30):
        edition = kept(
            title="\U0001f40b" * 500,
            language="x" * 50,
            first_published="x" * 20,
            archive_id="i" * 120,
            authors=(person,),
            genres=("g" * 200,),
            readers=("r" * 200,) * 50,
            sections=2**31 - 1,
            seconds=2**31 - 1,
            description="<p>" + "x" * 50_000,
        )
    assert len(edition.book.authors.get().name) == 200
