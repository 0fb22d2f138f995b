"""Tokens of accounts: renewed in time, by one worker at a time, never twice, and never told."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.x import X
from tasks.exceptions import UpstreamError
from tasks.http import Deadline
from tasks.models import TaskRecord
from tasks.social.asking import Api
from tasks.social.conf import options
from tasks.social.exceptions import NeedsAuthorisation, NothingSynced
from tasks.social.models import Account, Failure, Platform, Standing, Sync
from tasks.social.platforms import connect
from tests.tasks.social.conftest import NOW, POSTS
from tests.tasks.social.factories import make_account, make_business

pytestmark = pytest.mark.django_db

type Connected = Callable[..., Account]
type Client = Callable[..., Api]
type Go = Callable[..., dict[str, Any]]

SIGN_IN = {
    "linkedin": "/oauth/v2/accessToken",
    "x": "/oauth2/token",
    "facebook": "/oauth/access_token",
    "instagram": "/refresh_access_token",
}
EARLY = {"linkedin": timedelta(days=1), "x": timedelta(minutes=4), "facebook": timedelta(days=9)}


def read(api: Api) -> int:
    return len(list(api.posts(100)))


@pytest.mark.parametrize("platform", Platform)
def test_a_token_near_its_end_is_renewed_and_stored_before_it_is_used(
    connected: Connected, client: Client, upstream: Upstream, clock: Clock, platform: Platform
) -> None:
    account = connected(platform)
    ends = NOW + EARLY.get(platform, timedelta(days=9))
    Account.objects.update(expires_at=ends)
    account.refresh_from_db()
    old = account.access_token
    assert read(client(account)) == POSTS
    assert SIGN_IN[platform] in upstream.requests[0].target
    stored = Account.objects.get()
    assert stored.access_token not in ("", old)
    assert stored.expires_at
    assert stored.expires_at > ends
    assert upstream.requests[-1].headers["authorization"] == f"Bearer {stored.access_token}"
    assert stored.renewing_until is None


@pytest.mark.parametrize("platform", [Platform.LINKEDIN, Platform.X])
def test_a_token_that_is_refused_is_renewed_once_and_the_request_repeated(
    connected: Connected, client: Client, linkedin: LinkedIn, x: X, upstream: Upstream, platform: Platform
) -> None:
    account = connected(platform, expires_at=None)
    {"linkedin": linkedin.grants, "x": x.grants}[platform].revoke(account.access_token)
    assert read(client(account)) == POSTS
    assert upstream.asked(SIGN_IN[platform]) == 1


def test_the_refresh_token_of_x_is_another_each_time(connected: Connected, client: Client, x: X, clock: Clock) -> None:
    account = connected(Platform.X)
    seen = {str(account.refresh_token)}
    for _ in range(3):
        clock.advance(timedelta(hours=2))
        assert read(client(Account.objects.get())) == POSTS
        seen.add(str(Account.objects.get().refresh_token))
    assert len(seen) == 4


def test_the_refresh_token_of_linkedin_keeps_its_end(
    connected: Connected, client: Client, linkedin: LinkedIn, clock: Clock
) -> None:
    connected(Platform.LINKEDIN)
    ends = []
    for _ in range(2):
        clock.advance(timedelta(days=59))
        read(client(Account.objects.get()))
        ends.append(Account.objects.get().refresh_expires_at)
    assert ends[0]
    assert ends[1]
    assert ends[1] - ends[0] < timedelta(seconds=5)


@pytest.mark.parametrize("secret", ["demo", ""])
def test_x_knows_our_app_by_its_secret_or_as_a_public_one(
    connected: Connected, client: Client, configured: Callable[..., None], x: X, upstream: Upstream, secret: str
) -> None:
    configured(X_CLIENT_SECRET=secret)
    x.is_public_client = not secret
    account = connected(Platform.X)
    Account.objects.update(expires_at=NOW)
    assert read(client(Account.objects.get(pk=account.pk))) == POSTS
    asked = upstream.requests[0]
    assert asked.headers.get("authorization", "").startswith("Basic ") == bool(secret)
    assert (b"client_id=demo" in asked.body) == (not secret)


@pytest.mark.parametrize("platform", Platform)
def test_a_dead_token_is_tried_once_and_then_never_again(
    connected: Connected, go: Go, upstream: Upstream, platform: Platform
) -> None:
    business = make_business()
    dead = connected(platform, business, access_token="dead", refresh_token="dead", expires_at=None)
    other = Platform.X if platform != Platform.X else Platform.FACEBOOK
    connected(other, business)
    assert go(business)["synced"] == POSTS, "the other account goes on"
    dead.refresh_from_db()
    assert dead.standing == Standing.NEEDS_AUTHORISATION
    assert "connect" in dead.problem or "expired" in dead.problem
    asked = len(upstream.requests)
    result = go(business, run=2)
    assert (result["synced"], result["failures"]) == (POSTS, 1)
    assert Failure.objects.filter(sync=Sync.objects.latest("id")).get().message == dead.problem
    assert len(upstream.requests) - asked == sum(
        "/x/" in r.path or "/meta/" in r.path for r in upstream.requests[asked:]
    )


@pytest.mark.parametrize("platform", [Platform.LINKEDIN, Platform.X])
def test_a_token_without_one_to_renew_it_is_used_until_its_end(
    connected: Connected, client: Client, upstream: Upstream, clock: Clock, platform: Platform
) -> None:
    account = connected(platform, refresh_token="", expires_at=NOW + timedelta(minutes=2))
    assert read(client(account)) == POSTS
    assert upstream.asked(SIGN_IN[platform]) == 0
    clock.advance(timedelta(minutes=2))
    with pytest.raises(NeedsAuthorisation, match="has ended"):
        read(client(Account.objects.get()))


def test_an_account_without_a_token_says_so(configured: Any, client: Client, upstream: Upstream) -> None:
    account = make_account(platform=Platform.X, access_token="")
    with pytest.raises(NeedsAuthorisation, match="no token"):
        read(client(account))
    assert upstream.requests == []


@pytest.mark.parametrize("platform", Platform)
def test_an_outage_of_the_sign_in_costs_nothing_while_the_token_is_good(
    connected: Connected, client: Client, upstream: Upstream, platform: Platform
) -> None:
    account = connected(platform)
    Account.objects.update(expires_at=NOW + timedelta(minutes=3))
    upstream.fail(SIGN_IN[platform], 503, times=99)
    assert read(client(Account.objects.get())) == POSTS
    stored = Account.objects.get()
    assert (stored.standing, stored.access_token, stored.renewing_until) == ("connected", account.access_token, None)


def test_a_wrong_secret_of_our_app_does_not_cost_the_token(
    connected: Connected, client: Client, configured: Callable[..., None], clock: Clock
) -> None:
    for platform in (Platform.LINKEDIN, Platform.X, Platform.FACEBOOK):
        account = connected(platform)
        Account.objects.filter(pk=account.pk).update(expires_at=NOW)
        configured(LINKEDIN_CLIENT_SECRET="wrong", X_CLIENT_SECRET="wrong", META_APP_SECRET="wrong")
        with pytest.raises(UpstreamError, match="does not accept our app"):
            read(client(Account.objects.get(pk=account.pk)))
        stored = Account.objects.get(pk=account.pk)
        assert (stored.standing, stored.refresh_token) == (Standing.CONNECTED, account.refresh_token)


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"access_token": 7}', b'{"access_token": "a\\nb"}', b'{"access_token": ""}']
)
def test_an_answer_without_a_token_changes_nothing(
    connected: Connected, client: Client, upstream: Upstream, body: bytes
) -> None:
    account = connected(Platform.X)
    Account.objects.update(expires_at=NOW)
    upstream.fail("/oauth2/token", 200, headers={"Content-Type": "application/json"}, body=body)
    with pytest.raises(UpstreamError, match="no token"):
        read(client(Account.objects.get()))
    assert Account.objects.get().refresh_token == account.refresh_token


@pytest.mark.parametrize("lasts", [None, "soon", 0, -5, 10**12, [1]])
def test_a_token_that_does_not_say_when_it_ends_has_no_end(
    connected: Connected, client: Client, upstream: Upstream, meta: Meta, lasts: Any
) -> None:
    connected(Platform.FACEBOOK)
    Account.objects.update(expires_at=NOW + timedelta(days=1))
    token = meta.grants.access()
    body = f'{{"access_token": "{token}", "expires_in": {lasts!r}}}'.replace("None", "null").replace("'", '"')
    upstream.fail("/oauth/access_token", 200, headers={"Content-Type": "application/json"}, body=body.encode())
    assert read(client(Account.objects.get())) == POSTS
    assert Account.objects.get().expires_at is None


def test_who_comes_second_waits_for_the_new_token_and_takes_it(
    connected: Connected, client: Client, x: X, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(Platform.X)
    Account.objects.update(expires_at=NOW, renewing_until=NOW + timedelta(minutes=1))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        """Meanwhile the other worker stores what it was given."""
        waits.append(seconds)
        if len(waits) == 3:
            ends = NOW + timedelta(hours=2)
            Account.objects.update(access_token=x.grants.access(), expires_at=ends, renewing_until=None)

    monkeypatch.setattr("tasks.social.tokens.time", SimpleNamespace(sleep=sleep))
    assert read(client(Account.objects.get())) == POSTS
    assert (len(waits), upstream.asked("/oauth2/token")) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_several_that_renew_at_once_use_the_refresh_token_once(
    connected: Connected, clock: Clock, upstream: Upstream
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("in memory, it refuses at once what a file lets wait")
    connected(Platform.X)
    Account.objects.update(expires_at=NOW)
    upstream.slow("/oauth2/token", 0.1)
    seen: list[int] = []

    def work() -> None:
        with closing(connect(Account.objects.get(), options(), Deadline(30), clock.now, lambda _: None)) as api:
            seen.append(read(api))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [POSTS] * 3
    assert upstream.asked("/oauth2/token") == 1


def test_a_worker_that_died_while_it_renewed_keeps_the_others_off_for_minutes_only(
    connected: Connected, client: Client, clock: Clock
) -> None:
    connected(Platform.X)
    Account.objects.update(expires_at=NOW, renewing_until=NOW + timedelta(minutes=2))
    clock.advance(timedelta(minutes=2))
    assert read(client(Account.objects.get())) == POSTS


def test_what_was_renewed_by_another_worker_is_taken(
    connected: Connected, client: Client, x: X, upstream: Upstream
) -> None:
    account = connected(Platform.X)
    Account.objects.update(access_token=x.grants.access(), expires_at=NOW + timedelta(hours=1))
    x.grants.revoke(account.access_token)
    assert read(client(account)) == POSTS
    assert upstream.asked("/oauth2/token") == 0


@pytest.mark.parametrize(
    ("platform", "columns", "told"),
    [
        (Platform.LINKEDIN, {"refresh_expires_at": NOW + timedelta(days=29)}, "by 2026-10-30"),
        (Platform.LINKEDIN, {"refresh_expires_at": NOW + timedelta(days=31)}, ""),
        (Platform.LINKEDIN, {"refresh_token": "", "expires_at": NOW + timedelta(days=6)}, "by 2026-10-07"),
        (Platform.X, {"refresh_token": "", "expires_at": NOW + timedelta(days=8)}, ""),
        (Platform.FACEBOOK, {"expires_at": NOW + timedelta(days=12)}, ""),
    ],
)
def test_people_are_warned_before_they_have_to_do_something(
    connected: Connected, go: Go, platform: Platform, columns: dict[str, Any], told: str
) -> None:
    account = connected(platform, **columns)
    go(account.business)
    account.refresh_from_db()
    assert account.standing == Standing.CONNECTED
    assert (told in account.problem) if told else account.problem == ""
    assert told in TaskRecord.objects.latest("id").log_output


@pytest.mark.parametrize("platform", Platform)
def test_no_token_is_in_a_record_a_log_or_an_error(
    connected: Connected,
    go: Go,
    upstream: Upstream,
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = connected(platform, access_token="aTellNobody1", refresh_token="rTellNobody2")
    Account.objects.update(expires_at=NOW + timedelta(minutes=3))
    body = b'{"error": {"message": "aTellNobody1 token=rTellNobody2", "code": 100}, "detail": "Bearer aTellNobody1"}'
    upstream.fail(SIGN_IN[platform], 503, times=4)
    upstream.fail("/", 400, times=99, body=body)
    with caplog.at_level(logging.DEBUG), pytest.raises(NothingSynced) as error:
        go(account.business)
    kept = [*Failure.objects.values_list("message", flat=True), *Account.objects.values_list("problem", flat=True)]
    kept += [*TaskRecord.objects.values_list("log_output", flat=True), *Sync.objects.values_list("error", flat=True)]
    sent_back = "aTellNobody1" in " ".join(kept)
    assert not sent_back
    told = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("httpcore"))
    assert "TellNobody" not in " ".join([*kept, told, repr(error.value)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM social_account")
        assert "TellNobody" not in str(cursor.fetchall())
