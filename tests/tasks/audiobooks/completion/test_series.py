"""What is missing in series: found, told, and queued where the catalogue has it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from scheduling.exceptions import RetryLater
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.audiobooks import gaps
from tasks.audiobooks.completion import ServiceOut
from tasks.audiobooks.models import Book, Download, DownloadState, Edition, Gap, GapState, Series, Stand, Walk
from tasks.audiobooks.tasks import series_completion_task
from tasks.demo import books
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import Upstream
from tasks.exceptions import PartsFailed
from tasks.models import TaskRecord
from tests.tasks.audiobooks.shelf import NOW, log, own, result, series_of, shelve

pytestmark = pytest.mark.django_db

type Complete = Callable[..., None]
type Begin = Callable[[books.Series], Book]

SERIES = next(
    each
    for each in books.ALL_SERIES
    if any(not work.recordings for work in books.of_series(each))
    and sum(bool(work.recordings) for work in books.of_series(each)) > 2
)
WORKS = books.of_series(SERIES)
RECORDED = [work for work in WORKS if work.recordings]
LATER = NOW + timedelta(days=30)


def states() -> dict[str, str]:
    return dict(Gap.objects.values_list("work_key", "state"))


def test_what_the_catalogue_has_is_queued_and_the_rest_is_missing(
    complete_series: Complete, begin_series: Begin
) -> None:
    here = begin_series(SERIES)
    complete_series()
    wanted = {work.key: GapState.QUEUED if work.recordings else GapState.MISSING for work in WORKS}
    assert states() == {**wanted, here.openlibrary_key: GapState.OWNED}
    assert dict(Gap.objects.values_list("work_key", "position")) == {work.key: work.position for work in WORKS}
    queued = Download.objects.filter(state=DownloadState.QUEUED)
    assert queued.count() == len(RECORDED) - 1
    assert queued.first().why == f"Gap in {SERIES.name}"  # type: ignore[union-attr]
    stand = Stand.objects.get()
    assert (stand.wanted, stand.owned) == (len(WORKS), 1)
    missing = len(WORKS) - len(RECORDED)
    assert result() == {"missing": missing, "found": 0, "queued": len(RECORDED) - 1, "owned": 1}
    assert Series.objects.get().completed_at == NOW


def test_a_second_look_queues_nothing_twice(complete_series: Complete, begin_series: Begin) -> None:
    begin_series(SERIES)
    complete_series()
    before = states(), Download.objects.count(), Edition.objects.count()
    complete_series("2", LATER)
    assert (states(), Download.objects.count(), Edition.objects.count()) == before
    assert (result()["queued"], result()["coming"]) == (0, len(RECORDED) - 1)


def test_what_has_arrived_is_owned(complete_series: Complete, begin_series: Begin) -> None:
    begin_series(SERIES)
    complete_series()
    Download.objects.update(state=DownloadState.DONE)
    complete_series("2", LATER)
    stand = Stand.objects.get()
    assert (stand.wanted, stand.owned) == (len(WORKS), len(RECORDED))


def test_what_is_known_here_is_not_searched_for(
    complete_series: Complete, begin_series: Begin, upstream: Upstream
) -> None:
    begin_series(SERIES)
    for work in RECORDED[1:]:
        shelve(work)  # without a series, and without a key
    complete_series()
    assert upstream.asked("/librivox") <= 2 * (len(WORKS) - len(RECORDED)), "with the article and without"
    assert set(Gap.objects.filter(state=GapState.QUEUED).values_list("edition__source_id", flat=True)) == {
        work.recordings[0].id for work in RECORDED[1:]
    }


@pytest.mark.parametrize(
    ("download", "gap"),
    [
        (DownloadState.RUNNING, GapState.QUEUED),
        (DownloadState.HELD, GapState.QUEUED),
        (DownloadState.FAILED, GapState.FOUND),
        (DownloadState.DONE, GapState.OWNED),
    ],
)
def test_a_gap_is_as_its_download_is(
    complete_series: Complete, begin_series: Begin, download: DownloadState, gap: GapState
) -> None:
    begin_series(SERIES)
    Download.objects.filter(pk=own(shelve(RECORDED[1])).pk).update(state=download)
    complete_series()
    assert states()[RECORDED[1].key] == gap


@pytest.mark.parametrize(("state", "is_queued"), [(DownloadState.FAILED, True), (DownloadState.OFF, False)])
def test_in_place_of_a_recording_that_was_given_up_another_comes(
    complete_series: Complete, begin_series: Begin, state: DownloadState, is_queued: bool
) -> None:
    begin_series(SERIES)
    book = shelve(RECORDED[1])
    first = book.editions.get()
    other = Edition.objects.create(
        book=book, source_id="x", archive_id="other_1", title="x", content_hash="x", seen_at=NOW
    )
    Download.objects.create(edition=first, state=state, why="A test", queued_at=NOW)
    complete_series()
    assert Download.objects.filter(edition=other).exists() is is_queued
    assert states()[RECORDED[1].key] == (GapState.QUEUED if is_queued else GapState.FOUND)


def test_what_has_no_files_is_found_and_not_queued(complete_series: Complete, begin_series: Begin) -> None:
    begin_series(SERIES)
    shelve(RECORDED[1])
    Edition.objects.filter(book__key__isnull=False, download=None).update(archive_id="")
    complete_series()
    assert states()[RECORDED[1].key] == GapState.FOUND


def test_what_staff_do_not_want_stays_so(complete_series: Complete, begin_series: Begin) -> None:
    book = begin_series(SERIES)
    Gap.objects.create(series=book.series, work_key=RECORDED[1].key, title="x", state=GapState.IGNORED, checked_at=NOW)
    complete_series()
    gap = Gap.objects.get(work_key=RECORDED[1].key)
    assert (gap.state, gap.title, gap.position) == (GapState.IGNORED, RECORDED[1].title, RECORDED[1].position)
    assert not Download.objects.filter(edition=gap.edition).exists()
    assert Stand.objects.get().wanted == len(WORKS) - 1


def test_only_series_of_which_a_book_is_here_are_looked_at(complete_series: Complete, upstream: Upstream) -> None:
    shelve(RECORDED[0], series=series_of(SERIES))
    complete_series()
    assert not upstream.requests
    assert not Gap.objects.exists()


def test_a_series_that_is_gone_is_told_and_kept(
    complete_series: Complete, begin_series: Begin, openlibrary: OpenLibrary
) -> None:
    begin_series(SERIES)
    complete_series()
    before = states()
    openlibrary.forgotten.add(SERIES.key)
    complete_series("2", LATER)
    assert states() == before
    assert "no longer knows" in log()


def test_a_work_that_left_the_series_is_no_gap_any_more(complete_series: Complete, begin_series: Begin) -> None:
    series = begin_series(SERIES).series
    gone = {"series": series, "title": "x", "checked_at": NOW}
    Gap.objects.create(work_key="OL1W", **gone)
    Gap.objects.create(work_key="OL2W", state=GapState.IGNORED, **gone)
    complete_series()
    assert states().keys() == {*(work.key for work in WORKS), "OL2W"}


def test_a_work_that_the_search_does_not_know_has_its_position_from_itself(
    complete_series: Complete, begin_series: Begin, openlibrary: OpenLibrary
) -> None:
    begin_series(SERIES)
    openlibrary.changes[RECORDED[1].key] = {"series_key": None}
    complete_series()
    gap = Gap.objects.get(work_key=RECORDED[1].key)
    assert (gap.position, gap.state) == (RECORDED[1].position, GapState.QUEUED)


def test_lists_that_come_page_by_page_are_read_to_their_end(
    complete_series: Complete, begin_series: Begin, openlibrary: OpenLibrary
) -> None:
    openlibrary.biggest_page = 2
    begin_series(SERIES)
    complete_series()
    assert states().keys() == {work.key for work in WORKS}


def test_one_that_fails_stops_no_other(complete_series: Complete, begin_series: Begin, upstream: Upstream) -> None:
    first, second = (begin_series(series) for series in books.ALL_SERIES[:2])
    assert first.series
    upstream.fail(f"/openlibrary/series/{first.series.key}/", 503, times=8)
    with pytest.raises(PartsFailed, match=f"{first.series}$"):
        complete_series()
    assert set(Gap.objects.values_list("series", flat=True)) == {second.series_id}
    upstream.requests.clear()
    complete_series()
    assert set(Gap.objects.values_list("series", flat=True)) == {first.series_id, second.series_id}
    assert upstream.asked("/seeds.json") == 1, "of the one that was left"


def test_a_failure_that_passes_is_made_good_in_the_same_run(
    complete_series: Complete, begin_series: Begin, upstream: Upstream
) -> None:
    for series in books.ALL_SERIES[:2]:
        begin_series(series)
    upstream.fail("/openlibrary", 503, times=4)
    complete_series()
    assert Gap.objects.values("series").distinct().count() == 2


@pytest.mark.sqlite_only
def test_an_answer_that_comes_drop_by_drop_costs_little_time(
    complete_series: Complete, begin_series: Begin, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.openlibrary.LONGEST_ANSWER", 3)
    begin_series(SERIES)
    upstream.drip("/openlibrary/series", 1)
    complete_series()
    assert "within 3 s" in log()
    assert Stand.objects.exists()


@pytest.mark.sqlite_only
def test_a_series_that_takes_too_long_costs_no_other(
    complete_series: Complete, begin_series: Begin, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.completion.LONGEST_OWNER", 4)
    for series in books.ALL_SERIES[:2]:
        begin_series(series)
    upstream.drip("/openlibrary/series", 1)
    complete_series()
    assert "within 4 s" in log()
    assert Gap.objects.values("series").distinct().count() == 2


def test_an_outage_ends_the_attempt_and_the_next_goes_on_there(
    complete_series: Complete, begin_series: Begin, upstream: Upstream
) -> None:
    for series in books.ALL_SERIES[:5]:
        begin_series(series)
    upstream.fail("/openlibrary/series/OL782L", 503, times=4)
    upstream.fail("/openlibrary/series/OL783L", 503, times=4)
    upstream.fail("/openlibrary/series/OL784L", 503, times=4)
    with pytest.raises(ServiceOut):
        complete_series("1")
    assert Walk.objects.get().position == Series.objects.get(key="OL784L").pk
    upstream.requests.clear()
    complete_series("1")
    assert not upstream.asked("OL781L")
    assert Stand.objects.count() == 5


@pytest.mark.parametrize("service", ["/openlibrary", "/librivox"])
def test_a_long_pause_gives_the_run_back(
    complete_series: Complete, begin_series: Begin, upstream: Upstream, service: str
) -> None:
    begin_series(SERIES)
    upstream.fail(service, 429, headers={"Retry-After": "1800"})
    with pytest.raises(RetryLater) as later:
        complete_series()
    assert later.value.delay == timedelta(minutes=30)


def test_a_question_that_the_catalogue_refuses_leaves_one_gap(
    complete_series: Complete, begin_series: Begin, upstream: Upstream
) -> None:
    begin_series(SERIES)
    upstream.fail("/librivox", 400)
    complete_series()
    assert states().keys() == {work.key for work in WORKS}
    assert Gap.objects.filter(state=GapState.QUEUED).count() >= len(RECORDED) - 2


def test_killed_between_two_works_it_queues_nothing_twice(
    complete_series: Complete, begin_series: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_series(SERIES)
    keep, seen = gaps.keep, []

    def crash(*arguments: object) -> Gap:
        seen.append(arguments)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return keep(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gaps, "keep", crash)
    with pytest.raises(KeyboardInterrupt):
        complete_series("1")
    monkeypatch.setattr(gaps, "keep", keep)
    complete_series("1")
    assert Gap.objects.count() == len(WORKS)
    assert Download.objects.count() == len(RECORDED)


def test_the_job_looks_and_tells(begin_series: Begin, run: Callable[..., Outcome]) -> None:
    begin_series(SERIES)
    assert run(series_completion_task).state == State.SUCCEEDED
    assert TaskRecord.objects.get().items_succeeded == 1
    assert Stand.objects.exists()
