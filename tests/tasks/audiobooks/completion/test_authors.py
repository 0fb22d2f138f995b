"""What is missing of authors: what the catalogue has of them is queued, and the rest is nobody's gap."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.audiobooks.author_works import is_he, writer_of
from tasks.audiobooks.catalogue import Person
from tasks.audiobooks.models import Author, Book, Download, DownloadState, Edition, Gap, GapState, Stand, Walk
from tasks.audiobooks.openlibrary import Writer
from tasks.audiobooks.tasks import author_completion_task
from tasks.demo import books
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import Upstream
from tasks.exceptions import PartsFailed
from tasks.models import TaskRecord
from tests.tasks.audiobooks.shelf import NOW, author_of, log, own, result, shelve

pytestmark = pytest.mark.django_db

type Complete = Callable[..., None]

WRITER = max(books.AUTHORS, key=lambda author: sum(bool(work.recordings) for work in books.of_author(author)))
RECORDED = [work for work in books.of_author(WRITER) if work.recordings]
LATER = NOW + timedelta(days=30)


@pytest.fixture
def begun(db: None) -> Book:
    book = shelve(RECORDED[0])
    own(book)
    return book


def states() -> dict[str, str]:
    return dict(Gap.objects.values_list("work_key", "state"))


def test_what_the_catalogue_has_is_queued_and_nothing_else_is_kept(complete_authors: Complete, begun: Book) -> None:
    complete_authors()
    wanted = {work.key: GapState.QUEUED for work in RECORDED}
    assert states() == {**wanted, RECORDED[0].key: GapState.OWNED}
    assert Download.objects.filter(why=f"Gap in {WRITER.name}").count() == len(RECORDED) - 1
    stand = Stand.objects.get()
    assert (stand.wanted, stand.owned, stand.author) == (len(RECORDED), 1, begun.authors.get())
    assert result()["queued"] == len(RECORDED) - 1
    assert result()["works"] > len(RECORDED)
    author = Author.objects.get()
    assert (author.openlibrary_key, author.completed_at, author.cursor) == (WRITER.openlibrary_key, NOW, 0)


def test_an_author_of_whom_several_books_are_here_is_looked_at_once(
    complete_authors: Complete, begun: Book, upstream: Upstream
) -> None:
    own(shelve(RECORDED[1]))
    complete_authors()
    assert TaskRecord.objects.latest("pk").items_processed == 1


def test_a_second_look_changes_nothing(complete_authors: Complete, begun: Book) -> None:
    complete_authors()
    before = states(), Download.objects.count(), Edition.objects.count(), Book.objects.count()
    complete_authors("2", LATER)
    assert (states(), Download.objects.count(), Edition.objects.count(), Book.objects.count()) == before


def test_the_catalogue_is_asked_once_for_each_author(
    complete_authors: Complete, begun: Book, upstream: Upstream
) -> None:
    complete_authors()
    assert upstream.asked("/librivox") == 1


def test_a_look_that_was_cut_short_goes_on_behind_the_last_page(
    complete_authors: Complete, begun: Book, openlibrary: OpenLibrary, upstream: Upstream
) -> None:
    openlibrary.biggest_page = 5
    upstream.fail("offset=10", 503, times=8)
    with pytest.raises(PartsFailed):
        complete_authors("1")
    author = Author.objects.get()
    assert (author.cursor, author.completed_at) == (10, None)
    upstream.requests.clear()
    complete_authors("2", LATER)
    assert not upstream.asked("offset=5")
    assert states().keys() == {work.key for work in RECORDED}
    assert Author.objects.get().completed_at == LATER


def test_a_work_that_has_vanished_is_no_gap_any_more_after_a_whole_look(
    complete_authors: Complete, begun: Book, openlibrary: OpenLibrary, upstream: Upstream
) -> None:
    gone = {"author": begun.authors.get(), "title": "x", "checked_at": NOW}
    Gap.objects.create(work_key="OL1W", **gone)
    Gap.objects.create(work_key="OL2W", state=GapState.IGNORED, **gone)
    openlibrary.biggest_page = 5
    upstream.fail("offset=10", 503, times=8)
    with pytest.raises(PartsFailed):
        complete_authors("1")
    complete_authors("1")
    assert "OL1W" in states(), "that look began behind the first page"
    complete_authors("2", LATER)
    assert states().keys() == {*(work.key for work in RECORDED), "OL2W"}


def test_a_work_that_is_listed_twice_counts_once(complete_authors: Complete, begun: Book, upstream: Upstream) -> None:
    complete_authors()
    gap, stand = Gap.objects.get(work_key=RECORDED[1].key), Stand.objects.get()
    twin = {"work_key": "OL3W", "title": gap.title, "state": gap.state, "book": gap.book, "checked_at": NOW}
    Gap.objects.create(author=gap.author, **twin)
    keys = [work.key for work in RECORDED] + ["OL3W", RECORDED[1].key]
    titles = [work.title for work in RECORDED] + [gap.title, gap.title]
    entries = [{"key": f"/works/{key}", "title": title} for key, title in zip(keys, titles, strict=True)]
    body = json.dumps({"links": {}, "size": len(entries), "entries": entries}).encode()
    upstream.fail("works.json", 200, headers={"Content-Type": "application/json"}, body=body)
    complete_authors("2", LATER)
    after = Stand.objects.get()
    assert (after.wanted, after.owned) == (stand.wanted, stand.owned)
    assert (result()["owned"], result()["coming"]) == (1, len(RECORDED) - 1)


def test_a_work_that_has_another_key_now_stays_a_gap(complete_authors: Complete, begun: Book) -> None:
    complete_authors()
    Gap.objects.filter(work_key=RECORDED[1].key).update(work_key="OL1W", state=GapState.FOUND)
    complete_authors("2", LATER)
    assert states().keys() == {work.key for work in RECORDED}


def test_a_book_that_staff_do_not_want_is_not_wanted_under_another_key(complete_authors: Complete, begun: Book) -> None:
    complete_authors()
    Gap.objects.filter(work_key=RECORDED[1].key).update(work_key="OL1W", state=GapState.IGNORED)
    complete_authors("2", LATER)
    assert states()["OL1W"] == GapState.IGNORED
    assert RECORDED[1].key not in states()


def test_somebody_else_of_that_last_name_is_left_alone(
    complete_authors: Complete, begun: Book, openlibrary: OpenLibrary
) -> None:
    Author.objects.update(librivox_id="999999", born="1500", died="1550", openlibrary_key=WRITER.openlibrary_key)
    complete_authors()
    assert states() == {RECORDED[0].key: GapState.OWNED}


def test_an_author_whom_nobody_knows_is_said_and_left_out(complete_authors: Complete, begun: Book) -> None:
    Author.objects.update(born="1500")
    complete_authors()
    assert "knows nobody" in log()
    assert not Gap.objects.exists()


@pytest.mark.parametrize("name", ["anonymous", "various"])
def test_nobody_in_particular_has_no_works(
    complete_authors: Complete, begun: Book, upstream: Upstream, name: str
) -> None:
    Author.objects.update(key=name, openlibrary_key="OL5A")
    complete_authors()
    assert not upstream.requests
    assert not Gap.objects.exists()


def test_the_job_looks_and_tells(begun: Book, run: Callable[..., Outcome]) -> None:
    assert run(author_completion_task).state == State.SUCCEEDED
    assert TaskRecord.objects.get().items_succeeded == 1
    assert Stand.objects.exists()


def test_an_author_who_is_gone_is_looked_up_anew(complete_authors: Complete, begun: Book) -> None:
    Author.objects.update(openlibrary_key="OL1A")
    complete_authors("1")
    assert "no longer knows OL1A" in log()
    complete_authors("2", LATER)
    assert Author.objects.get().openlibrary_key == WRITER.openlibrary_key


def test_what_staff_do_not_want_stays_so(complete_authors: Complete, begun: Book) -> None:
    key = RECORDED[1].key
    gap = {"author": begun.authors.get(), "work_key": key, "title": "x", "checked_at": NOW}
    Gap.objects.create(**gap, state=GapState.IGNORED)
    complete_authors()
    assert states()[key] == GapState.IGNORED
    assert Stand.objects.get().wanted == len(RECORDED) - 1
    assert Download.objects.count() == len(RECORDED) - 1


def test_a_work_that_open_library_has_twice_is_one_gap(
    complete_authors: Complete, begun: Book, upstream: Upstream
) -> None:
    entries = [{"key": f"/works/OL{number}W", "title": RECORDED[1].title} for number in (1, 2)]
    body = str({"links": {}, "size": 2, "entries": entries}).replace("'", '"').encode()
    upstream.fail("/works.json", 200, headers={"Content-Type": "application/json"}, body=body)
    complete_authors()
    assert list(states()) == ["OL1W"]


def test_only_authors_of_whom_a_book_is_here_are_looked_at(complete_authors: Complete, upstream: Upstream) -> None:
    Download.objects.filter(pk=own(shelve(RECORDED[0])).pk).update(state=DownloadState.QUEUED)
    complete_authors()
    assert not upstream.requests


def test_one_that_fails_stops_no_other(complete_authors: Complete, begun: Book, upstream: Upstream) -> None:
    other = next(work for work in books.ALL_WORKS if work.recordings and work.author != WRITER)
    own(shelve(other))
    upstream.fail(f"/openlibrary/authors/{WRITER.openlibrary_key}", 503, times=8)
    with pytest.raises(PartsFailed, match=f"{WRITER.name}$"):
        complete_authors()
    assert list(Stand.objects.values_list("author", flat=True)) == [author_of(other.author).pk]
    assert Walk.objects.get().ended_at == NOW


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("person", "same"),
    [
        (Person(id="7", first_name="Who", last_name="Ever"), True),
        (Person(id="8", first_name="Ada", last_name="Writer", born="1851"), True),
        (Person(id="8", first_name="A.", last_name="Writer", died="1910"), True),
        (Person(id="8", first_name="Ada", last_name="Writer", born="1852"), False),
        (Person(id="8", first_name="Bela", last_name="Writer", born="1851"), False),
    ],
)
def test_a_person_of_the_catalogue_is_told_by_id_or_by_name_and_dates(person: Person, same: bool) -> None:
    author = Author(name="Ada Writer", librivox_id="7", born="1851", died="1910")
    assert is_he(author, person) is same


@pytest.mark.sqlite_only
def test_of_several_people_the_one_whose_dates_agree_is_taken() -> None:
    author = Author(name="Ada Writer", born="c. 1851", died="")
    others = [
        Writer(key="OL1A", name="Ada Writer", works=900),
        Writer(key="OL2A", name="Ada Writer", born="1790", works=5),
        Writer(key="OL3A", name="Ada Reader", born="1851"),
    ]
    assert writer_of(author, others) == "OL1A"
    assert writer_of(author, [*others, Writer(key="OL4A", name="A. Writer", born="1851")]) == "OL4A"
    assert writer_of(author, others[1:]) == ""
