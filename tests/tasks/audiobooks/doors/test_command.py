"""manage.py audiobooks: what it tells, what it queues, and its exit codes."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.models import Execution, Job, State
from tasks.audiobooks.models import Download, Edition
from tests.factories import make_execution, make_job
from tests.tasks.audiobooks.doors.conftest import (
    make_author,
    make_book,
    make_download,
    make_edition,
    make_gap,
    make_series,
    make_usage,
)

pytestmark = pytest.mark.django_db

TASKS = "tasks.audiobooks.tasks"

type Call = Callable[..., str]


@pytest.fixture
def call() -> Call:
    """What the command writes; with `code` it is to end so."""

    def call(*words: str, code: int = 0) -> str:
        out = StringIO()
        if not code:
            call_command("audiobooks", *words, stdout=out)
            return out.getvalue()
        with pytest.raises((CommandError, SystemExit)) as ended:
            call_command("audiobooks", *words, stdout=out)
        assert getattr(ended.value, "returncode", getattr(ended.value, "code", None)) == code
        return out.getvalue() + str(ended.value)

    return call


@pytest.fixture
def job(db: None) -> Job:
    soon = timezone.now() + timedelta(hours=4, minutes=1)
    return make_job(id="mam_scraping", name="Daily MAM Scraping", task=f"{TASKS}.mam_scraping_task", next_run_time=soon)


@pytest.fixture(autouse=True)
def room(settings: Any, library: Any) -> None:
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "LIBRARY_BUDGET": 1_000_000_000, "LIBRARY_FREE": 0}


# status


def test_it_tells_what_is_there_and_how_the_jobs_fare(call: Call, job: Job) -> None:
    make_download("done")
    make_usage(200_000_000)
    make_download("queued")
    make_download("off")
    make_execution(job, state=State.SUCCEEDED, finished_at=timezone.now() - timedelta(minutes=30))
    make_job(id="other")
    told = call("status")
    for words in (
        "3 books",
        "1 recording, 200 MB of 1.0 GB",
        "1 queued, 0 downloading, 0 failed, 0 no room, 1 taken off",
    ):
        assert words in told
    line = next(line for line in told.splitlines() if line.startswith("mam_scraping"))
    for words in ("succeeded 30 min ago", "in 4 h", "Daily MAM Scraping"):
        assert words in line
    assert "other" not in told


def test_programs_are_told_the_same(call: Call, job: Job) -> None:
    make_download("done")
    make_usage(7)
    told = json.loads(call("status", "--json"))
    assert (told["books"], told["downloads"]["done"], told["library"]["used"]) == (1, 1, 7)
    assert told["library"]["counted_at"].startswith("2026-03-02T12:30")
    assert told["disk"]["free"] > 0
    assert told["jobs"][0]["id"] == "mam_scraping"
    assert told["jobs"][0]["last_run"] is None


@pytest.mark.parametrize("trouble", ["run", "download", "held", "parked", "full"])
def test_whatever_is_not_well_is_an_exit_code(call: Call, job: Job, trouble: str) -> None:
    if trouble == "run":
        make_execution(job, state=State.FAILED, finished_at=timezone.now())
    if trouble == "parked":
        Job.objects.update(parked_reason="CONTACT is not set.")
    if trouble in {"download", "held", "full"}:
        state = {"download": "failed", "held": "held", "full": "done"}[trouble]
        make_download(state)
        make_usage(2_000_000_000 if trouble == "full" else 0)
    told = call("status", code=1)
    assert ("cannot run: CONTACT is not set." in told) is (trouble == "parked")


def test_without_jobs_it_says_what_to_do(call: Call) -> None:
    assert "manage.py syncjobs" in call("status")


# run


def test_a_job_is_run(call: Call, job: Job) -> None:
    assert "mam_scraping: queued as run #" in call("run", "mam_scraping")
    assert json.loads(call("run", "mam_scraping", "--json"))["state"] == "queued"
    assert Execution.objects.filter(job=job).count() == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mam_scrapin"], "Did you mean mam_scraping?"),
        (["other"], "other is no job of the library. Those are: mam_scraping."),
        (["mam_scraping", "--timeout", "5 s"], "give both"),
        (["mam_scraping", "--wait", "--timeout", "x"], "no span of time"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(call: Call, job: Job, words: list[str], told: str) -> None:
    make_job(id="other")
    assert told in call("run", *words, code=2)
    assert not Execution.objects.exists()


def test_a_job_that_lacks_a_setting_is_refused(call: Call, job: Job) -> None:
    Job.objects.update(parked_reason="CONTACT is not set.")
    assert "CONTACT is not set." in call("run", "mam_scraping", code=2)


# download


def test_a_recording_is_asked_for(call: Call) -> None:
    editions = [make_edition(archive_id=f"tides_{number}", source_id=f"97{number}") for number in range(4)]
    for edition, words in zip(editions, (f"#{editions[0].pk}", "971", "tides_2", f"#{editions[3].pk}"), strict=True):
        assert "is queued" in call("download", words)
        assert Download.objects.get(edition=edition).why.startswith("Asked for by ")
    assert "was asked for before: queued" in call("download", "971")
    told = json.loads(call("download", "971", "--json"))
    assert (told["edition"], told["state"], told["is_new"]) == (editions[1].pk, "queued", False)


@pytest.mark.parametrize("words", ["x", "999", "#999", "#", "", "9" * 30, "٣"])
def test_what_is_no_recording_is_refused(call: Call, words: str) -> None:
    make_edition(source_id="", archive_id="", book=make_book("Tides"))
    assert "There is no recording" in call("download", words, code=2)


def test_those_that_may_have_been_meant_are_told(call: Call) -> None:
    edition = make_edition(make_book("The Tides of Salt"))
    assert f"#{edition.pk}  The Tides of Salt" in call("download", "tides", code=2)


def test_one_without_files_is_refused(call: Call) -> None:
    edition = make_edition(archive_id="")
    assert "no files" in call("download", f"#{edition.pk}", code=2)
    assert not Download.objects.exists()
    assert Edition.objects.count() == 1


# gaps


def test_gaps_are_listed(call: Call) -> None:
    assert "Nothing is missing" in call("gaps")
    series, author = make_series("Salt Coast"), make_author("Ada Marlow")
    make_gap(series, "2", title="Low Water")
    make_gap(author, "", "found", title="Letters")
    make_gap(series, "1", "owned", title="High Water")
    make_gap(series, "3", "ignored", title="Companion")
    told = call("gaps")
    for words in ("Salt Coast", "Low Water", "not in the catalogue", "Ada Marlow", "Letters", "2 works"):
        assert words in told
    assert "High Water" not in told
    assert "Companion" in call("gaps", "--state", "ignored")
    assert "The first 1" in call("gaps", "--limit", "1")
    rows = json.loads(call("gaps", "--json"))
    assert {(row["series"], row["author"], row["title"]) for row in rows} == {
        ("Salt Coast", None, "Low Water"),
        (None, "Ada Marlow", "Letters"),
    }
