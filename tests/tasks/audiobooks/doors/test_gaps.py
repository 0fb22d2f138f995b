"""Series and authors with what is missing in them, and what staff decide of it."""

from typing import Any

import pytest

from tasks.audiobooks.gaps import follow
from tasks.audiobooks.models import Author, Download, Gap, Series, Stand
from tests.tasks.audiobooks.doors.conftest import (
    VIEW,
    Login,
    make_author,
    make_book,
    make_download,
    make_edition,
    make_gap,
    make_series,
)

pytestmark = pytest.mark.django_db

BASE = "/admin/audiobooks"
DECIDE = (*VIEW, "audiobooks.change_gap")
ASK = (*DECIDE, "audiobooks.add_download")


def page_of(owner: Series | Author) -> str:
    return f"{BASE}/{owner._meta.model_name}/{owner.pk}/change/"


def door(gap: Gap, deed: str) -> str:
    return f"{BASE}/gap/{gap.pk}/{deed}/"


def test_a_list_draws_how_complete_each_series_is(login: Login) -> None:
    series = make_series()
    for position, state in (("1", "owned"), ("2", "missing"), ("10", "owned"), ("2.5", "queued"), ("", "ignored")):
        make_gap(series, position, state)
    make_series("Never looked at")
    page = login(*VIEW).get(f"{BASE}/series/").text
    assert "2 of 4" in page
    assert "not looked at yet" in page
    drawn = page[page.index('aria-label="2 of 4 are here"') :]
    places = [drawn.index(f">{label}</span>") for label in ("1", "2", "2.5", "10", "·")]
    assert places == sorted(places)
    assert 'books-missing" title="2: Part 2, not in the catalogue"' in drawn


@pytest.mark.parametrize(("value", "found"), [("no", {"Gaps"}), ("yes", {"Whole"}), ("unknown", {"Unknown"})])
def test_series_are_filtered_by_what_is_missing(login: Login, value: str, found: set[str]) -> None:
    make_gap(make_series("Gaps"), "1", "missing")
    make_gap(make_series("Whole"), "1", "owned")
    make_series("Unknown")
    page = login(*VIEW).get(f"{BASE}/series/", {"complete": value}).text
    assert {name for name in ("Gaps", "Whole", "Unknown") if f">{name}</a>" in page} == found


def test_a_series_lists_its_parts_in_order_with_how_each_stands(login: Login) -> None:
    series = make_series()
    make_gap(series, "10", title="Tenth")
    make_gap(series, "2.5", "ignored", title="Between")
    make_gap(series, "", title="Companion")
    queued = make_download("running", size=100, done=40).edition
    make_gap(series, "2", "queued", title="Second", edition=queued, book=queued.book)
    make_book("Unknown to the completion", series=series, position="3")
    page = login(*VIEW).get(page_of(series)).text
    page = page[page.index('id="works"') :]
    places = [page.index(each) for each in ("Second", "Between", "Unknown to", "Tenth", "Companion")]
    assert places == sorted(places)
    for words in ("Downloading 40 %", "Not wanted", "In the catalogue", "Not in the catalogue"):
        assert words in page


def test_a_work_is_told_once_whether_by_its_gap_or_by_its_book(login: Login) -> None:
    series = make_series()
    for number, columns in enumerate(({"book": True}, {"edition": True}, {"work_key": True}), 1):
        book = make_book(f"Tides {number}", series=series, position=str(number), openlibrary_key=f"OL99{number}W")
        given = {"book": book, "edition": make_edition(book), "work_key": book.openlibrary_key}
        make_gap(series, str(number), "owned", title=book.title, **{name: given[name] for name in columns})
    page = login(*VIEW).get(page_of(series)).text
    assert page.count('class="books-work"') == 3


def test_an_author_has_the_same(login: Login) -> None:
    author = make_author("Ada Marlow", born="1851")
    make_gap(author, "", "missing", title="Late Letters")
    make_book("Tides", author)
    client = login(*DECIDE)
    assert "0 of 1" in client.get(f"{BASE}/author/").text
    page = client.get(page_of(author)).text
    for words in ("Late Letters", "Tides", "1851 to ?", ">Not wanted</button>"):
        assert words in page


