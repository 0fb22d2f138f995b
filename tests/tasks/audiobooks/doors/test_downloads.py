"""The page of downloads: how far each is, what keeps itself true, and what staff may do to one."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Execution, Job
from tasks.audiobooks.admin.download_list import ROWS
from tasks.audiobooks.models import Download, Part
from tests.factories import make_job, make_worker
from tests.tasks.audiobooks.doors.conftest import (
    NOW,
    VIEW,
    Login,
    make_download,
    make_edition,
    make_gap,
    make_series,
    make_usage,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/audiobooks/download/"
LIVE, RUN = f"{LIST}live/", f"{LIST}run/"
CHANGE = (*VIEW, "audiobooks.change_download")
MAY_RUN = (*VIEW, "scheduling.view_job", "scheduling.view_execution", "scheduling.run_job")
MB = 1_000_000


@pytest.fixture
def job(db: None) -> Job:
    task = "tasks.audiobooks.tasks.download_audiobooks_task"
    return make_job(id="download_audiobooks", task=task, next_run_time=timezone.now() + timedelta(minutes=7.5))


def page_of(download: Download) -> str:
    return f"{LIST}{download.pk}/change/"


def with_parts(download: Download, whole: int, count: int = 12) -> Download:
    Part.objects.bulk_create(
        Part(download=download, number=number, name=f"{number}.mp3", size=4 * MB, is_whole=number <= whole)
        for number in range(1, count + 1)
    )
    return download


def test_a_download_tells_how_far_it_is(login: Login) -> None:
    with_parts(make_download("running", size=300 * MB, done=120 * MB, started_at=NOW), 3)
    page = login(*VIEW).get(LIST).text
    for words in ("Downloading 40 %", "120 MB of 300 MB", "3 of 12 parts", "Top ten of Sea Tales", 'value="40"'):
        assert words in page
    assert 'data-busy="yes"' in page


def test_one_that_failed_says_why_and_one_that_waits_says_until_when(login: Login) -> None:
    make_download("failed", error="The md5 is another one.")
    make_download("queued", retry_at=timezone.now() + timedelta(minutes=12.5))
    page = login(*VIEW).get(LIST).text
    assert "The md5 is another one." in page
    assert "Tried again <time" in page
    assert "in 12 min" in page
    assert 'data-busy="no"' in page


def test_what_runs_comes_first_and_the_rest_by_state(login: Login) -> None:
    downloads = {state: make_download(state) for state in ("running", "queued", "done", "failed", "held")}
    client = login(*VIEW)
    page = client.get(LIST).text
    assert (
        page.index(page_of(downloads["running"])) < page.index("books-tabs") < page.index(page_of(downloads["queued"]))
    )
    for state in downloads:
        page = client.get(LIST, {"state": state}).text
        assert {name for name, each in downloads.items() if page_of(each) in page} == {state}
    assert client.get(LIST, {"state": "tea", "page": "x"}).status_code == 200


def test_downloads_are_found_by_title(login: Login) -> None:
    wanted, other = make_download(edition=make_edition(title="Tides")), make_download()
    page = login(*VIEW).get(LIST, {"q": "tIDE"}).text
    assert (page_of(wanted) in page, page_of(other) in page) == (True, False)
    assert login(*VIEW).get(LIST, {"q": "a\x00b"}).status_code == 200


def test_the_list_asks_no_question_per_row_and_counts_no_table(
    login: Login, django_assert_max_num_queries: Any
) -> None:
    for number in range(ROWS + 2):
        with_parts(make_download(queued_at=NOW - timedelta(hours=number)), 0, 2)
    client = login(*MAY_RUN)
    with django_assert_max_num_queries(20):
        page = client.get(LIST).text
    assert "?page=2" in page
    assert page.count('class="books-download"') == ROWS
    assert client.get(LIST, {"page": "2"}).text.count('class="books-download"') == 2


def test_the_live_part_is_a_part_that_no_cache_keeps(login: Login) -> None:
    download = with_parts(make_download("running", size=100, done=7), 1)
    client = login(*VIEW)
    for address in (LIVE, f"{LIST}{download.pk}/live/"):
        answer = client.get(address)
        assert "no-cache" in answer["Cache-Control"]
        assert 'id="live-part"' in answer.text
        assert "<html" not in answer.text
        assert 'data-bytes="7"' in answer.text


def test_the_page_of_one_lists_its_parts(login: Login) -> None:
    download = with_parts(make_download("done", folder="Ada/Tides", size=48 * MB, done=48 * MB), 12)
    page = login(*VIEW).get(page_of(download)).text
    assert page.count('class="books-part"') == 12
    assert "Ada/Tides" in page


def test_how_full_it_is_is_drawn(login: Login, settings: Any) -> None:
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "LIBRARY_BUDGET": 400 * MB, "LIBRARY_FREE": 0}
    client = login(*VIEW)
    assert "Counted not yet" in re.sub("<[^>]*>", "", client.get(LIST).text)
    make_usage(200 * MB)
    page = client.get(LIST).text
    assert re.search(r"Counted (?!not yet)\w", re.sub("<[^>]*>", "", page))
    assert "200 MB of 400 MB" in page
    assert 'value="50" aria-label="Library"' in page
    assert ">Full</span>" not in page
    make_usage(500 * MB)
    assert ">Full</span>" in client.get(LIST).text
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "LIBRARY_BUDGET": 0, "LIBRARY_FREE": 10**18}
    page = client.get(LIST).text
    assert "500 MB and no limit" in page
    assert ">Full</span>" in page


# Deeds


@pytest.mark.parametrize("state", ["failed", "off", "held"])
def test_it_is_queued_again(login: Login, state: str) -> None:
    download = make_download(state, attempts=6, error="No.", retry_at=NOW, finished_at=NOW)
    client = login(*CHANGE)
    assert "Queue again</button>" in client.get(LIST).text
    client.post(f"{LIST}{download.pk}/again/")
    download.refresh_from_db()
    assert (download.state, download.attempts, download.error, download.retry_at) == ("queued", 0, "", None)


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_what_is_on_its_way_or_here_is_not_queued_again(login: Login, state: str) -> None:
    download = make_download(state, attempts=3)
    client = login(*CHANGE)
    assert "Queue again</button>" not in client.get(LIST).text
    assert "It is on its way, or in the library already" in client.post(f"{LIST}{download.pk}/again/", follow=True).text
    download.refresh_from_db()
    assert (download.state, download.attempts) == (state, 3)


@pytest.mark.parametrize("state", ["queued", "running", "held"])
def test_it_is_taken_off_the_list(login: Login, state: str) -> None:
    download = with_parts(make_download(state, done=7, started_at=NOW), 2)
    login(*CHANGE).post(f"{LIST}{download.pk}/off/")
    download.refresh_from_db()
    assert (download.state, download.done, download.error) == ("off", 0, "Taken off the list by u0.")
    assert not download.parts.filter(is_whole=True).exists()


@pytest.mark.parametrize("is_empty", [True, False])
def test_what_was_removed_from_the_library_is_queued_again(login: Login, library: Path, is_empty: bool) -> None:
    download = make_download("done", folder="Ada/Tides", done=9)
    other = make_gap(make_series(), "1", "owned", book=download.edition.book)
    client, again = login(*CHANGE), f"{LIST}{download.pk}/again/"
    client.post(again)
    assert Download.objects.get().state == "done", "the library cannot be seen"
    (library / "Ada" / "Tides").mkdir(parents=True)
    (library / "Ada" / "Tides" / "1.mp3").touch()
    client.post(again)
    assert Download.objects.get().state == "done", "it is there"
    assert "Queue again</button>" not in client.get(page_of(download)).text
    (library / "Ada" / "Tides" / "1.mp3").unlink()
    if not is_empty:
        (library / "Ada" / "Tides").rmdir()
    assert "Queue again</button>" in client.get(page_of(download)).text
    client.post(again)
    download.refresh_from_db()
    other.refresh_from_db()
    assert (download.state, download.folder, download.done, other.state) == ("queued", "", 0, "queued")


def test_what_is_in_the_library_is_not_taken_off(login: Login) -> None:
    download = make_download("done", done=7)
    assert "It is in the library" in login(*CHANGE).post(f"{LIST}{download.pk}/off/", follow=True).text
    download.refresh_from_db()
    assert (download.state, download.done) == ("done", 7)


def test_downloading_begins_at_once(login: Login, job: Job) -> None:
    make_worker()
    make_download()
    client = login(*MAY_RUN)
    page = client.get(LIST).text
    assert "The next run is <time" in page
    assert "Download now</button>" in page
    assert "will download what is queued" in client.post(RUN, follow=True).text
    run = Execution.objects.get()
    assert (run.job_id, run.requested_by) == (job.pk, "u0")
    page = client.post(RUN, follow=True).text
    assert "A run is under way already" in page
    assert "Download now</button>" not in page
    assert Execution.objects.count() == 1


def test_while_nobody_works_it_is_said_what_to_do(login: Login, job: Job) -> None:
    assert "python manage.py runscheduler" in login(*MAY_RUN).get(LIST).text
    job.delete()
    assert "run manage.py syncjobs" in login(*MAY_RUN).get(LIST).text
    assert "runscheduler" not in login(*VIEW).get(LIST).text
    assert "The job is not there yet" in login(*MAY_RUN).post(RUN, follow=True).text


def test_doors_need_their_permissions_a_post_and_the_csrf_token(login: Login, job: Job) -> None:
    download = make_download("held")
    one = f"{LIST}{download.pk}/"
    for address in (f"{one}again/", f"{one}off/"):
        assert login(*VIEW).post(address).status_code == 403
        assert login("audiobooks.change_download").post(address).status_code == 403
        assert login(*CHANGE).get(address).status_code == 405
        assert login(*CHANGE, csrf=True).post(address).status_code == 403
    for permissions in (VIEW, ("scheduling.run_job",)):
        assert login(*permissions).post(RUN).status_code == 403
    assert login(*MAY_RUN).get(RUN).status_code == 405
    for address in (LIST, LIVE, f"{one}live/", page_of(download)):
        assert login().get(address).status_code == 403
    assert login(*VIEW).post(LIVE).status_code == 405
    for number in ("999", "9" * 30):
        for address in (f"{LIST}{number}/live/", f"{LIST}{number}/change/"):
            assert login(*VIEW).get(address).status_code == 404
        assert login(*CHANGE).post(f"{LIST}{number}/again/").status_code == 404
    assert '<form method="post"' not in login(*VIEW).get(LIVE).text
    download.refresh_from_db()
    assert download.state == "held"
