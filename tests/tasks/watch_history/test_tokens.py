"""The token of the primary user: renewed in time, by one process at a time, never twice."""

import json
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.demo.trakt import Trakt
from tasks.demo.upstream import Upstream
from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.watch_history import trakt as client
from tasks.watch_history.conf import options
from tasks.watch_history.login import login
from tasks.watch_history.tasks import update_user_history
from tasks.watch_history.tokens import NeedsAuthorisation, Token, TokenFile

pytestmark = pytest.mark.sqlite_only  # what is decided here stands in a file

type Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def file(configured: dict[str, Any]) -> TokenFile:
    return TokenFile(Path(configured["TRAKT_TOKEN_FILE"]))


def begun(token: dict[str, Any], before: timedelta) -> dict[str, Any]:
    """`token`, as if it had been given that long ago."""
    return {**token, "created_at": token["created_at"] - before.total_seconds()}


def stored(file: TokenFile) -> Token:
    token = file.token()
    assert token is not None
    return token


def test_a_token_that_trakt_refuses_is_renewed_once(
    run: Run, file: TokenFile, trakt: Trakt, upstream: Upstream
) -> None:
    old = file.store(trakt.token())
    trakt.revoke(old.access)
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert upstream.asked("/oauth/token") == 1
    assert stored(file).refresh != old.refresh
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_token_near_its_end_is_renewed_before_it_is_used(
    run: Run, file: TokenFile, trakt: Trakt, upstream: Upstream
) -> None:
    file.store(begun(trakt.token(), timedelta(days=7)))
    assert run(update_user_history, user="ada").state == State.SUCCEEDED
    assert upstream.requests[0].path == "/oauth/token"


def test_a_dead_refresh_token_is_tried_once_and_then_never_again(
    run: Run, file: TokenFile, trakt: Trakt, upstream: Upstream
) -> None:
    old = file.store(trakt.token())
    trakt.revoke(old.access)
    trakt.revoke(old.refresh)
    for _ in range(2):
        outcome = run(update_user_history, user="ada")
        assert outcome.state == State.FAILED
        assert "trakt_login" in outcome.error_message
    assert upstream.asked("/oauth/token") == 1


def test_a_wrong_client_secret_does_not_cost_the_token(run: Run, file: TokenFile, trakt: Trakt, settings: Any) -> None:
    old = file.store(trakt.token())
    trakt.revoke(old.access)
    settings.WATCH_HISTORY = {**settings.WATCH_HISTORY, "TRAKT_CLIENT_SECRET": "wrong"}
    assert run(update_user_history, user="ada").state == State.FAILED
    assert stored(file) == old


def test_an_outage_of_the_sign_in_does_not_cost_the_token(
    run: Run, file: TokenFile, trakt: Trakt, upstream: Upstream
) -> None:
    old = file.store(trakt.token())
    trakt.revoke(old.access)
    upstream.fail("/oauth/token", 503)
    assert run(update_user_history, user="ada").state == State.FAILED
    assert stored(file) == old


@pytest.mark.django_db(transaction=True)
def test_two_that_renew_at_once_use_the_refresh_token_once(file: TokenFile, trakt: Trakt, upstream: Upstream) -> None:
    old = file.store(trakt.token())
    trakt.revoke(old.access)
    upstream.slow("/oauth/token", 0.05)
    seen: list[dict[str, Any]] = []

    def read() -> None:
        with closing(client.Trakt(options(), Deadline(10))) as reader:
            seen.append(reader.activities())
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2
    assert upstream.asked("/oauth/token") == 1


def test_a_private_profile_without_a_token_says_what_to_do(run: Run, trakt: Trakt) -> None:
    trakt.private.add("ada")
    outcome = run(update_user_history, user="ada")
    assert "trakt_login" in outcome.error_message


@pytest.mark.parametrize(
    ("status", "told"), [(403, "TRAKT_CLIENT_ID"), (404, "no such user"), (423, "locked"), (426, "VIP")]
)
def test_each_refusal_of_trakt_is_explained(run: Run, upstream: Upstream, status: int, told: str) -> None:
    upstream.fail("/users/ada", status)
    assert told in run(update_user_history, user="ada").error_message


@pytest.mark.parametrize("content", ["", "{", "[]", '{"access_token": "a"}', '{"created_at": "x"}', "\xff"])
def test_a_token_file_that_cannot_be_read_asks_for_a_login(file: TokenFile, content: str) -> None:
    file.path.write_text(content, encoding="latin-1")
    with pytest.raises(NeedsAuthorisation):
        file.token()


def test_a_link_in_place_of_the_token_file_is_not_followed(file: TokenFile, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    file.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        file.token()


def test_no_token_is_in_a_record_or_an_error(run: Run, file: TokenFile, trakt: Trakt, upstream: Upstream) -> None:
    token = file.store(trakt.token())
    body = json.dumps({"error": f"{token.access} {token.refresh}"}).encode()
    upstream.fail("/sync/last_activities", 400, headers={"Content-Type": "application/json"}, body=body)
    outcome = run(update_user_history, user="ada")
    assert outcome.state == State.FAILED
    assert token.access not in f"{outcome.error_message}{outcome.traceback}"


@pytest.mark.django_db
def test_a_device_login_stores_a_token_once_the_owner_agrees(file: TokenFile, upstream: Upstream) -> None:
    shown: list[str] = []
    waits: list[float] = []
    upstream.fail("/oauth/device/token", 429)
    login(options(), lambda url, code: shown.extend((url, code)), waits.append)
    assert shown[1] == "D3M0C0DE"
    assert waits == [5, 10, 10, 10]
    assert stored(file).expires_at > datetime.now(UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "told"), [(404, "code"), (409, "used"), (410, "in time"), (418, "said no")])
def test_a_device_login_that_cannot_succeed_ends(file: TokenFile, upstream: Upstream, status: int, told: str) -> None:
    upstream.fail("/oauth/device/token", status)
    with pytest.raises(AbortRun, match=told):
        login(options(), lambda *_: None, lambda _: None)
    assert not file.path.exists()


@pytest.mark.django_db
def test_a_code_that_nobody_types_runs_out(upstream: Upstream, file: TokenFile) -> None:
    code = {"device_code": "d", "user_code": "u", "verification_url": "x", "interval": 5, "expires_in": 30}
    headers = {"Content-Type": "application/json"}
    upstream.fail("/oauth/device/code", 200, headers=headers, body=json.dumps(code).encode())
    upstream.fail("/oauth/device/token", 400, times=99)
    waits: list[float] = []
    with pytest.raises(AbortRun, match="in time"):
        login(options(), lambda *_: None, waits.append)
    assert sum(waits) == 30
