"""LibriVox as it is spoken to, and what is made of what it says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.audiobooks.catalogue import Person, Recording
from tasks.audiobooks.conf import options
from tasks.audiobooks.librivox import LibriVox as Source
from tasks.audiobooks.librivox import is_finished, parse_recording
from tasks.demo import books
from tasks.demo.librivox import LibriVox
from tasks.demo.upstream import Clock, Upstream
from tasks.exceptions import DeadlineReached, InvalidItem, UpstreamError
from tasks.http import Deadline

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
JSON = {"Content-Type": "application/json"}
LISTED = [each for work in books.ALL_WORKS for each in work.recordings if each.in_feed]
EXAMPLE: dict[str, Any] = {
    "id": "20417",
    "title": "Tides of Salt",
    "description": "<p>..</p>",
    "language": "English",
    "copyright_year": "1899",
    "num_sections": "12",
    "url_librivox": "https://librivox.org/tides-of-salt-by-a-writer/",
    "totaltime": "06:12:40",
    "totaltimesecs": 22360,
    "authors": [{"id": "311", "first_name": "A.", "last_name": "Writer", "dob": "1851", "dod": "1910"}],
    "coverart_jpg": None,
    "url_iarchive": "https://archive.org/details/tides_salt_2609_librivox",
    "sections": [{"id": "700101", "readers": [{"reader_id": "9", "display_name": "Kim"}]}],
    "genres": [{"id": "18", "name": "Nautical & Marine Fiction"}],
    "translators": [],
}


def every(source: Source, since: datetime | None = None, offset: int = 0) -> list[Recording]:
    return [recording for page in source.list_new(since, offset) for recording in page.recordings]


def test_all_finished_recordings_come_over_three_pages(source: Source, upstream: Upstream) -> None:
    pages = list(source.list_new(None))
    assert [page.next_offset for page in pages] == [50, 100, len(LISTED) + 14]
    assert {each.id for page in pages for each in page.recordings} == {each.id for each in LISTED}
    assert upstream.asked("/librivox/") == 4, "the last one is told that there is no more"
    asked = upstream.requests[0]
    assert asked.headers["user-agent"] == options().user_agent
    told = {"format": "json", "extended": "1", "coverart": "1", "limit": "50", "offset": "0"}
    assert told.items() <= asked.params.items()
    assert "since" not in asked.params


def test_it_goes_on_at_an_offset(source: Source, upstream: Upstream) -> None:
    behind = every(source, offset=100)
    assert behind == every(source)[-len(behind) :]
    assert upstream.requests[0].params["offset"] == "100"


def test_only_what_was_finished_since_comes(source: Source, clock: Clock) -> None:
    since = clock.now() - timedelta(days=99, hours=12)
    expected = {each.id for each in LISTED if each.age < timedelta(days=100)}
    assert {each.id for each in every(source, since)} == expected


def test_nothing_new_is_no_error(source: Source, clock: Clock) -> None:
    assert list(source.list_new(clock.now() + timedelta(days=1))) == []


def test_a_404_of_another_kind_is_an_error(source: Source, upstream: Upstream) -> None:
    upstream.fail("/librivox/", 404, body=b"<h1>Not found</h1>")
    with pytest.raises(UpstreamError, match="LIBRIVOX_URL"):
        list(source.list_new(None))


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "text",
        {"url_librivox": "https://librivox.org/x"},
        {**EXAMPLE, "id": "x"},
        {**EXAMPLE, "id": None},
        {**EXAMPLE, "id": True},
        {**EXAMPLE, "title": ["", None]},
        {**EXAMPLE, "title": "  "},
    ],
)
def test_one_bad_item_spoils_no_other(source: Source, librivox: LibriVox, bad: Any) -> None:
    librivox.extra = [bad]
    pages = list(source.list_new(None))
    assert [len(page.unread) for page in pages] == [1, 0, 0]
    assert sum(len(page.recordings) for page in pages) == len(LISTED)


def test_what_comes_twice_on_a_page_counts_once(source: Source, librivox: LibriVox) -> None:
    librivox.extra = [EXAMPLE, EXAMPLE, {**EXAMPLE, "url_librivox": ""}]
    page = next(source.list_new(None))
    assert [each.id for each in page.recordings].count(EXAMPLE["id"]) == 1


def test_a_feed_that_gives_the_same_page_for_ever_ends(source: Source, upstream: Upstream) -> None:
    body = b'{"books": [{"id": "1", "title": "x", "url_librivox": "https://x.example"}]}'
    upstream.fail("/librivox/", 200, times=99, headers=JSON, body=body)
    with pytest.raises(UpstreamError, match="same page"):
        list(source.list_new(None))
    assert upstream.asked("/librivox/") == 2


def test_a_number_that_php_keyed_is_a_list_all_the_same(source: Source, upstream: Upstream) -> None:
    body = b'{"books": {"0": {"id": "1", "title": "x", "url_librivox": "https://x.example"}}}'
    upstream.fail("offset=0", 200, headers=JSON, body=body)
    assert len(next(source.list_new(None)).recordings) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (503, {}, b""),
        (429, {}, b""),
        (429, {"Retry-After": "0"}, b""),
        (500, JSON, b'{"error": "database"}'),
        (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>"),
        (200, JSON, b'{"error": "gone fishing"}'),
        (200, JSON, b"[]"),
        (200, JSON, b'{"books": null}'),
        (200, JSON, b'{"books": ['),
        (204, {}, b""),
    ],
)
def test_a_failure_that_passes_is_tried_again(
    source: Source, upstream: Upstream, status: int, headers: dict[str, str], body: bytes
) -> None:
    upstream.fail("offset=50", status, headers=headers, body=body)
    assert len(every(source)) == len(LISTED)
    assert upstream.asked("offset=50") == 2


def test_a_cut_or_dropped_answer_is_tried_again(source: Source, upstream: Upstream) -> None:
    upstream.truncate("offset=0", 1000)
    upstream.drop("offset=50")
    assert len(every(source)) == len(LISTED)


def test_a_failure_that_stays_is_told_without_end_of_attempts(source: Source, upstream: Upstream) -> None:
    upstream.fail("/librivox/", 503, times=99)
    with pytest.raises(UpstreamError, match="LibriVox answered 503"):
        every(source)
    assert upstream.asked("/librivox/") == 4 + 5 * 4, "the page, and then its pieces"


@pytest.mark.parametrize("status", [503, 500, 400])
def test_a_recording_that_breaks_its_page_hides_no_other(source: Source, upstream: Upstream, status: int) -> None:
    for part in ("limit=50&offset=50", "limit=10&offset=70", "limit=1&offset=73"):
        upstream.fail(part, status, times=99)
    pages = list(source.list_new(None))
    assert [len(page.unread) for page in pages] == [0, 1, 0]
    assert "at place 74" in pages[1].unread[0]
    assert [page.next_offset for page in pages[:2]] == [50, 100]
    assert sum(len(page.recordings) for page in pages) == len(LISTED) - 1


def test_a_page_that_fails_only_as_a_whole_is_read_in_pieces(source: Source, upstream: Upstream) -> None:
    upstream.fail("limit=50", 503, times=999)
    assert {each.id for each in every(source)} == {each.id for each in LISTED}


def test_too_many_that_fail_are_an_outage(source: Source, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audiobooks.librivox.MOST_UNREAD", 5)
    for part in ("limit=50&offset=0", "limit=10&offset=0", "limit=1&offset="):
        upstream.fail(part, 400, times=99)
    with pytest.raises(UpstreamError, match="answered 400"):
        every(source)


def test_a_top_list_that_comes_drop_by_drop_is_given_up(
    source: Source, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.librivox.LONGEST_ANSWER", 2)
    upstream.drip("advancedsearch", 1)
    with pytest.raises(UpstreamError, match="within") as error:
        source.top("poetry", 10)
    assert error.value.retryable


def test_a_page_that_comes_drop_by_drop_is_given_up(
    source: Source, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audiobooks.librivox.LONGEST_ANSWER", 2)
    upstream.drip("limit=50&offset=50", 1)
    assert {each.id for each in every(source)} == {each.id for each in LISTED}


def test_a_long_pause_gives_the_worker_back(source: Source, upstream: Upstream) -> None:
    upstream.fail("/librivox/", 429, headers={"Retry-After": "3600"})
    with pytest.raises(RetryLater) as later:
        every(source)
    assert later.value.delay == timedelta(hours=1)


def test_the_deadline_ends_a_walk(configured: Callable[..., None], upstream: Upstream) -> None:
    source = Source(options(), Deadline(0))
    with pytest.raises(DeadlineReached):
        every(source)
    source.close()
    assert upstream.asked("/librivox/") == 0


def test_a_search_finds_what_the_feed_of_new_ones_hides(source: Source, upstream: Upstream) -> None:
    work = next(work for work in books.ALL_WORKS for each in work.recordings if not each.in_feed)
    found = source.search(work.title, work.author.last_name)
    assert [each.archive_id for each in found] == [each.archive_id for each in work.recordings]
    assert source.search(work.title, "Nobody") == []
    assert source.search("", "") == []


def test_a_search_asks_with_and_without_the_article(source: Source, upstream: Upstream) -> None:
    work = next(work for work in books.ALL_WORKS if work.title.startswith("The ") and work.recordings)
    assert source.search(work.title, work.author.last_name)
    assert [request.params["title"] for request in upstream.requests] == [f"^{work.title[4:]}", f"^{work.title}"]


@pytest.mark.parametrize("number", ["", "x", "1;2", "99999999"])
def test_an_unknown_id_is_nothing(source: Source, number: str) -> None:
    assert source.detail(number) is None


def test_a_recording_is_read_whole() -> None:
    assert parse_recording(EXAMPLE) == Recording(
        source="librivox",
        id="20417",
        title="Tides of Salt",
        description="<p>..</p>",
        language="English",
        first_published="1899",
        sections=12,
        seconds=22360,
        url="https://librivox.org/tides-of-salt-by-a-writer/",
        archive_id="tides_salt_2609_librivox",
        authors=(Person(id="311", first_name="A.", last_name="Writer", born="1851", died="1910"),),
        genres=("Nautical & Marine Fiction",),
        readers=("Kim",),
    )


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        ("id", 9007199254740995, "id", "9007199254740995"),
        ("title", "Tides\x00 of\n S\ud800lt", "title", "Tides of S?lt"),
        ("title", "x" * 900, "title", "x" * 500),
        ("title", "\u6d77 <b>bold</b>", "title", "\u6d77 <b>bold</b>"),
        ("copyright_year", "0", "first_published", ""),
        ("copyright_year", 1899, "first_published", "1899"),
        ("num_sections", None, "sections", 0),
        ("num_sections", "-3", "sections", 0),
        ("num_sections", "9" * 15, "sections", 2**31 - 1),
        ("totaltimesecs", "22360", "seconds", 22360),
        ("totaltimesecs", None, "seconds", 22360),
        ("totaltimesecs", 0, "seconds", 22360),
        ("url_librivox", "javascript:alert(1)", "url", ""),
        ("url_librivox", "https://x.example/<script>", "url", ""),
        ("url_librivox", "https://x.example/" + "x" * 500, "url", ""),
        ("url_iarchive", "https://archive.org/details/../../etc", "archive_id", ""),
        ("url_iarchive", "https://archive.org/details/", "archive_id", ""),
        ("url_iarchive", "https://[", "archive_id", ""),
        ("url_iarchive", None, "archive_id", ""),
        ("url_iarchive", "http://www.archive.org/details/x_1?y#z", "archive_id", "x_1"),
        ("coverart_jpg", "https://archive.org/download/x/x.jpg", "cover_url", "https://archive.org/download/x/x.jpg"),
        ("coverart_jpg", 7, "cover_url", ""),
        ("authors", None, "authors", ()),
        ("authors", "A. Writer", "authors", ()),
        (
            "authors",
            [None, {"id": "x"}, {"id": "1"}, {"id": 2, "last_name": "W"}],
            "authors",
            (Person(id="2", last_name="W"),),
        ),
        ("genres", [{"name": None}, {"name": "Sea"}, {"name": "Sea"}, 5], "genres", ("Sea",)),
        ("sections", [{"readers": [{"display_name": "Zo\u00eb"}]}, {"readers": None}, None], "readers", ("Zo\u00eb",)),
        ("sections", {}, "readers", ()),
        ("description", None, "description", ""),
        ("description", ["x"], "description", ""),
    ],
)
def test_a_field_that_is_another_than_it_should_be(field: str, value: Any, attribute: str, expected: Any) -> None:
    assert getattr(parse_recording({**EXAMPLE, field: value}), attribute) == expected


def test_a_bare_recording_is_one() -> None:
    found = parse_recording({"id": "1", "title": "x"})
    assert (found.authors, found.genres, found.seconds, found.archive_id) == ((), (), None, "")


@pytest.mark.parametrize(("row", "expected"), [(EXAMPLE, True), ({"url_librivox": ""}, False), ({}, False)])
def test_what_has_no_page_is_not_finished(row: Any, expected: bool) -> None:
    assert is_finished(row) is expected


def test_what_is_no_row_is_refused() -> None:
    with pytest.raises(InvalidItem):
        is_finished("x")
