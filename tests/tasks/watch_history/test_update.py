"""The update of a user's history, as a worker runs it, against the loopback Trakt and TMDB."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from scheduling.context import StopSignal
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.demo.trakt import Trakt
from tasks.demo.upstream import Upstream
from tasks.models import Status, TaskRecord
from tasks.watch_history.models import Play, Title, Watcher
from tasks.watch_history.tasks import update_user_history, update_watch_history

PLAYS = 330  # of each user, one of them twice
JSON = {"Content-Type": "application/json"}

type Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def without_tmdb(configured: dict[str, Any], settings: Any) -> None:
    settings.WATCH_HISTORY = {**configured, "TMDB_API_TOKEN": ""}


@pytest.fixture
def data(configured: dict[str, Any]) -> Path:
    return Path(configured["DATA_DIR"])


def result() -> dict[str, Any]:
    """What the last record tells."""
    return dict(TaskRecord.objects.latest("id").result or {})


def ids_of(user: str) -> list[int]:
    return list(Play.objects.filter(watcher=user).values_list("history_id", flat=True))


def test_everyone_is_updated_with_one_record_each(run: Run, trakt: Trakt, data: Path) -> None:
    trakt.biggest_page = 120
    outcome = run(update_watch_history)
    assert outcome.state == State.SUCCEEDED, outcome
    rows = list(TaskRecord.objects.order_by("id"))
    assert [(row.label, row.status) for row in rows] == [(user, Status.SUCCEEDED) for user in ("ada", "grace", "linus")]
    assert [(row.items_processed, row.items_failed, row.progress) for row in rows] == [(PLAYS + 1, 0, 1)] * 3
    assert result() == {"new": PLAYS, "changed": 0, "removed": 0, "rated": 0, "enriched": 0}
    assert Play.objects.count() == 3 * PLAYS
    assert sorted(path.name for path in data.iterdir()) == [
        *("trakt_history.json", "trakt_history_grace.json", "trakt_history_linus.json"),
        *("trakt_raw.json", "trakt_raw_grace.json", "trakt_raw_linus.json"),
    ]


def test_the_file_has_the_form_that_its_readers_know(run: Run, data: Path) -> None:
    run(update_user_history, user="ada")
    told = json.loads((data / "trakt_history.json").read_text())
    assert told["count"] == len(told["items"]) == PLAYS
    assert {"generated_at", "generation_time"} < told.keys()
    moments = [item["watched_at"] for item in told["items"]]
    assert moments == sorted(moments, reverse=True)
    episode = next(item for item in told["items"] if item["type"] == "episode")
    assert episode.keys() >= {"title", "year", "rating", "runtime", "genres", "cast", "poster", "show"}
    assert episode["show"]["title"]
    raw = json.loads((data / "trakt_raw.json").read_text())["items"]
    assert all(item["x_shelf"] for item in raw)
    assert raw[0]["id"] > 2**53


def test_a_second_update_doubles_nothing(run: Run) -> None:
    for _ in range(2):
        run(update_user_history, user="ada", force=True)
    assert len(ids_of("ada")) == PLAYS
    assert result()["new"] == 0


def test_after_a_crash_between_pages_the_next_update_completes_it(run: Run, trakt: Trakt, upstream: Upstream) -> None:
    trakt.biggest_page = 100
    upstream.fail("page=3", 403)
    assert run(update_user_history, user="ada").state == State.FAILED
    assert len(ids_of("ada")) == 199, "the two pages before the crash are kept; one play came twice"
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert len(set(ids_of("ada"))) == len(ids_of("ada")) == PLAYS


def test_a_bad_item_is_counted_and_spoils_no_other(run: Run, trakt: Trakt) -> None:
    trakt.extra = [{"id": 1, "type": "movie", "watched_at": None, "movie": {"title": "Broken"}}]
    assert run(update_user_history, user="grace").state == State.SUCCEEDED
    row = TaskRecord.objects.get()
    assert (row.items_failed, len(ids_of("grace"))) == (1, PLAYS)
    assert "Broken: InvalidItem" in row.log_output


def test_one_users_failure_stops_no_other_and_fails_the_run(run: Run, upstream: Upstream) -> None:
    upstream.fail("/users/ada/history", 423)
    outcome = run(update_watch_history)
    assert outcome.state == State.FAILED
    assert "ada: UpstreamError: Trakt has locked" in outcome.error_message
    statuses = TaskRecord.objects.order_by("id").values_list("label", "status")
    assert list(statuses) == [("ada", "failed"), ("grace", "succeeded"), ("linus", "succeeded")]


def test_a_long_pause_asked_for_one_user_postpones_the_next_try(run: Run, upstream: Upstream) -> None:
    upstream.fail("/users/grace/history", 429, headers={"Retry-After": "7200"})
    outcome = run(update_watch_history)
    assert (outcome.state, outcome.retry_in) == (State.FAILED, 7200)
    assert len(ids_of("linus")) == PLAYS


def test_data_that_is_young_is_not_fetched_again_unless_forced(run: Run, upstream: Upstream) -> None:
    run(update_user_history, user="grace")
    asked = upstream.asked("/users/grace")
    run(update_user_history, user="grace")
    assert upstream.asked("/users/grace") == asked
    row = TaskRecord.objects.latest("id")
    assert row.result == {"skipped": True}
    assert "Skipped" in row.log_output
    run(update_user_history, user="grace", force=True)
    assert upstream.asked("/users/grace") > asked


def test_the_primary_user_is_always_asked_for(run: Run, upstream: Upstream) -> None:
    for _ in range(2):
        run(update_user_history, user="ada")
    assert upstream.asked("/users/ada/ratings") == 2


def test_activities_spare_a_full_fetch(run: Run, trakt: Trakt, upstream: Upstream, configured: dict[str, Any]) -> None:
    configured["TRAKT_TOKEN_FILE"].write_text(json.dumps(trakt.token()))
    run(update_user_history, user="ada")
    asked = upstream.asked("/users/ada/history")
    run(update_user_history, user="ada")
    assert upstream.asked("/users/ada/history") == asked
    trakt.clock.advance(timedelta(minutes=4))
    run(update_user_history, user="ada")
    assert upstream.asked("/users/ada/history") > asked
    assert len(ids_of("ada")) > PLAYS, "new plays have arrived meanwhile"


def test_what_was_not_understood_is_fetched_again(run: Run, trakt: Trakt, configured: dict[str, Any]) -> None:
    configured["TRAKT_TOKEN_FILE"].write_text(json.dumps(trakt.token()))
    run(update_user_history, user="ada")
    late = {**Play.objects.earliest("watched_at").raw, "id": 5}
    trakt.extra = [{**late, "movie": None, "show": None}]
    run(update_user_history, user="ada", force=True)
    assert 5 not in ids_of("ada")
    trakt.extra = [late]
    run(update_user_history, user="ada")
    assert 5 in ids_of("ada")


def test_ratings_are_joined_for_the_primary_user_only(run: Run) -> None:
    run(update_watch_history)
    assert Play.objects.filter(watcher="ada", rating__isnull=False).exists()
    assert not Play.objects.filter(watcher="grace", rating__isnull=False).exists()


def test_a_play_removed_at_trakt_is_removed_here(run: Run, trakt: Trakt) -> None:
    run(update_user_history, user="ada")
    trakt.removed = set(ids_of("ada")[:3])
    run(update_user_history, user="ada", force=True)
    assert not trakt.removed & set(ids_of("ada"))
    assert result()["removed"] == 3


def test_an_empty_or_partial_answer_removes_nothing(run: Run, upstream: Upstream) -> None:
    run(update_user_history, user="ada")
    empty = {**JSON, "X-Pagination-Limit": "250", "X-Pagination-Item-Count": "0"}
    upstream.fail("/users/ada/history", 200, headers=empty, body=b"[]")
    assert run(update_user_history, user="ada", force=True).state == State.SUCCEEDED
    upstream.fail("/users/ada/history", 200, headers={**empty, "X-Pagination-Item-Count": "200"}, body=b"[]")
    assert run(update_user_history, user="ada", force=True).state == State.SUCCEEDED
    assert len(ids_of("ada")) == PLAYS


def test_an_answer_without_paging_fails_the_user(run: Run, upstream: Upstream) -> None:
    upstream.fail("/users/ada/history", 200, headers=JSON, body=b"[]")
    outcome = run(update_user_history, user="ada")
    assert "how many pages" in outcome.error_message


def test_a_truncated_page_is_asked_for_again(run: Run, upstream: Upstream) -> None:
    upstream.truncate("/users/ada/history", 5000)
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert len(ids_of("ada")) == PLAYS


def test_an_outage_fails_the_user_and_keeps_his_data(run: Run, upstream: Upstream, data: Path) -> None:
    run(update_user_history, user="ada")
    before = (data / "trakt_history.json").read_bytes()
    upstream.fail("/users/ada/history", 503, times=99)
    outcome = run(update_user_history, user="ada", force=True)
    assert (outcome.state, "503" in outcome.error_message) == (State.FAILED, True)
    assert (data / "trakt_history.json").read_bytes() == before
    assert TaskRecord.objects.latest("id").status == Status.FAILED


def test_the_deadline_of_a_user_ends_his_update(run: Run, upstream: Upstream, settings: Any) -> None:
    settings.WATCH_HISTORY = {**settings.WATCH_HISTORY, "USER_TIMEOUT": 0.15}
    upstream.slow("/users/ada/history", 0.3, times=9)
    outcome = run(update_user_history, user="ada")
    assert (outcome.state, outcome.error_class) == (State.FAILED, "tasks.exceptions.DeadlineReached")


def test_a_cancelled_run_leaves_a_cancelled_record(run: Run, upstream: Upstream) -> None:
    stop = StopSignal()
    answer = upstream.answer

    def cancel(request: Any) -> Any:
        stop.event.set()
        return answer(request)

    upstream.answer = cancel  # type: ignore[method-assign]
    assert run(update_user_history, stop=stop, user="ada").state == State.CANCELLED
    assert TaskRecord.objects.get().status == Status.CANCELLED


@pytest.mark.parametrize("missing", ["PRIMARY_USER", "TRAKT_CLIENT_ID"])
def test_a_setting_that_is_missing_is_named(run: Run, settings: Any, missing: str) -> None:
    settings.WATCH_HISTORY = {**settings.WATCH_HISTORY, missing: ""}
    outcome = run(update_watch_history)
    assert outcome.state == State.FAILED
    assert f"Set {missing}" in outcome.error_message


@pytest.mark.parametrize("user", ["eve", "../../etc/x", "a\0b", "x" * 300, "", "ada/../grace"])
def test_only_configured_users_are_fetched(run: Run, upstream: Upstream, user: str, data: Path) -> None:
    assert run(update_user_history, user=user).state == State.FAILED
    assert upstream.requests == []
    assert not data.exists()


def test_the_headers_that_trakt_wants_are_in_every_request(run: Run, upstream: Upstream) -> None:
    run(update_user_history, user="ada")
    names = {"content-type", "user-agent", "trakt-api-key", "trakt-api-version"}
    assert all(names <= request.headers.keys() for request in upstream.requests)


def test_titles_are_shared_between_users(run: Run) -> None:
    run(update_watch_history)
    assert Title.objects.count() < 40
    assert Watcher.objects.filter(synced_at__isnull=False).count() == 3
    assert connection.vendor  # the constraints held on this database
