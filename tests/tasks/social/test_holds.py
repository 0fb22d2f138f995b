"""Limits of platforms: whom they hold back, and until when."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.demo.linkedin import LinkedIn
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.x import X
from tasks.models import TaskRecord
from tasks.social.connecting import Tokens
from tasks.social.models import Account, AppHold, Platform
from tests.tasks.social.conftest import NOW, POSTS
from tests.tasks.social.factories import make_business

pytestmark = pytest.mark.django_db

type Connected = Callable[..., Account]
type Go = Callable[..., dict[str, Any]]

HOUR = timedelta(hours=1)
JSON = {"Content-Type": "application/json"}


def test_a_limit_of_the_platform_holds_back_all_its_accounts(
    connected: Connected, go: Go, linkedin: LinkedIn, upstream: Upstream, clock: Clock
) -> None:
    accounts = [connected(Platform.LINKEDIN, make_business()) for _ in range(3)]
    connected(Platform.X, accounts[0].business)
    linkedin.requests_per_day = 0
    assert go()["failures"] == 1
    assert AppHold.objects.get().until == NOW.replace(hour=0) + timedelta(days=1)
    assert "limit is reached until 2026-10-02 00:00 UTC" in TaskRecord.objects.latest("id").log_output
    upstream.requests.clear()
    go(run=2)
    assert upstream.asked("/linkedin/rest") == 0
    linkedin.requests_per_day = 100
    clock.advance(timedelta(hours=12))
    assert go(run=3)["synced"] == 4 * (POSTS + 1)


def test_a_limit_that_ends_soon_is_worth_another_attempt(connected: Connected, go: Go, x: X, clock: Clock) -> None:
    account = connected(Platform.X)
    x.reads_per_period = 0
    with pytest.raises(RetryLater) as asked:
        go(account.business)
    assert timedelta(minutes=14) < asked.value.delay <= timedelta(minutes=15)
    x.reads_per_period = 100
    clock.advance(asked.value.delay)
    assert go(account.business, attempt=2)["synced"] == POSTS


def test_a_pause_that_the_platform_asks_for_holds_the_account_only(
    connected: Connected, go: Go, upstream: Upstream
) -> None:
    business = connected(Platform.X).business
    second = connected(Platform.X, business)
    upstream.fail("/x/2/tweets", 503, headers={"Retry-After": "7200"})
    assert go(business)["failures"] == 1
    held = Account.objects.get(held_until__isnull=False)
    assert held.pk != second.pk
    assert held.held_until
    assert held.held_until - NOW == pytest.approx(2 * HOUR, abs=timedelta(minutes=1))


def test_a_limit_of_our_app_at_meta_holds_back_both_of_its_platforms(
    connected: Connected, go: Go, upstream: Upstream
) -> None:
    business = make_business()
    for platform in (Platform.FACEBOOK, Platform.INSTAGRAM, Platform.X):
        connected(platform, business)
    error = {"error": {"message": "(#4) Application request limit reached", "code": 4}}
    upstream.fail("published_posts", 400, headers=JSON, body=json.dumps(error).encode())
    assert go(business)["synced"] == POSTS
    assert upstream.asked("/instagram/") == 0
    hold = AppHold.objects.get()
    assert hold.app == "meta"
    assert hold.until - NOW == pytest.approx(HOUR, abs=timedelta(minutes=1))


def test_a_token_that_is_entered_anew_lifts_the_hold_of_its_account_alone(connected: Connected) -> None:
    AppHold.objects.create(app="x", until=NOW + HOUR)
    account = connected(Platform.X, held_until=NOW + HOUR)
    account.save(update_fields=Tokens(access="another").put(account))
    assert Account.objects.get().held_until is None
    assert AppHold.objects.get().until == NOW + HOUR


def test_a_limit_that_another_sync_meets_meanwhile_still_holds(
    connected: Connected, go: Go, upstream: Upstream, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connected(Platform.LINKEDIN, held_until=NOW - HOUR)

    def beat(*_: Any) -> bool:
        Account.objects.filter(synced_at=None).update(held_until=NOW + HOUR)
        AppHold.objects.update_or_create(app="linkedin", defaults={"until": NOW + HOUR})
        return True

    monkeypatch.setattr("tasks.social.reading.keep_gone", beat)
    assert go(account.business)["synced"] == POSTS
    assert Account.objects.get().held_until == AppHold.objects.get().until == NOW + HOUR
    assert go(account.business, run=2)["synced"] == 0
