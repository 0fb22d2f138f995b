"""manage.py audiowatch: what it does, what it prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.models import Worker
from scheduling.sync import sync
from tasks.classifieds import positions
from tasks.classifieds.models import Category, Listing
from tasks.demo.headfi import SLUGS, HeadFi
from tasks.demo.upstream import Upstream
from tasks.models import Status, TaskRecord

MANAGE = str(Path(__file__).parents[3] / "manage.py")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured")]


def audiowatch(*arguments: str) -> str:
    out = StringIO()
    call_command("audiowatch", *arguments, stdout=out)
    return out.getvalue()


def refusal_of(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        audiowatch(*arguments)
    return caught.value


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The scheduler is not really started; with what it would have been."""
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "tasks.classifieds.management.audiowatch.run.call_command",
        lambda name, **given: started.append({"name": name, "skip_initial": given["skip_initial"]}),
    )
    return started


def test_init_makes_the_categories_known_and_says_so() -> None:
    assert "10 categories, 10 of them new." in audiowatch("init")
    assert "10 categories, 0 of them new." in audiowatch("init")
    assert set(Category.objects.values_list("slug", flat=True)) == set(SLUGS)


def test_init_says_what_is_missing(settings: Any) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "CONTACT": ""}
    assert "set CONTACT" in audiowatch("init")
    assert json.loads(audiowatch("init", "--json")) == {"categories": 10, "new": 0, "missing": ["CONTACT"]}


def test_init_leaves_what_people_decided_and_takes_over_names() -> None:
    Category.objects.create(slug="dacs.8", name="Old name", is_watched=False)
    audiowatch("init")
    row = Category.objects.get(pk="dacs.8")
    assert (row.name, row.is_watched) == ("DACs", False)


def test_run_once_scans_and_tells(site: Upstream) -> None:
    told = audiowatch("run", "--once")
    assert "2 pages, 40 new, 0 changed, 1 unchanged" in told
    assert "0 matches" in told
    assert "1 page, as it was" in audiowatch("run", "--once")
    assert Listing.objects.count() == 40 * len(SLUGS)
    assert set(TaskRecord.objects.values_list("task_name", flat=True)) == {"audiowatch"}


def test_run_once_takes_a_number_of_pages_and_tells_as_json(site: Upstream) -> None:
    told = json.loads(audiowatch("run", "--once", "--max-pages", "1", "--json"))
    assert told["DACs"] == {"pages": 1, "new": 20, "changed": 0, "unchanged": 0}
    assert site.asked("/classifieds/") == len(SLUGS)


def test_run_once_that_fails_ends_with_1(headfi: HeadFi) -> None:
    headfi.is_challenging = True
    error = refusal_of("run", "--once")
    assert (error.returncode, "Nothing more is asked for" in str(error)) == (1, True)


def test_run_once_asks_even_after_a_strange_page_but_not_in_a_pause(headfi: HeadFi, site: Upstream) -> None:
    headfi.is_challenging = True
    refusal_of("run", "--once")
    headfi.is_challenging = False
    audiowatch("run", "--once")
    positions.leave_alone(timezone.now() + positions.RESUMABLE, "The site wants it.")
    asked = len(site.requests)
    assert "skipped" in audiowatch("run", "--once")
    assert len(site.requests) == asked


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--max-pages", "0"],
        ["run", "--max-pages", "many"],
        ["run", "--once", "--skip-initial"],
        ["run", "--once", "--no-headless"],
        ["scrape"],
    ],
)
def test_called_wrongly_it_does_nothing(arguments: list[str], site: Upstream) -> None:
    error = refusal_of(*arguments)
    assert "Error" in type(error).__name__
    assert site.requests == []


def test_without_a_contact_it_is_refused(settings: Any, turned: list[Any]) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "CONTACT": ""}
    for arguments in (["run", "--once"], ["run"]):
        error = refusal_of(*arguments)
        assert (error.returncode, "Set CONTACT" in str(error)) == (2, True)
    assert turned == []


def test_run_scans_and_then_turns_the_scheduler(turned: list[dict[str, Any]], settings: Any) -> None:
    settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, "POLL_INTERVAL_MINUTES": 7}
    told = audiowatch("run")
    assert told.startswith("Starting scheduled scraper (every 7 minutes)... Press Ctrl+C to stop")
    assert Listing.objects.count() == 400
    assert turned == [{"name": "runscheduler", "skip_initial": True}], "the site is not asked twice"


def test_run_with_skip_initial_scans_nothing_now(turned: list[dict[str, Any]], site: Upstream) -> None:
    assert "initial" not in audiowatch("run", "--skip-initial")
    assert site.requests == []
    assert turned == [{"name": "runscheduler", "skip_initial": True}]


def test_an_initial_scan_that_fails_keeps_nobody_from_the_scheduler(turned: list[Any], headfi: HeadFi) -> None:
    headfi.is_challenging = True
    assert "The initial scrape failed" in audiowatch("run")
    assert len(turned) == 1


def test_status_tells_how_things_stand() -> None:
    assert "not scheduled yet" in audiowatch("status")
    sync(timezone.now())
    audiowatch("run", "--once")
    told = audiowatch("status")
    assert "succeeded  2 pages, 40 new" in told
    as_json = json.loads(audiowatch("status", "--json"))
    assert as_json["listings"] == 400
    assert as_json["next_run"]
    (dacs,) = (each for each in as_json["categories"] if each["slug"] == "dacs.8")
    assert (dacs["last_scan"]["status"], dacs["listings"], dacs["watched"]) == ("succeeded", 40, True)


def test_status_tells_of_failures_and_pauses(headfi: HeadFi) -> None:
    headfi.is_challenging = True
    refusal_of("run", "--once")
    told = audiowatch("status")
    assert "It is no page of the classifieds" in told
    assert json.loads(audiowatch("status", "--json"))["left_alone_until"]
    assert TaskRecord.objects.filter(status=Status.FAILED).count() == 1


def test_as_a_process_it_runs_until_it_is_told_to_stop(database_url: str, configured: dict[str, Any]) -> None:
    names = ("CONTACT", "HEADFI_URL", "RATE_LIMIT_DELAY_SECONDS")
    environment = {**os.environ, **{name: str(configured[name]) for name in names}}
    command = [sys.executable, "-u", MANAGE, "audiowatch", "run", "--max-pages", "1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert "every 5 minutes" in next(lines)
        assert any("Next run" in line for line in lines)
        while not Worker.objects.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert "Stopped." in process.stdout.read()
        assert process.wait(20) == 0
    assert Listing.objects.count() == 200
