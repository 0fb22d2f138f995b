"""Cast and posters from TMDB: kept for long, and never at the cost of the history."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.demo.upstream import Upstream
from tasks.http import Deadline
from tasks.models import TaskRecord
from tasks.recording import record
from tasks.watch_history.conf import options
from tasks.watch_history.enrich import enrich
from tasks.watch_history.models import Play, Title, Watcher
from tasks.watch_history.tasks import update_user_history

type Run = Callable[..., Outcome]

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def posters(configured: dict[str, Any]) -> Path:
    return Path(configured["DATA_DIR"]) / "posters"


def test_titles_get_cast_genres_and_a_poster(run: Run, posters: Path) -> None:
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    title = Title.objects.exclude(poster_path="").first()
    assert title is not None
    assert len(title.cast) == 6
    assert title.runtime
    assert title.enriched_at
    assert all(file.read_bytes().startswith(PNG) for file in posters.iterdir())


def test_what_is_known_is_not_asked_for_again_before_its_time(run: Run, upstream: Upstream) -> None:
    run(update_user_history, user="ada")
    asked = upstream.asked("/3/")
    run(update_user_history, user="ada", force=True)
    assert upstream.asked("/3/") == asked
    Title.objects.update(enriched_at=timezone.now() - timedelta(days=31))
    run(update_user_history, user="ada", force=True)
    assert upstream.asked("/3/") == 2 * asked
    assert upstream.asked("/t/p/") < asked + 1, "pictures are fetched once"


@pytest.mark.parametrize("status", [503, 401])
def test_an_outage_or_a_bad_key_leaves_the_titles_for_later(run: Run, upstream: Upstream, status: int) -> None:
    upstream.fail("/3/", status, times=999)
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert Play.objects.count() == 330
    assert upstream.asked("/3/") <= 4
    assert "left for the next run" in TaskRecord.objects.get().log_output


def test_a_long_pause_asked_by_tmdb_leaves_the_titles_for_later(run: Run, upstream: Upstream) -> None:
    upstream.fail("/3/", 429, headers={"Retry-After": "9000"}, body=b'{"status_code": 25}')
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert "left for the next run" in TaskRecord.objects.get().log_output


def test_a_title_that_tmdb_does_not_know_is_not_asked_for_each_time(run: Run, upstream: Upstream) -> None:
    upstream.fail("/3/", 404)
    run(update_user_history, user="ada")
    assert not Title.objects.filter(enriched_at=None, tmdb_id__isnull=False).exists()


@pytest.mark.parametrize("body", [b"<svg onload='x'/>", b"<html>", b"", PNG + b"0" * 3_000_000])
def test_what_is_no_picture_is_not_kept(run: Run, upstream: Upstream, posters: Path, body: bytes) -> None:
    upstream.fail("/t/p/", 200, times=999, headers={"Content-Type": "image/png"}, body=body)
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert not posters.exists() or not list(posters.iterdir())
    assert TaskRecord.objects.get().items_failed > 0


def test_pictures_are_asked_for_without_the_token(run: Run, upstream: Upstream) -> None:
    run(update_user_history, user="ada")
    pictures = [request for request in upstream.requests if request.path.startswith("/t/p/")]
    assert pictures
    assert not any("authorization" in request.headers for request in pictures)


def test_the_deadline_in_the_middle_of_it_is_no_failure(
    run: Run, upstream: Upstream, settings: Any, configured: dict[str, Any]
) -> None:
    settings.WATCH_HISTORY = {**configured, "TMDB_API_TOKEN": ""}
    run(update_user_history, user="ada")
    settings.WATCH_HISTORY = configured
    upstream.slow("/3/", 0.3)
    with record(None, "ada", task_name="t") as entry:
        assert enrich(Watcher.objects.get(), options(), entry, Deadline(0.2), timezone.now()) == 0
    assert "left for the next run" in TaskRecord.objects.latest("id").log_output
