"""The Internet Archive as it is spoken to, and what is made of what it says."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.audiobooks.archive import in_order, parse_file, query_for
from tasks.audiobooks.catalogue import File, NotThere, Ranked
from tasks.audiobooks.conf import options
from tasks.audiobooks.librivox import LibriVox as Source
from tasks.audiobooks.values import address, count, seconds, text
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.upstream import Upstream
from tasks.exceptions import UpstreamError
from tasks.http import Deadline

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
JSON = {"Content-Type": "application/json"}
ITEM, (WORK, RECORDING) = next(iter(books.BY_ARCHIVE_ID.items()))
SEA = "nautical & marine fiction"


def test_the_top_of_a_genre_is_in_the_order_of_the_week(source: Source, upstream: Upstream) -> None:
    found = source.top(SEA, 10)
    weeks = [books.BY_ARCHIVE_ID[each.archive_id][1].week for each in found]
    assert weeks == sorted(weeks, reverse=True)
    assert [each.place for each in found] == list(range(1, 11))
    assert all("Nautical & Marine Fiction" in books.BY_ARCHIVE_ID[each.archive_id][0].genres for each in found)
    assert {each.title for each in found} <= {work.title for work in books.ALL_WORKS}
    asked = upstream.requests[0].params
    assert asked["q"] == f'collection:librivoxaudio AND subject:"{SEA}"'
    assert (asked["sort[]"], asked["rows"], asked["output"]) == ("week desc", "10", "json")


@pytest.mark.parametrize(
    ("genre", "query"),
    [
        ('sea" OR collection:"x', 'subject:"sea\\" OR collection:\\"x"'),
        ("back\\", 'subject:"back\\\\"'),
        ("x" * 900, f'subject:"{"x" * 200}"'),
    ],
)
def test_a_genre_cannot_end_its_quotation_marks(genre: str, query: str) -> None:
    assert query_for(genre) == f"collection:librivoxaudio AND {query}"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"title": ["", "T"], "creator": ["X", "Y"], "downloads": "7"}, {"title": "T", "author": "X", "downloads": 7}),
        ({}, {"title": "a"}),
        ({"title": 5, "creator": {}, "downloads": "many"}, {"title": "5"}),
    ],
)
def test_a_line_may_lack_anything_but_its_item(source: Source, upstream: Upstream, row: Any, expected: Any) -> None:
    body = books_json(
        [None, [], {"identifier": "../x"}, {"title": "no item"}, {"identifier": "a", **row}, {"identifier": "a"}]
    )
    upstream.fail("advancedsearch", 200, headers=JSON, body=body)
    assert source.top("x", 10) == [Ranked(place=1, archive_id="a", **expected)]


def books_json(docs: list[Any]) -> bytes:
    return json.dumps({"response": {"docs": docs}}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (503, {}, b""),
        (429, {"Retry-After": "0"}, b""),
        (200, {"Content-Type": "text/html"}, b"<html>We are moving</html>"),
        (200, JSON, b'{"error": "[SEARCH] timed out"}'),
        (200, JSON, b'{"response": {}}'),
        (200, JSON, b'{"response": {"docs": ['),
        (204, {}, b""),
    ],
)
def test_a_failure_of_the_search_that_passes_is_tried_again(
    source: Source, upstream: Upstream, status: int, headers: dict[str, str], body: bytes
) -> None:
    upstream.fail("advancedsearch", status, headers=headers, body=body)
    assert len(source.top(SEA, 3)) == 3
    assert upstream.asked("advancedsearch") == 2


def test_an_error_in_place_of_rows_is_told(source: Source, upstream: Upstream) -> None:
    upstream.fail("advancedsearch", 200, times=9, headers=JSON, body=b'{"error": "[SEARCH] <b>no</b>"}')
    with pytest.raises(UpstreamError, match="cannot search"):
        source.top(SEA, 3)


def test_the_files_of_an_item_come_in_their_order_and_one_format(source: Source) -> None:
    files = source.files(ITEM)
    assert [file.name for file in files] == [f"part_{number:02}_64kb.mp3" for number in range(1, RECORDING.parts + 1)]
    assert all(file.size and len(file.md5) == 32 for file in files)


@pytest.mark.parametrize(("wanted", "end"), [("128Kbps MP3", "01.mp3"), ("VBR MP3", "01_64kb.mp3")])
def test_another_format_is_better_than_none(configured: Callable[..., None], wanted: str, end: str) -> None:
    configured(AUDIO_FORMAT=wanted)
    source = Source(options(), Deadline(10))
    assert source.files(ITEM)[0].name == f"part_{end}"
    source.close()


def test_an_item_that_is_not_there_or_hidden_says_so(source: Source, archive: Archive) -> None:
    with pytest.raises(NotThere, match="has no item nobody"):
        source.files("nobody")
    archive.dark.add(ITEM)
    with pytest.raises(NotThere, match="no longer shows"):
        source.files(ITEM)


@pytest.mark.parametrize("item", ["", "../x", "a/b", "a b", "x" * 200, "a?b"])
def test_what_is_no_name_of_an_item_is_not_asked_for(source: Source, upstream: Upstream, item: str) -> None:
    with pytest.raises(NotThere):
        source.files(item)
    assert not upstream.requests


@pytest.mark.parametrize("body", [b"{}", b"[]"])
def test_an_empty_item_is_none(source: Source, upstream: Upstream, body: bytes) -> None:
    upstream.fail("/metadata/", 200, headers=JSON, body=body)
    with pytest.raises(NotThere):
        source.files(ITEM)


@pytest.mark.parametrize("body", [b'"x"', b'{"error": "later"}', b'{"files": ['])
def test_an_item_that_cannot_be_read_is_asked_for_again(source: Source, upstream: Upstream, body: bytes) -> None:
    upstream.fail("/metadata/", 200, headers=JSON, body=body)
    assert source.files(ITEM)


def test_an_item_without_audio_has_no_files(source: Source, archive: Archive) -> None:
    archive.files[ITEM] = [None, "x", {"name": "x.jpg", "format": "JPEG"}, {"name": "y"}]
    assert source.files(ITEM) == []


@pytest.mark.parametrize("name", [None, "../x.mp3", "x" * 301, "a\ud800.mp3"])
def test_an_item_of_which_a_part_cannot_be_had_is_refused(source: Source, archive: Archive, name: Any) -> None:
    archive.files[ITEM] = [{"name": each, "format": "64Kbps MP3"} for each in ("x.mp3", name)]
    with pytest.raises(UpstreamError, match="cannot be used"):
        source.files(ITEM)


@pytest.mark.parametrize("name", ["disc 1/\u00e4 b#1?.mp3", "100% & more;.mp3", "a\xa0b+c.mp3", "\u6d77.mp3"])
def test_a_file_comes_whatever_its_name(source: Source, archive: Archive, name: str) -> None:
    archive.files[ITEM] = [{"name": name, "format": "64Kbps MP3"}]
    archive.content[ITEM, name] = b"abc"
    assert [file.name for file in source.files(ITEM)] == [name]
    with source.download(ITEM, name, 0) as stream:
        assert b"".join(stream.pieces) == b"abc"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"name": "a.mp3"}, File(name="a.mp3")),
        ({"name": "a.mp3", "size": "14670000", "md5": "9C" * 16, "track": "02/12", "title": "01 - <b>X"},
         File(name="a.mp3", size=14670000, md5="9c" * 16, track=2, title="01 - <b>X")),
        ({"name": "disc 1/\u00e4 b.mp3", "size": 5, "md5": "xyz", "track": "A1", "title": ["T"]},
         File(name="disc 1/\u00e4 b.mp3", size=5, title="T")),
        ({"name": "a.mp3", "size": "-1", "track": None}, File(name="a.mp3")),
        ({"name": "a.mp3", "size": "0"}, File(name="a.mp3")),
        ({}, None),
        ({"name": 5}, None),
        ({"name": "../../etc/passwd"}, None),
        ({"name": "/etc/passwd"}, None),
        ({"name": "a\x00.mp3"}, None),
        ({"name": "a//b.mp3"}, None),
        ({"name": "x" * 301}, None),
    ],
)  # fmt: skip
def test_a_file_is_read_defensively(row: Any, expected: File | None) -> None:
    assert parse_file(row) == expected


def test_parts_are_in_the_order_of_tracks_or_of_the_numbers_in_their_names() -> None:
    names = [File(name=name) for name in ("p10.mp3", "p2.mp3", "P1.mp3")]
    assert [file.name for file in in_order(names)] == ["P1.mp3", "p2.mp3", "p10.mp3"]
    tracks = [File(name="a", track=2), File(name="b", track=1)]
    assert [file.name for file in in_order(tracks)] == ["b", "a"]
    doubled = [File(name="b", track=1), File(name="a", track=1)]
    assert [file.name for file in in_order(doubled)] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("402.29", 402),
        ("30:34", 1834),
        ("06:12:40", 22360),
        ("90", 90),
        (90, 90),
        ("", None),
        ("x", None),
        (None, None),
    ],
)
def test_a_length_is_seconds_or_minutes(value: Any, length: int | None) -> None:
    assert seconds(value) == length


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7),
        (7, 7),
        (7.9, 7),
        ("-7", None),
        (True, None),
        ("1e9", None),
        ("9" * 400, None),
        ([], None),
        ("\u0667", None),
    ],
)
def test_a_number_is_one_however_it_is_written(value: Any, number: int | None) -> None:
    assert count(value) == number


def test_texts_and_addresses_are_as_columns_want_them() -> None:
    assert [text({"x": 1}, 10), text(["", "b"], 10), text("a" * 10**6, 5)] == ["", "b", "aaaaa"]
    assert address("https://x.example/a?b=c") == "https://x.example/a?b=c"
    for bad in ("ftp://x", "https://", "https://user@x.example", "x", None, "https://x.example/\"'"):
        assert address(bad) == ""


def test_bytes_come_by_way_of_a_redirect_that_is_followed_to_known_hosts_alone(
    source: Source, upstream: Upstream, configured: Callable[..., None]
) -> None:
    name = source.files(ITEM)[0].name
    with source.download(ITEM, name, 100) as stream:
        assert stream.status == 206
        assert sum(map(len, stream.pieces)) > 10_000
    assert [request.headers["range"] for request in upstream.requests[-2:]] == ["bytes=100-"] * 2
    configured(ARCHIVE_HOSTS=[".archive.org"])
    elsewhere = Source(options(), Deadline(10))
    with pytest.raises(UpstreamError, match="not followed"), elsewhere.download(ITEM, name, 0):
        pass
    elsewhere.close()
