"""The doors through which scheduling comes in do what their jobs promise, under the source system's names."""

from collections.abc import Callable

import pytest

from scheduling.models import State
from scheduling.registry import declarations
from scheduling.snapshots import Outcome
from tasks.audiobooks import tasks
from tasks.audiobooks.models import Download, Edition, Genre, Rank
from tasks.demo.librivox import LibriVox
from tasks.demo.upstream import Clock
from tasks.models import TaskRecord

pytestmark = pytest.mark.usefixtures("configured")
GUIDE = {  # id, task, when: as the source system's guide has them
    "mam_scraping": ("mam_scraping_task", "0 2 * * *"),
    "top10_discovery": ("top10_discovery_task", "0 3 * * 0"),
    "metadata_full": ("metadata_full_refresh_task", "0 4 1 * *"),
    "metadata_new": ("metadata_new_books_task", "30 4 * * 0"),
    "series_completion": ("series_completion_task", "0 3 2 * *"),
    "author_completion": ("author_completion_task", "0 3 3 * *"),
    "cleanup_tasks": ("cleanup_old_tasks", "0 1 * * *"),
}


@pytest.fixture
def librivox(clock: Clock) -> LibriVox:
    return LibriVox(clock, listed=7)


@pytest.mark.parametrize("name", GUIDE)
def test_the_seven_jobs_of_the_guide_are_there(name: str) -> None:
    declared, (task, cron) = declarations()[name], GUIDE[name]
    assert declared.task == f"tasks.audiobooks.tasks.{task}"
    assert declared.schedule.cron == cron
    told = declared.options
    assert (told["coalesce"], told["max_instances"], told["misfire_grace_time"].total_seconds()) == (True, 1, 900)


@pytest.mark.parametrize("name", [name for name, (_, cron) in GUIDE.items() if not cron.endswith("* * *")])
def test_jobs_that_come_seldom_outlast_an_outage_of_a_day(name: str) -> None:
    told = declarations()[name].options
    waits = [told["backoff"] * 2**attempt for attempt in range(told["max_attempts"] - 1)]
    least = 0.75  # of each wait, which is spread
    assert sum(min(wait, told["backoff_max"]).total_seconds() for wait in waits) * least > 86_400


def test_the_cleanup_asks_nobody_and_needs_no_contact(configured: Callable[..., None]) -> None:
    configured(CONTACT="")
    assert {name for name in GUIDE if not declarations()[name].needs()} == {"cleanup_tasks"}


def test_the_jobs_fill_the_library_one_after_the_other(run: Callable[..., Outcome]) -> None:
    assert run(tasks.mam_scraping_task).state == State.SUCCEEDED
    assert Edition.objects.count() == 7
    genre = Genre.objects.first()
    assert genre
    Genre.objects.filter(pk=genre.pk).update(is_enabled=True)
    assert run(tasks.top10_discovery_task).state == State.SUCCEEDED
    assert Rank.objects.exists()
    Download.objects.exclude(pk=Download.objects.earliest("pk").pk).delete()
    assert run(tasks.download_audiobooks_task).state == State.SUCCEEDED
    assert Download.objects.get().state == "done"
    assert run(tasks.cleanup_old_tasks).state == State.SUCCEEDED
    assert not TaskRecord.objects.exclude(status="succeeded").exists()
