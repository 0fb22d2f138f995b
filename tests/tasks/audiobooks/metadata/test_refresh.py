"""What is told of books: asked, merged, and written only where it has changed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.utils import timezone

from scheduling.exceptions import RetryLater
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.audiobooks import metadata
from tasks.audiobooks import told as told_rows
from tasks.audiobooks.asking import SourcesOut
from tasks.audiobooks.covers import cover_file
from tasks.audiobooks.matching import bare
from tasks.audiobooks.models import Author, Book, Series, Told, Walk
from tasks.audiobooks.tasks import metadata_full_refresh_task, metadata_new_books_task
from tasks.demo import books
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import Upstream
from tasks.exceptions import DeadlineReached, PartsFailed
from tasks.files import image_type
from tasks.models import TaskRecord
from tests.tasks.audiobooks.shelf import NOW, log, result, shelve, work_where

pytestmark = pytest.mark.django_db

type Refresh = Callable[..., None]
type Configure = Callable[..., None]

LATER = NOW + timedelta(days=30)
IN_SERIES = next(work for work in books.ALL_WORKS if work.series and work.recordings and work.cover and work.number % 4)


def test_a_book_learns_what_open_library_knows(refresh: Refresh) -> None:
    book, work = shelve(IN_SERIES), IN_SERIES
    refresh()
    book.refresh_from_db()
    assert (book.openlibrary_key, book.isbn, book.rating) == (work.key, work.isbn, work.rating)
    assert (book.first_published, book.language, book.publisher) == (work.year, work.language, work.publisher)
    assert work.series
    assert (book.series, book.position) == (Series.objects.get(key=work.series.key), work.position)
    assert book.told_by["isbn"] == book.told_by["series"] == "openlibrary"
    assert book.refreshed_at == NOW
    assert Author.objects.get().openlibrary_key == work.author.openlibrary_key
    assert result()["sources"] == {"openlibrary": {"asked": 1, "found": 1}}


def test_what_may_be_shown_of_a_description_is_kept(refresh: Refresh, openlibrary: OpenLibrary) -> None:
    book = shelve(IN_SERIES)
    openlibrary.descriptions[IN_SERIES.key] = {
        "type": "/type/text",
        "value": "<p onclick=x>A <b>tide</b><script>y</script>",
    }
    refresh()
    book.refresh_from_db()
    assert book.description == "<p>A <strong>tide</strong></p>"


def test_what_the_catalogue_has_told_stays_its_own(refresh: Refresh, upstream: Upstream) -> None:
    book = shelve(IN_SERIES, description="Its own", first_published="1800", told_by={"description": "librivox"})
    refresh()
    book.refresh_from_db()
    assert (book.description, book.first_published) == ("Its own", "1800")
    assert not upstream.asked("/works/"), "nothing else is wanted of the work"


def test_google_and_audnexus_fill_what_is_missing(
    refresh: Refresh, configured: Configure, openlibrary: OpenLibrary
) -> None:
    work = next(each for each in books.ALL_WORKS if each.recordings and each.number % 3 != 1 and each.number % 2 == 0)
    openlibrary.changes[work.key] = {"publisher": None, "isbn": [], "ratings_average": None, "subtitle": None}
    openlibrary.descriptions[work.key] = None
    configured(GOOGLE_BOOKS_API_KEY="demo", AUDNEXUS=True)
    book = shelve(work)
    refresh()
    book.refresh_from_db()
    assert (book.told_by["publisher"], book.told_by["asin"]) == ("google", "audnexus")
    assert book.told_by["description"] == "google"
    assert book.asin == work.asin
    assert set(Told.objects.values_list("source", "found")) == {(name, True) for name in metadata.ORDER}


def test_a_second_look_writes_nothing_and_asks_conditionally(refresh: Refresh, upstream: Upstream) -> None:
    book = shelve(IN_SERIES)
    refresh()
    before = Book.objects.values().get(), upstream.asked("/openlibrary")
    refresh("2", LATER)
    after = Book.objects.values().get()
    assert after == {**before[0], "refreshed_at": LATER}
    assert upstream.asked("/openlibrary") == before[1] + 1, "the work is as it was, and is not asked for"
    assert Told.objects.get().fetched_at == LATER
    assert upstream.asked("/covers") == 1
    assert result()["changed"] == 0
    assert book.pk


def test_only_what_has_changed_is_written(refresh: Refresh, openlibrary: OpenLibrary) -> None:
    book = shelve(IN_SERIES)
    refresh()
    openlibrary.changes[IN_SERIES.key] = {"ratings_average": 1.5, "isbn": [], "cover_i": None}
    Book.objects.update(description="Written by staff", told_by={**Book.objects.get().told_by, "description": "staff"})
    refresh("2", LATER)
    book.refresh_from_db()
    assert (book.rating, book.description) == (1.5, "Written by staff")
    assert book.cover_url, "what no source tells any more stays"


def test_a_book_that_changes_series_leaves_the_old_position_behind(refresh: Refresh, openlibrary: OpenLibrary) -> None:
    book = shelve(IN_SERIES)
    refresh()
    openlibrary.changes[IN_SERIES.key] = {"series_key": ["OL1L"], "series_name": ["Elsewhere"], "series_position": [""]}
    refresh("2", LATER)
    book.refresh_from_db()
    assert book.series
    assert (book.series.key, book.position) == ("OL1L", "")


def test_one_bad_answer_spoils_no_other_book(refresh: Refresh, upstream: Upstream, openlibrary: OpenLibrary) -> None:
    shelved = [shelve(work) for work in books.ALL_WORKS[:3]]
    openlibrary.extra = [
        None,
        7,
        {"key": 5},
        {"key": "/works/OL1W", "title": None},
        {"key": "/works/x/../y", "title": "t"},
    ]
    for book in shelved[:2]:
        upstream.fail(f"search.json?title={quote_plus(bare(book.title))}&", 400, times=2)
    with pytest.raises(PartsFailed, match=f"{shelved[0]}, {shelved[1]}$"):
        refresh()
    assert list(Book.objects.order_by("pk").exclude(openlibrary_key="")) == shelved[2:]
    assert result()["sources"]["openlibrary"]["found"] == 1
    upstream.requests.clear()
    refresh("1", NOW + timedelta(hours=1))
    assert upstream.asked("/search.json") == 2, "those alone"
    assert not Book.objects.filter(openlibrary_key="").exists()


def test_a_failure_that_passes_is_made_good_in_the_same_run(refresh: Refresh, upstream: Upstream) -> None:
    for work in books.ALL_WORKS[:3]:
        shelve(work)
    upstream.fail("/search.json", 400, body=b'{"error": "bad"}')
    refresh()
    assert not Book.objects.filter(openlibrary_key="").exists()


@pytest.mark.sqlite_only
def test_an_answer_that_comes_drop_by_drop_costs_one_book(
    refresh: Refresh, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.asking.LONGEST_ANSWER", 2)
    for work in books.ALL_WORKS[:3]:
        shelve(work)
    upstream.drip("/search.json", 1)
    refresh()
    assert "within 2 s" in log()
    assert not Book.objects.filter(openlibrary_key="").exists()


@pytest.mark.sqlite_only
def test_the_book_with_which_the_time_ended_is_not_the_first_again(
    refresh: Refresh, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelved = [shelve(work) for work in books.ALL_WORKS[:3]]
    monkeypatch.setattr("tasks.audiobooks.patience.LONGEST_RUN", 2)
    upstream.drip("/search.json", 1)
    with pytest.raises(DeadlineReached):
        refresh()
    monkeypatch.setattr("tasks.audiobooks.patience.LONGEST_RUN", 30)
    upstream.requests.clear()
    refresh("1", NOW + timedelta(hours=1))
    asked = [request.params["title"] for request in upstream.requests if "title" in request.params]
    assert asked == [bare(book.title) for book in (*shelved[1:], shelved[0])]


def test_a_run_after_an_outage_goes_on_there_and_goes_round(refresh: Refresh, upstream: Upstream) -> None:
    shelved = [shelve(work) for work in books.ALL_WORKS[:7]]
    for book in shelved[3:6]:
        upstream.fail(quote_plus(bare(book.title)), 503, times=4)
    with pytest.raises(SourcesOut):
        refresh("1")
    upstream.requests.clear()
    refresh("2", LATER)
    asked = [request.params["title"] for request in upstream.requests if "title" in request.params]
    assert asked == [bare(book.title) for book in (*shelved[3:], *shelved[:3])]


@pytest.mark.parametrize("body", [b"<html>", b'{"error": "x"}', b"[]", b"", b'{"docs": {}}', b'{"docs": [[]]}', b"{"])
def test_what_is_no_answer_is_tried_again(refresh: Refresh, upstream: Upstream, body: bytes) -> None:
    book = shelve(IN_SERIES)
    upstream.fail("/search.json", 200, headers={"Content-Type": "application/json"}, body=body)
    refresh()
    book.refresh_from_db()
    assert bool(book.openlibrary_key) == (body != b'{"docs": [[]]}')


def test_an_outage_stops_no_other_source_and_is_told_once(
    refresh: Refresh, upstream: Upstream, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    works = [work for work in books.ALL_WORKS if work.recordings and work.number % 3 != 1][:8]
    shelved = [shelve(work) for work in works]
    upstream.fail("/openlibrary", 503, times=999)
    with pytest.raises(SourcesOut):
        refresh("1")
    assert upstream.asked("/openlibrary") == 3 * 4, "three books, four attempts each"
    assert Told.objects.filter(source="google", found=True).count() == 8
    assert log().count("is left alone") == 1
    assert Walk.objects.get(pk="metadata_full").position == shelved[0].pk - 1


def test_the_next_attempt_asks_only_those_that_were_out(
    refresh: Refresh, upstream: Upstream, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    for work in books.ALL_WORKS[:6]:
        shelve(work)
    upstream.fail("/openlibrary", 503, times=3 * 4)
    with pytest.raises(SourcesOut):
        refresh("1")
    asked = upstream.asked("/googlebooks")
    refresh("1", NOW + timedelta(minutes=5))
    assert upstream.asked("/googlebooks") == asked == 6
    assert not Book.objects.filter(openlibrary_key="").exists()
    assert Walk.objects.get(pk="metadata_full").ended_at == NOW


def test_a_long_pause_of_one_source_gives_the_run_back_after_the_others(
    refresh: Refresh, upstream: Upstream, configured: Configure
) -> None:
    configured(GOOGLE_BOOKS_API_KEY="demo")
    for work in books.ALL_WORKS[:4]:
        shelve(work)
    upstream.fail("/openlibrary", 429, headers={"Retry-After": "900"}, body=b'{"status":429,"message":"Slow down"}')
    with pytest.raises(RetryLater) as later:
        refresh()
    assert later.value.delay == timedelta(seconds=900)
    assert upstream.asked("/openlibrary") == 1
    assert Told.objects.filter(source="google").count() == 4


def test_a_short_pause_is_waited_for(refresh: Refresh, upstream: Upstream) -> None:
    shelve(IN_SERIES)
    upstream.fail("/search.json", 429, headers={"Retry-After": "1"}, body=b'{"status":429,"message":"Slow down"}')
    refresh()
    assert Book.objects.exclude(openlibrary_key="").exists()


def test_a_killed_run_goes_on_and_asks_nothing_twice(
    refresh: Refresh, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.rounds.BATCH", 2)
    for work in books.ALL_WORKS[:7]:
        shelve(work)
    keep, seen = told_rows.keep, []

    def crash(*arguments: Any) -> list[str]:
        seen.append(arguments[0])
        if len(seen) == 6:
            raise KeyboardInterrupt
        return keep(*arguments)

    monkeypatch.setattr(told_rows, "keep", crash)
    with pytest.raises(KeyboardInterrupt):
        refresh("1")
    monkeypatch.setattr(told_rows, "keep", keep)
    refresh("1", NOW + timedelta(minutes=10))
    assert upstream.asked("/search.json") == 6 + 2, "one was asked for before the end, and not kept"
    refresh("2", LATER)
    assert upstream.asked("/search.json") == 8 + 7


def test_a_namesake_by_somebody_else_is_refused(refresh: Refresh) -> None:
    work = work_where(number=5)
    book = shelve(work)
    book.authors.set([Author.objects.create(name="Third Person", key="third person")])
    book.editions.all().delete()
    refresh()
    book.refresh_from_db()
    assert book.openlibrary_key == ""
    assert not Told.objects.get().found
    refresh("2", LATER)
    assert result()["sources"] == {"openlibrary": {"asked": 1, "found": 0}}


def test_a_title_with_a_version_and_another_spelling_is_found(refresh: Refresh) -> None:
    work = work_where(number=6)
    book = shelve(work, title=f"The {work.title.upper()}: A Novel (version 2)")
    refresh()
    book.refresh_from_db()
    assert book.openlibrary_key == work.key


def test_a_deleted_book_is_no_failure(refresh: Refresh, monkeypatch: pytest.MonkeyPatch) -> None:
    shelve(IN_SERIES)
    keep = told_rows.keep

    def too_late(pk: int, *arguments: Any) -> list[str]:
        Book.objects.all().delete()
        return keep(pk, *arguments)

    monkeypatch.setattr(told_rows, "keep", too_late)
    refresh()
    assert not Told.objects.exists()


def test_the_cover_is_on_the_disk(refresh: Refresh) -> None:
    book = shelve(IN_SERIES)
    refresh()
    book.refresh_from_db()
    assert book.cover_at == NOW
    assert image_type(Path(cover_file(book)).read_bytes()) == "image/png"


def test_a_streak_of_failures_over_two_batches_is_taken_up_at_its_beginning(
    refresh: Refresh, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.rounds.BATCH", 2)
    shelved = [shelve(work) for work in books.ALL_WORKS[:6]]
    for book in shelved[1:4]:
        upstream.fail(quote_plus(bare(book.title)), 503, times=4)
    with pytest.raises(SourcesOut):
        refresh("1")
    assert Walk.objects.get().position == shelved[0].pk
    refresh("1", NOW + timedelta(minutes=5))
    assert not Book.objects.filter(openlibrary_key="").exists()


def test_a_source_that_finds_each_question_bad_is_left_alone_too(
    refresh: Refresh, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.streaks.ODD_AFTER", 4)
    for work in books.ALL_WORKS[:7]:
        shelve(work)
    upstream.fail("/openlibrary", 404, times=99)
    with pytest.raises(SourcesOut):
        refresh()
    assert upstream.asked("/openlibrary") == 4


@pytest.mark.parametrize("task", [metadata_full_refresh_task, metadata_new_books_task])
def test_the_jobs_ask_and_tell(run: Callable[..., Outcome], task: Any) -> None:
    shelve(IN_SERIES, added_at=timezone.now())
    assert run(task).state == State.SUCCEEDED
    record = TaskRecord.objects.get()
    assert (record.items_succeeded, record.progress) == (1, 1)
    assert Told.objects.get().found
