"""What is new is found once, from where an attempt ended; what is wanted most is ranked and queued."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from scheduling.exceptions import RetryLater
from tasks.audiobooks import discovery
from tasks.audiobooks.discovery import find_new, find_top
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Author, Book, Download, Edition, Genre, Rank, Walk
from tasks.demo import books
from tasks.demo.librivox import LibriVox
from tasks.demo.upstream import Clock, Upstream
from tasks.exceptions import NotConfigured, PartsFailed, UpstreamError
from tasks.models import TaskRecord
from tasks.recording import record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]
LISTED = [each for work in books.ALL_WORKS for each in work.recordings if each.in_feed][:13]
PAGE = 5
SEA = "Nautical & Marine Fiction"


@pytest.fixture
def librivox(clock: Clock) -> LibriVox:
    return LibriVox(clock, listed=len(LISTED))


@pytest.fixture(autouse=True)
def three_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audiobooks.librivox.PAGE", PAGE)


def found_new(now: datetime, run: str = "run-1") -> TaskRecord:
    try:
        with record(None, "new", task_name="tests") as entry:
            find_new(entry, run=run, now=now)
    finally:
        row = TaskRecord.objects.latest("pk")
    return row


def found_top(now: datetime) -> TaskRecord:
    try:
        with record(None, "top", task_name="tests") as entry:
            find_top(entry, now=now)
    finally:
        row = TaskRecord.objects.latest("pk")
    return row


def counts(row: TaskRecord) -> tuple[int, int, int]:
    return row.items_processed, row.items_succeeded, row.items_failed


def test_all_are_found_the_first_time_and_only_changes_after_it(
    clock: Clock, librivox: LibriVox, upstream: Upstream
) -> None:
    row = found_new(clock.now())
    assert counts(row) == (len(LISTED), len(LISTED), 0)
    assert row.result == {"new": len(LISTED)}
    assert Edition.objects.count() == len(LISTED)
    works = {books.BY_RECORDING[each.id].number for each in LISTED}
    assert len(works) < len(LISTED)
    assert Book.objects.count() == len(works), "two recordings of a work are one book"
    assert Author.objects.count() <= len(books.AUTHORS)
    assert not Genre.objects.filter(is_enabled=True).exists()
    assert not Download.objects.exists()

    first = clock.now()
    clock.advance(timedelta(days=1))
    row = found_new(clock.now(), run="run-2")
    since = int(next(request.params["since"] for request in upstream.requests if "since" in request.params))
    assert abs(since - (first - timedelta(days=2)).timestamp()) < 60
    assert counts(row)[2] == 0
    assert row.result in ({}, {"unchanged": row.items_processed})
    assert Edition.objects.count() == len(LISTED)


def test_an_unchanged_catalogue_is_seen_and_not_written(clock: Clock, librivox: LibriVox) -> None:
    found_new(clock.now())
    Walk.objects.update(ended_at=None)
    librivox.changes[LISTED[3].id] = {"totaltimesecs": 77}
    later = clock.now() + timedelta(hours=5)
    row = found_new(later, run="run-2")
    assert row.result == {"unchanged": len(LISTED) - 1, "changed": 1}
    assert Edition.objects.get(seconds=77).source_id == LISTED[3].id
    assert set(Edition.objects.values_list("seen_at", flat=True)) == {later}


def test_one_bad_item_is_counted_and_told(clock: Clock, librivox: LibriVox) -> None:
    librivox.extra = [{"id": "5", "title": "", "url_librivox": "https://librivox.org/x"}, None]
    row = found_new(clock.now())
    assert counts(row) == (len(LISTED) + 2, len(LISTED), 2)
    assert "recording 5: InvalidItem: has no title" in row.log_output
    assert Walk.objects.get().ended_at is not None


def test_a_recording_that_the_database_refuses_spoils_no_other(
    clock: Clock, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:

    @transaction.atomic
    def kept(recording: Any, now: datetime) -> Edition:
        edition = keep(recording, now)
        if recording.id == LISTED[7].id:
            Walk.objects.create(pk=discovery.WALK)  # which is there already
        return edition

    monkeypatch.setattr(discovery, "keep", kept)
    row = found_new(clock.now())
    assert counts(row) == (len(LISTED), len(LISTED) - 1, 1)
    assert Edition.objects.count() == len(LISTED) - 1
    walk = Walk.objects.get()
    assert (walk.left, walk.ended_at is not None) == ([LISTED[7].id], True), "no night is a first night again"
    clock.advance(timedelta(days=1))
    row = found_new(clock.now(), run="run-2")
    assert counts(row)[2] == 1
    assert upstream.asked("since=")
    monkeypatch.undo()
    assert (found_new(clock.now(), run="run-3").result or {})["kept at last"] == 1
    assert Walk.objects.get().left == []
    assert Edition.objects.count() == len(LISTED)


@pytest.mark.parametrize("run", ["run-1", "another run"])
def test_a_walk_that_was_cut_short_goes_on_where_it_ended(clock: Clock, upstream: Upstream, run: str) -> None:
    began = clock.now()
    upstream.fail("offset=1", 503, times=99)
    with pytest.raises(UpstreamError):
        found_new(began)
    assert Edition.objects.count() == 10
    assert (Walk.objects.get().position, Walk.objects.get().ended_at) == (10, None)

    upstream._faults.clear()
    asked = len(upstream.requests)
    row = found_new(began + timedelta(hours=1), run=run)
    assert upstream.requests[asked].params["offset"] == "10"
    assert counts(row)[0] == len(LISTED) - 10
    assert Edition.objects.count() == len(LISTED)
    walk = Walk.objects.get()
    assert (walk.run, walk.position, walk.ended_at) == ("", 0, began), "so that the next one looks back far enough"


def test_what_could_not_be_kept_and_is_gone_is_not_asked_for_for_ever(clock: Clock, upstream: Upstream) -> None:
    Walk.objects.create(pk=discovery.WALK, left=["555555"])
    row = found_new(clock.now())
    assert row.result == {"gone": 1, "new": len(LISTED)}
    assert upstream.asked("id=555555") == 1
    assert Walk.objects.get().left == []


def test_the_catalogue_is_asked_for_what_was_left_until_it_is_out(clock: Clock, upstream: Upstream) -> None:
    Walk.objects.create(pk=discovery.WALK, left=[str(number) for number in range(8)])
    upstream.fail("&id=", 503, times=99)
    row = found_new(clock.now())
    assert row.result == {"failed": 3, "new": len(LISTED)}
    assert len(Walk.objects.get().left) == 8


def test_when_more_fail_than_can_be_kept_all_are_asked_for_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audiobooks.walks.MOST_LEFT", 3)

    def broken(*_: Any) -> Edition:
        raise ValueError

    monkeypatch.setattr(discovery, "keep", broken)
    found_new(clock.now())
    walk = Walk.objects.get()
    assert (walk.ended_at, walk.position, len(walk.left)) == (None, 0, 3)
    monkeypatch.undo()
    assert found_new(clock.now(), run="run-2").result == {"kept at last": 3, "new": len(LISTED) - 3, "unchanged": 3}


def test_a_page_and_its_place_are_written_together(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(discovery, "seen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        found_new(clock.now())
    assert (Edition.objects.count(), Walk.objects.get().position) == (0, 0)


def test_a_long_pause_keeps_what_was_done(clock: Clock, upstream: Upstream) -> None:
    upstream.fail("offset=5", 429, headers={"Retry-After": "7200"})
    with pytest.raises(RetryLater):
        found_new(clock.now())
    assert (Edition.objects.count(), Walk.objects.get().position) == (5, 5)


def test_nothing_is_ranked_while_no_genre_is_enabled(clock: Clock, upstream: Upstream) -> None:
    row = found_top(clock.now())
    assert "No genre is enabled" in row.log_output
    assert not upstream.requests


def test_the_top_of_an_enabled_genre_is_ranked_and_queued(clock: Clock, upstream: Upstream) -> None:
    found_new(clock.now())
    genre = Genre.objects.get(name=SEA)
    Genre.objects.filter(pk=genre.pk).update(is_enabled=True)
    row = found_top(clock.now())
    ranks = list(Rank.objects.filter(genre=genre).order_by("place"))
    assert [rank.place for rank in ranks] == list(range(1, 11))
    assert all(rank.edition and rank.edition.archive_id == rank.archive_id for rank in ranks)
    assert upstream.asked("advancedsearch") == 1
    downloads = list(Download.objects.all())
    titles = {rank.edition.book_id for rank in ranks if rank.edition}
    assert len(downloads) == len(titles)
    assert {each.why for each in downloads} == {f"Top ten of {SEA}"}
    assert counts(row) == (1, 1, 0)
    assert ranks[0].edition
    assert Edition.objects.get(pk=ranks[0].edition.pk).downloads == ranks[0].downloads
    genre.refresh_from_db()
    assert genre.ranked_at is not None


def test_the_ranks_of_a_day_are_replaced_and_nothing_is_queued_twice(clock: Clock) -> None:
    found_new(clock.now())
    Genre.objects.filter(name=SEA).update(is_enabled=True)
    noon = clock.now().replace(hour=12)
    found_top(noon)
    queued = Download.objects.count()
    found_top(noon + timedelta(hours=1))
    assert (Rank.objects.count(), Download.objects.count()) == (10, queued)
    found_top(noon + timedelta(days=1))
    assert (Rank.objects.count(), Download.objects.count()) == (20, queued)


def test_an_item_that_is_not_here_yet_is_looked_up_in_the_catalogue(clock: Clock) -> None:
    Genre.objects.create(name="sea stories", subject=SEA.lower(), is_enabled=True)
    found_top(clock.now())
    ranks = list(Rank.objects.select_related("edition"))
    found = [rank for rank in ranks if rank.edition]
    assert len(ranks) == 10
    assert len(found) >= 8, "all but those of which the list names no author that the catalogue has"
    assert Download.objects.count() == len({rank.edition.book_id for rank in found if rank.edition})


def test_an_item_that_cannot_be_looked_up_is_ranked_all_the_same(clock: Clock, upstream: Upstream) -> None:
    Genre.objects.create(name=SEA, is_enabled=True)
    upstream.fail("/librivox/", 500, times=999)
    Genre.objects.create(name="Poetry", is_enabled=True)
    with pytest.raises(PartsFailed, match=f"{SEA}, Poetry"):
        found_top(clock.now())
    assert Rank.objects.filter(edition=None).count() == 20
    assert "cannot be looked up" in TaskRecord.objects.latest("pk").log_output
    assert upstream.asked("/librivox/") == 3 * 4, "after three it is left alone"


def test_a_look_up_that_is_refused_is_told_and_fails_nothing(clock: Clock, upstream: Upstream) -> None:
    Genre.objects.create(name=SEA, is_enabled=True)
    upstream.fail("/librivox/", 400)
    assert "cannot be looked up" in found_top(clock.now()).log_output


def test_ranks_are_kept_for_a_year(clock: Clock) -> None:
    genre = Genre.objects.create(name="Poetry", is_enabled=True)
    for weeks in (52, 54):
        Rank.objects.create(genre=genre, day=clock.now().date() - timedelta(weeks=weeks), place=1, archive_id="x")
    found_top(clock.now())
    assert Rank.objects.filter(archive_id="x").count() == 1


def test_a_genre_that_the_source_does_not_know_is_told(clock: Clock) -> None:
    Genre.objects.create(name="Whale Songs", is_enabled=True)
    row = found_top(clock.now())
    assert "calls the subject otherwise" in row.log_output
    assert counts(row) == (1, 1, 0)


def test_nobody_is_asked_without_a_contact(configured: Callable[..., None], clock: Clock, upstream: Upstream) -> None:
    configured(CONTACT="")
    for found in (found_new, found_top):
        with pytest.raises(NotConfigured, match="CONTACT"):
            found(clock.now())
    assert not upstream.requests


def test_a_genre_that_fails_stops_no_other_and_the_run_is_tried_again(clock: Clock, upstream: Upstream) -> None:
    Genre.objects.create(name="Poetry", is_enabled=True)
    Genre.objects.create(name="Romance", is_enabled=True)
    upstream.fail("poetry", 500, times=9)
    with pytest.raises(PartsFailed, match="Poetry"):
        found_top(clock.now())
    assert set(Rank.objects.values_list("genre__name", flat=True)) == {"Romance"}
    assert counts(TaskRecord.objects.latest("pk")) == (2, 1, 1)


def test_a_long_pause_is_taken_at_once(clock: Clock, upstream: Upstream) -> None:
    Genre.objects.create(name="Poetry", is_enabled=True)
    Genre.objects.create(name="Romance", is_enabled=True)
    upstream.fail("advancedsearch", 429, headers={"Retry-After": "3600"})
    with pytest.raises(RetryLater):
        found_top(clock.now())
    assert upstream.asked("advancedsearch") == 1


def test_another_length_of_the_list_is_asked_for_and_told(configured: Callable[..., None], clock: Clock) -> None:
    configured(TOP_BOOKS=3)
    Genre.objects.create(name="Poetry", is_enabled=True)
    found_top(clock.now())
    assert Rank.objects.count() == 3
    assert set(Download.objects.values_list("why", flat=True)) == {"Top 3 of Poetry"}
