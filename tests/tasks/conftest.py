"""A loopback Trakt and TMDB for the tests of tasks, and a way to run a task as a worker does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from django.tasks.base import Task

from scheduling.context import StopSignal
from scheduling.perform import perform
from scheduling.snapshots import Outcome, Snapshot
from tasks.demo.tmdb import Tmdb
from tasks.demo.trakt import Trakt
from tasks.demo.upstream import Clock, Upstream
from tasks.http import Rate
from tests.factories import make_execution

ATTEMPTS = 4  # as many as tasks.http makes


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries follow each other at once, and the services may be asked as often as one likes."""
    for vendor in ("trakt", "sign_in", "tmdb"):
        monkeypatch.setattr(f"tasks.watch_history.{vendor}.RATE", Rate(1e6, 1000))
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def trakt() -> Trakt:
    return Trakt(Clock())


@pytest.fixture
def upstream(trakt: Trakt) -> Iterator[Upstream]:
    with Upstream(trakt, Tmdb()) as upstream:
        yield upstream


@pytest.fixture
def configured(upstream: Upstream, settings: Any, tmp_path: Path) -> dict[str, Any]:
    """The settings of the watch history, with the loopback services behind them; a test may change them."""
    settings.WATCH_HISTORY = {
        **settings.WATCH_HISTORY,
        "TRAKT_CLIENT_ID": "demo",
        "TRAKT_CLIENT_SECRET": "demo",
        "TMDB_API_TOKEN": "demo",
        "PRIMARY_USER": "ada",
        "ADDITIONAL_USERS": ["grace", "linus"],
        "TRAKT_API_URL": upstream.url,
        "TRAKT_AUTH_URL": upstream.url,
        "TMDB_API_URL": f"{upstream.url}/3",
        "TMDB_IMAGE_URL": f"{upstream.url}/t/p",
        "DATA_DIR": tmp_path / "data",
        "TRAKT_TOKEN_FILE": tmp_path / "trakt.json",
    }
    return dict(settings.WATCH_HISTORY)


@pytest.fixture
def run(transactional_db: None) -> Callable[..., Outcome]:
    """Run a task as a worker does: `run(task, name=value)`."""

    def run(task: "Task[Any, Any]", stop: StopSignal | None = None, **arguments: Any) -> Outcome:
        execution = make_execution(task=task.module_path)
        snapshot = Snapshot(id=execution.pk, fence=0, task=task.module_path, arguments=arguments, worker="", attempt=1)
        return perform(snapshot, stop or StopSignal())

    return run