def test_pages_ask_no_question_per_row(login: Login, django_assert_max_num_queries: Any) -> None:
    series = [make_series(f"S {number}") for number in range(30)]
    owners: list[Series | Author] = [*series, *(make_author(f"A {number}") for number in range(30))]
    for owner in owners:
        for number in range(3):
            make_gap(owner, str(number), "queued", edition=make_download("running", size=9).edition)
    client = login(*ASK)
    for address in (*(f"{BASE}/{name}/" for name in ("series", "author", "gap", "edition")), page_of(series[0])):
        with django_assert_max_num_queries(10):
            assert client.get(address).status_code == 200


# Decisions


def test_a_gap_is_declined_and_wanted_again(login: Login) -> None:
    series = make_series()
    gap = make_gap(series, "2", "found", edition=make_edition())
    make_gap(series, "1", "owned")
    client = login(*DECIDE)
    answer = client.post(door(gap, "ignore"))
    assert (answer.status_code, answer["Location"]) == (302, f"{page_of(series)}#works")
    gap.refresh_from_db()
    assert gap.state == "ignored"
    assert str(Stand.objects.get()) == "1 of 1"
    client.post(door(gap, "want"))
    gap.refresh_from_db()
    assert gap.state == "found"
    assert str(Stand.objects.get()) == "1 of 2"


def test_without_an_edition_a_gap_that_is_wanted_again_is_missing(login: Login) -> None:
    gap = make_gap(make_author(), "", "ignored")
    login(*DECIDE).post(door(gap, "want"))
    assert Gap.objects.get().state == "missing"
    assert str(Stand.objects.get()) == "0 of 1"


@pytest.mark.parametrize("state", ["owned", "queued", "ignored"])
def test_what_is_here_or_on_its_way_cannot_be_declined(login: Login, state: str) -> None:
    gap = make_gap(make_series(), "1", state)
    page = login(*DECIDE).post(door(gap, "ignore"), follow=True).text
    assert "is here or on its way, or was declined" in page
    assert Gap.objects.get().state == state


def test_a_found_one_is_queued(login: Login) -> None:
    gap = make_gap(make_series("Salt Coast"), "2", "found", edition=make_edition())
    client = login(*ASK)
    assert "is queued" in client.post(door(gap, "queue"), follow=True).text
    assert Gap.objects.get().state == "queued"
    assert Download.objects.get().why == "Gap in Salt Coast"
    assert "is not queued" in client.post(door(gap, "queue"), follow=True).text


def test_a_found_one_that_had_failed_is_queued_again(login: Login) -> None:
    download = make_download("failed", attempts=6)
    gap = make_gap(make_series(), "2", "found", edition=download.edition)
    login(*ASK).post(door(gap, "queue"))
    download.refresh_from_db()
    assert (download.state, download.attempts, Gap.objects.get().state) == ("queued", 0, "queued")


@pytest.mark.parametrize(
    ("was", "downloads", "becomes"),
    [
        ("missing", ["done"], "owned"),
        ("found", ["done"], "owned"),
        ("queued", ["done"], "owned"),
        ("queued", ["failed"], "found"),
        ("queued", ["off"], "found"),
        ("queued", ["failed", "running"], "queued"),
        ("owned", ["failed", "done"], "owned"),
        ("found", ["held"], "queued"),
        ("owned", ["queued"], "queued"),
        ("ignored", ["done"], "ignored"),
    ],
)
@pytest.mark.parametrize("by", ["book", "edition", "work_key"])
def test_a_gap_follows_its_downloads_everywhere(
    login: Login, was: str, downloads: list[str], becomes: str, by: str
) -> None:
    book = make_book("Tides", openlibrary_key="OL77W")
    editions = [make_download(state, make_edition(book)).edition for state in downloads]
    filled = {"book": book, "edition": editions[0], "work_key": "OL77W"}[by]
    series, author = make_series(), make_author()
    gap = make_gap(series, "1", was, **{by: filled})
    make_gap(author, "1", was, **{by: filled})
    follow(editions[0])
    assert set(Gap.objects.values_list("state", flat=True)) == {becomes}
    gap.refresh_from_db()
    if becomes == "owned":
        assert (gap.book, gap.edition) == (book, editions[downloads.index("done")])
    words = f"{int(becomes == 'owned')} of {int(becomes != 'ignored')}"
    assert {str(stand) for stand in Stand.objects.all()} == {words}
    client = login(*ASK)
    for address in (f"{BASE}/series/", page_of(series), page_of(author)):
        assert f'books-{becomes}" title="' in (page := client.get(address).text) or "/author/" in address
        assert words in page


