"""Open Library as it is spoken to, and all the ways in which its answers go wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.audiobooks.conf import options
from tasks.audiobooks.openlibrary import OpenLibrary as Api
from tasks.audiobooks.telling import Known
from tasks.demo import books
from tasks.demo.openlibrary import OpenLibrary
from tasks.demo.upstream import Request, Upstream
from tasks.exceptions import DeadlineReached, UpstreamError
from tasks.http import Deadline

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

JSON = {"Content-Type": "application/json"}
AUTHOR = books.AUTHORS[0]
SERIES = books.ALL_SERIES[0]
WORK = books.ALL_WORKS[0]
KNOWN = Known(title=WORK.title)


def all_works(api: Api, key: str) -> list[str]:
    found, offset = [], 0
    while offset is not None:
        page = api.works_of(key, offset)
        found += [work.key for work in page.works]
        offset = page.next_offset  # type: ignore[assignment]
    return found


def test_works_of_an_author_come_page_by_page(api: Api, openlibrary: OpenLibrary, upstream: Upstream) -> None:
    whole = all_works(api, AUTHOR.openlibrary_key)
    openlibrary.biggest_page = len(whole) // 3 + 1
    upstream.requests.clear()
    assert all_works(api, AUTHOR.openlibrary_key) == whole
    assert upstream.asked("/works.json") == 3
    assert {work.key for work in books.of_author(AUTHOR)} < set(whole)


def test_a_series_has_its_works_and_the_search_their_positions(api: Api, openlibrary: OpenLibrary) -> None:
    openlibrary.biggest_page = 2
    wanted = books.of_series(SERIES)
    assert [listed.key for listed in api.seeds(SERIES.key)] == [work.key for work in wanted]
    openlibrary.biggest_page = 1000
    found = {doc.key: doc.place_in(SERIES.key) for doc in api.of_series(SERIES.key)}
    assert {key: place and place.position for key, place in found.items()} == {
        work.key: work.position for work in wanted
    }


def test_a_search_goes_on_page_by_page(api: Api, monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    monkeypatch.setattr("tasks.audiobooks.openlibrary.PAGE", 2)
    wanted = books.of_series(SERIES)
    assert {doc.key for doc in api.of_series(SERIES.key)} == {work.key for work in wanted}
    assert upstream.asked("/search.json") == len(wanted) // 2 + 1


def test_people_are_found_by_name_with_their_dates(api: Api) -> None:
    writer = next(each for each in api.writers(AUTHOR.name) if each.key == AUTHOR.openlibrary_key)
    assert (writer.name, writer.born, writer.died) == (AUTHOR.name, AUTHOR.born, AUTHOR.died)


def test_a_question_that_is_too_short_is_refused(openlibrary: OpenLibrary) -> None:
    asked = Request("GET", "/openlibrary/search.json?q=ab", "/openlibrary/search.json", {"q": "ab"}, {}, b"")
    assert openlibrary.reply(asked).status == 422


def test_a_work_that_there_is_not_is_none(api: Api) -> None:
    assert api.work("OL1W") is None
    assert api.editions("OL1W") == []
    for ask in (lambda: list(api.seeds("OL1L")), lambda: api.works_of("OL1A", 0)):
        with pytest.raises(UpstreamError) as error:
            ask()
        assert error.value.status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 503},
        {"status": 502, "body": b"<html>"},
        {"status": 200, "body": b"<html>oops</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": b'{"error": "the search is down"}', "headers": JSON},
        {"status": 200, "body": b'{"docs": [{"key": "/works/OL1W", "ti', "headers": JSON},
        {"status": 204},
        {"status": 429, "body": b'{"status":429,"message":"Slow"}', "headers": {"Retry-After": "0", **JSON}},
        {"status": 429, "body": b'{"status":429,"message":"Slow"}', "headers": {"Retry-After": "2", **JSON}},
    ],
)
def test_what_goes_wrong_once_is_tried_again(api: Api, upstream: Upstream, wrong: dict[str, Any]) -> None:
    upstream.fail("/search.json", **wrong)
    assert api.find(WORK.title, WORK.author.name, KNOWN).docs[0].key == WORK.key
    assert upstream.asked("/search.json") == 2


@pytest.mark.parametrize("how", ["truncate", "drop"])
def test_a_connection_that_breaks_is_tried_again(api: Api, upstream: Upstream, how: str) -> None:
    {"truncate": lambda: upstream.truncate("/search.json", 40), "drop": lambda: upstream.drop("/search.json")}[how]()
    assert api.find(WORK.title, WORK.author.name, KNOWN).docs


def test_what_goes_wrong_for_ever_is_an_error(api: Api, upstream: Upstream) -> None:
    upstream.fail("/search.json", 500, times=99)
    with pytest.raises(UpstreamError, match="Open Library answered 500"):
        api.find(WORK.title, "", KNOWN)
    assert upstream.asked("/search.json") == 4


def test_its_own_limit_is_a_refusal_in_its_own_words(api: Api, openlibrary: OpenLibrary) -> None:
    openlibrary.per_minute = 1
    api.work(WORK.key)
    with pytest.raises(UpstreamError) as error:
        api.work(WORK.key)
    assert (error.value.status, error.value.retryable) == (429, True)


def test_a_long_pause_gives_the_worker_back(api: Api, upstream: Upstream) -> None:
    upstream.fail("/search.json", 429, headers={"Retry-After": "3600"})
    with pytest.raises(RetryLater) as later:
        api.find(WORK.title, "", KNOWN)
    assert later.value.delay == timedelta(hours=1)


def test_the_deadline_ends_a_slow_answer(configured: Callable[..., None], db: None, upstream: Upstream) -> None:
    api = Api(options(), Deadline(0.1))
    upstream.drip("/search.json", 0.02)
    with pytest.raises(DeadlineReached):
        api.find(WORK.title, "", KNOWN)
    api.close()


def test_each_request_says_who_asks(api: Api, upstream: Upstream) -> None:
    api.work(WORK.key)
    assert upstream.requests[0].headers["user-agent"] == options().user_agent


def test_an_answer_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    first = api.find(WORK.title, "", KNOWN)
    assert first.validator
    same = Known(title=WORK.title, validator=first.validator)
    assert api.find(WORK.title, "", same).is_unchanged
    assert not api.find(WORK.title, WORK.author.name, same).is_unchanged, "that is another question"


ODD: list[dict[str, Any]] = [
    {"author_key": None, "author_name": None, "cover_i": None, "language": None, "series_key": None},
    {"author_key": ["OL7A"], "author_name": ["A", "B", None], "series_key": ["OL1L", "x"], "series_position": []},
    {"author_key": "OL7A", "author_name": "A", "cover_i": "5512", "edition_count": "4", "series_key": {}},
    {"title": "Nul\x00 & <b>bold</b> \ud800 水", "subtitle": ["x"], "first_publish_year": "c. 1899", "isbn": [None, 7]},
    {"cover_i": 2**60 + 1, "ratings_average": "NaN", "id_librivox": [2**60], "publisher": [{}], "series_name": [[]]},
    {"cover_i": -1, "edition_count": True, "ratings_average": {}, "author_name": [["x"]], "language": 5},
    {"title": "x" * 10_000, "author_name": ["y" * 10_000], "isbn": ["9" * 10_000], "publisher": ["z" * 10_000]},
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_are_read_as_far_as_they_go(api: Api, openlibrary: OpenLibrary, odd: dict[str, Any]) -> None:
    openlibrary.changes[WORK.key] = odd
    doc = next(doc for doc in api.find("", WORK.author.name, KNOWN).docs if doc.key == WORK.key)
    assert 0 < len(doc.title) <= 500
    assert "\x00" not in doc.title
    assert all(len(name) <= 200 for name in doc.names)
    assert doc.cover is None or doc.cover > 0