def test_what_was_taken_off_or_given_up_is_queued_again_or_declined(login: Login) -> None:
    download = make_download("queued")
    gap = make_gap(make_series(), "1", "queued", edition=download.edition, book=download.edition.book)
    client = login(*ASK, "audiobooks.change_download")
    client.post(f"{BASE}/download/{download.pk}/off/")
    page = client.get(page_of(gap.series)).text  # type: ignore[arg-type]
    assert ">Download</button>" in page
    assert ">Not wanted</button>" in page
    client.post(door(gap, "queue"))
    download.refresh_from_db()
    assert (download.state, Gap.objects.get().state) == ("queued", "queued")
    client.post(f"{BASE}/download/{download.pk}/off/")
    client.post(door(gap, "ignore"))
    assert Gap.objects.get().state == "ignored"
    client.post(f"{BASE}/download/{download.pk}/again/")
    assert Gap.objects.get().state == "ignored"
    client.post(door(gap, "want"))
    assert Gap.objects.get().state == "queued"


def test_many_are_decided_at_once(login: Login) -> None:
    series = make_series()
    gaps = [make_gap(series, str(number), "found", edition=make_edition()) for number in range(3)]
    owned = make_gap(series, "9", "owned")
    chosen = [str(gap.pk) for gap in (*gaps, owned)]
    client, address = login(*ASK), f"{BASE}/gap/"
    page = client.post(address, {"action": "ignore_all", "_selected_action": chosen}, follow=True).text
    assert "3 of 4 are not wanted now" in page
    client.post(address, {"action": "want_all", "_selected_action": chosen[:1]})
    client.post(address, {"action": "queue_all", "_selected_action": chosen})
    assert sorted(Gap.objects.values_list("state", flat=True)) == ["ignored", "ignored", "owned", "queued"]


def test_decisions_need_their_permissions(login: Login) -> None:
    gap = make_gap(make_series(), "2", "found", edition=make_edition())
    for deed, permissions in (("ignore", DECIDE), ("want", DECIDE), ("queue", ASK)):
        assert login(*VIEW).post(door(gap, deed)).status_code == 403
        assert (
            login(*(each for each in permissions if each != "audiobooks.view_gap")).post(door(gap, deed)).status_code
            == 403
        )
        assert login(*permissions).get(door(gap, deed)).status_code == 405
        assert login(*permissions, csrf=True).post(door(gap, deed)).status_code == 403
        assert login(*permissions).post(f"{BASE}/gap/{'9' * 30}/{deed}/").status_code == 404
    assert login(*DECIDE).post(door(gap, "queue")).status_code == 403
    login(*DECIDE).post(f"{BASE}/gap/", {"action": "queue_all", "_selected_action": [str(gap.pk)]})
    login(*VIEW).post(f"{BASE}/gap/", {"action": "ignore_all", "_selected_action": [str(gap.pk)]})
    assert Gap.objects.get().state == "found"
    page = login(*VIEW).get(page_of(gap.series)).text  # type: ignore[arg-type]
    assert "<button" not in page[page.index('id="works"') : page.index("</ol>")]
