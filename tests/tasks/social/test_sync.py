"""The sync of businesses against the loopback platforms: what comes into the rows, and what it tells of itself."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import connection

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.upstream import Clock, Upstream
from tasks.exceptions import AbortRun
from tasks.models import Status, TaskRecord
from tasks.social.exceptions import NothingSynced
from tasks.social.models import Account, Business, Failure, Platform, Post, Reading, Standing, Sync, SyncState
from tasks.social.tasks import sync_all_businesses_job, sync_business_job
from tests.tasks.social.conftest import NOW, POSTS
from tests.tasks.social.factories import make_account, make_business, make_sync

pytestmark = pytest.mark.django_db

type Connected = Callable[..., Account]
type Go = Callable[..., dict[str, Any]]

HOUR = timedelta(hours=1)
PER_ACCOUNT = re.compile(r"tweets\?max|/posts\?|published_posts|/media\?")


@pytest.fixture
def business(connected: Connected) -> Business:
    """With an account on each platform."""
    business = make_business("Larkspur")
    for platform in Platform:
        connected(platform, business)
    return business


def latest_record() -> TaskRecord:
    return TaskRecord.objects.latest("id")


def lists_asked(upstream: Upstream) -> int:
    return sum(bool(PER_ACCOUNT.search(request.target)) for request in upstream.requests)


def test_the_posts_of_all_accounts_come_with_their_figures(business: Business, go: Go) -> None:
    assert go(business) == {"synced": 4 * POSTS, "total": 4 * POSTS, "failures": 0}
    assert Reading.objects.count() == Post.objects.count() == 4 * POSTS
    for platform in Platform:
        posts = Post.objects.filter(account__platform=platform)
        assert posts.filter(impressions__gt=0, likes__gt=0, engagement__gt=0, read_at__gte=NOW).count() == POSTS
    sync = Sync.objects.get()
    assert (sync.state, sync.posts_synced, sync.posts_total, sync.failures) == (SyncState.DONE, 48, 48, 0)
    assert set(Reading.objects.values_list("taken_at", flat=True)) == {sync.started_at}
    assert not Account.objects.filter(synced_at=None).exists()


def test_a_program_calls_the_sync_of_all_without_a_run(business: Business) -> None:
    result = cast(Any, sync_all_businesses_job)()
    assert (result["synced"], result["failures"]) == (4 * POSTS, 0)
    records = TaskRecord.objects.filter(execution=None, status=Status.SUCCEEDED)
    assert set(records.values_list("label", flat=True)) == {"", business.name}
    assert Sync.objects.get().execution is None


def test_what_a_platform_does_not_tell_is_nothing_and_not_zero(business: Business, go: Go) -> None:
    go(business)
    assert not Post.objects.filter(account__platform=Platform.X).exclude(reach=None).exists()
    assert not Post.objects.filter(account__platform=Platform.LINKEDIN).exclude(saves=None).exists()
    assert not Post.objects.filter(account__platform=Platform.FACEBOOK).exclude(video_views=None).exists()


def test_only_news_become_a_reading(business: Business, go: Go, clock: Clock) -> None:
    go(business)
    readings = Reading.objects.count()
    go(business, run=2)
    told = Post.objects.latest("read_at")
    assert Reading.objects.count() == readings, "nothing has happened since"
    clock.advance(timedelta(days=1))
    go(business, run=3)
    assert Reading.objects.count() > readings
    assert Post.objects.latest("read_at").read_at > told.read_at  # type: ignore[operator]
    assert Post.objects.count() == 4 * (POSTS + 1), "one was written meanwhile"


def test_a_figure_that_is_no_longer_told_stays_as_it_was(connected: Connected, go: Go, clock: Clock) -> None:
    account = connected(Platform.X)
    go(account.business)
    young = Post.objects.filter(clicks__gt=0).last()
    assert young
    clock.advance(timedelta(days=31))
    go(account.business, run=2)
    latest = Reading.objects.filter(post=young).latest("taken_at")
    assert latest.clicks is None
    assert (latest.impressions or 0) > (young.impressions or 0)
    young.refresh_from_db()
    assert young.clicks


def test_no_more_than_so_many_posts_of_an_account_are_read(
    business: Business, go: Go, configured: Callable[..., None]
) -> None:
    configured(POSTS_PER_PLATFORM=7)
    assert go(business)["total"] == 28


def test_accounts_of_one_platform_and_business_share_what_may_be_read(
    business: Business, connected: Connected, go: Go, configured: Callable[..., None]
) -> None:
    configured(POSTS_PER_PLATFORM=7)
    connected(Platform.X, business)
    connected(Platform.X)
    assert go()["total"] == 3 * 7 + 2 * 3 + 7


def test_all_businesses_are_synced_in_turn_and_told_in_the_words_of_the_guide(
    business: Business, connected: Connected, run: Callable[..., Outcome]
) -> None:
    other = make_business("Another")
    connected(Platform.X, other)
    off: tuple[dict[str, Any], ...] = ({"is_active": False}, {"in_hourly_sync": False})
    for columns in off:
        connected(Platform.X, make_business(**columns))
    outcome = run(sync_all_businesses_job)
    assert (outcome.state, outcome.result["businesses"], outcome.result["total"]) == (State.SUCCEEDED, 2, 60)
    logs = dict(TaskRecord.objects.values_list("label", "log_output"))
    assert "Starting scheduled analytics sync for all businesses" in logs[""]
    told = r"Scheduled analytics sync complete: 60/60 posts synced, 0 failures in \d+\.\d\ds$"
    assert re.search(told, logs[""])
    assert f"Business {business.pk} sync complete: 48/48 posts synced" in logs["Larkspur"]
    assert f"Business {other.pk} sync complete: 12/12 posts synced" in logs["Another"]


def test_a_business_is_synced_by_its_number(business: Business, run: Callable[..., Outcome]) -> None:
    outcome = run(sync_business_job, business_id=business.pk)
    assert (outcome.state, outcome.result["synced"]) == (State.SUCCEEDED, 48)
    record = latest_record()
    assert (record.label, record.status, record.items_succeeded, record.progress) == ("Larkspur", "succeeded", 48, 1.0)


def test_a_business_that_there_is_not_is_told(db: None, go: Go) -> None:
    with pytest.raises(AbortRun, match="no business 4711"):
        go(Business(pk=4711))


def test_a_run_of_one_tenant_reaches_no_other(business: Business, go: Go) -> None:
    with pytest.raises(AbortRun, match="There is no business"):
        go(business, tenant="business-0")
    with pytest.raises(AbortRun, match="no single one"):
        go(tenant=business.tenant)
    assert go(business, tenant=business.tenant)["synced"] == 48


def test_a_second_sync_of_a_business_says_so_and_ends_well(business: Business, go: Go, clock: Clock) -> None:
    assert business.claim("rota-7", HOUR, clock.now())
    assert go(business) == {"synced": 0, "total": 0, "failures": 0, "skipped": "Another sync of it goes on."}
    assert latest_record().status == Status.SUCCEEDED
    assert "Skipped: Another sync" in latest_record().log_output
    business.refresh_from_db()
    assert business.claimed_by == "rota-7"
    clock.advance(HOUR)
    assert go(business)["synced"] == 48, "the other one was silent for too long"
    business.refresh_from_db()
    assert (business.claimed_by, business.claimed_until) == ("", None)


def test_a_business_that_is_not_active_is_left_alone(business: Business, go: Go, upstream: Upstream) -> None:
    business.is_active = False
    business.save()
    assert go(business)["skipped"] == "It is not active."
    assert upstream.requests == []


def test_one_bad_post_stops_no_other(connected: Connected, go: Go, meta: Meta) -> None:
    account = connected(Platform.FACEBOOK)
    bad = f"{account.external_id}_4711"
    meta.extra = [{"id": bad}, "nonsense", {"id": None}, None, {"id": "a b"}]
    assert go(account.business) == {"synced": POSTS, "total": POSTS + 1, "failures": 1}
    failure = Failure.objects.get()
    assert (failure.platform_post_id, failure.code) == (bad, "100")
    assert "does not exist" in failure.message
    assert Post.objects.get(platform_post_id=bad).gone_at is not None
    record = latest_record()
    assert (record.status, record.items_failed, record.items_succeeded) == (Status.SUCCEEDED, 1, POSTS)


@pytest.mark.parametrize("platform", Platform)
def test_a_platform_that_is_away_stops_no_other(
    business: Business, go: Go, upstream: Upstream, platform: Platform
) -> None:
    prefix = {"facebook": "/meta"}.get(platform, f"/{platform}")
    upstream.fail(f"{prefix}/", 503, times=99)
    assert go(business) == {"synced": 36, "total": 36, "failures": 1}
    failure = Failure.objects.get()
    assert (failure.account.platform, failure.platform_post_id) == (platform, "")
    assert "503" in failure.message
    assert Account.objects.get(platform=platform).problem == failure.message
    assert Sync.objects.get().state == SyncState.DONE


def test_an_outage_that_is_over_leaves_no_problem(business: Business, go: Go, upstream: Upstream) -> None:
    upstream.fail("/x/", 503, times=4)
    go(business)
    go(business, run=2)
    assert not Account.objects.exclude(problem="").exists()


def test_a_run_fails_only_if_nothing_could_be_read_at_all(
    connected: Connected, go: Go, upstream: Upstream, run: Callable[..., Outcome]
) -> None:
    account = connected(Platform.X)
    upstream.fail("/x/", 503, times=99)
    with pytest.raises(NothingSynced, match="503"):
        go(account.business)
    sync = Sync.objects.get()
    assert (sync.state, sync.failures) == (SyncState.FAILED, 1)
    assert "503" in sync.error
    with pytest.raises(NothingSynced):
        go(run=2)
    connected(Platform.FACEBOOK, make_business())
    assert go(run=3)["synced"] == POSTS


def test_a_run_that_has_read_some_posts_was_not_in_vain(connected: Connected, go: Go, upstream: Upstream) -> None:
    account = connected(Platform.LINKEDIN)
    upstream.fail("ugcPosts=", 503, times=99)
    result = go(account.business)
    assert 0 < result["synced"] < result["total"] == POSTS
    assert Sync.objects.get().state == SyncState.DONE
    assert "503" in Failure.objects.get(platform_post_id="").message


def test_without_any_account_a_run_ends_well(db: None, configured: Any, go: Go) -> None:
    assert go()["businesses"] == 0
    assert go(make_business(), run=2) == {"synced": 0, "total": 0, "failures": 0}


def test_an_attempt_after_one_in_vain_begins_anew(connected: Connected, go: Go, upstream: Upstream) -> None:
    account = connected(Platform.X)
    upstream.fail("/x/", 503, times=4)
    with pytest.raises(NothingSynced):
        go(account.business)
    assert go(account.business, attempt=2)["synced"] == POSTS
    sync = Sync.objects.get()
    assert (sync.state, sync.posts_total, sync.failures, sync.error) == (SyncState.DONE, POSTS, 0, "")
    assert not Failure.objects.exists()


def test_an_attempt_goes_on_with_the_accounts_and_posts_that_are_not_done(
    business: Business, go: Go, upstream: Upstream, clock: Clock, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the second of three batches of the third account."""
    monkeypatch.setattr("tasks.social.reading.BATCH", 5)
    batches = iter(range(99))

    def beat(*_: Any) -> bool:
        if Account.objects.get(platform=Platform.X).synced_at and next(batches) == 2:
            raise KeyboardInterrupt
        return True

    with monkeypatch.context() as patched:
        patched.setattr(Business, "renew", beat)
        with pytest.raises(KeyboardInterrupt):
            go(business)
    sync = Sync.objects.get()
    assert (sync.state, sync.error) == (SyncState.FAILED, "It was interrupted.")
    assert (len(sync.done_accounts), sync.posts_total) == (2, 2 * POSTS)
    read = Post.objects.exclude(read_at=None).count()
    assert read == 2 * POSTS + 10
    clock.advance(timedelta(minutes=3))
    upstream.requests.clear()
    assert go(business, attempt=2) == {"synced": 48, "total": 48, "failures": 0}
    assert lists_asked(upstream) == 2
    asked = [request for request in upstream.requests if request.path == "/meta/"]
    assert len(asked) == 1, "two posts were left"
    assert Reading.objects.count() == 48
    sync.refresh_from_db()
    assert (sync.state, sync.posts_total, sync.posts_synced) == (SyncState.DONE, 48, 48)
    assert sync.execution == 102
    assert TaskRecord.objects.filter(status=Status.FAILED).count() == 0


def test_an_attempt_leaves_out_the_businesses_that_are_done(
    business: Business, connected: Connected, go: Go, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(Platform.X, make_business("Second"))

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tasks.social.x.X.posts", lambda *_: broken() if lists_asked(upstream) > 2 else iter(()))
        with pytest.raises(KeyboardInterrupt):
            go()
    upstream.requests.clear()
    assert go(attempt=2)["total"] == 3 * POSTS + POSTS
    assert lists_asked(upstream) == 1


def test_an_error_of_our_own_with_one_account_stops_no_other(
    business: Business, connected: Connected, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connected(Platform.X, make_business("Second"))
    monkeypatch.setattr("tasks.social.linkedin.parse_post", lambda _: 1 / 0)
    result = go()
    assert (result["synced"], result["failures"]) == (4 * POSTS, 1)
    assert Post.objects.filter(account=account).count() == POSTS
    assert Failure.objects.get().message == "ZeroDivisionError: division by zero"
    assert dict(Sync.objects.values_list("business", "state")) == {business.pk: "done", account.business_id: "done"}
    with pytest.raises(NothingSynced, match="ZeroDivisionError"):
        go(connected(Platform.LINKEDIN).business, run=2)


def test_a_sync_that_was_killed_and_never_came_back_counts_as_failed(business: Business, go: Go) -> None:
    lost = make_sync(business, state=SyncState.RUNNING, finished_at=None)
    go(business)
    lost.refresh_from_db()
    assert (lost.state, lost.error) == (SyncState.FAILED, "It was interrupted.")


def test_what_is_not_permitted_is_told_and_tried_again(connected: Connected, go: Go, linkedin: LinkedIn) -> None:
    account = connected(Platform.LINKEDIN)
    linkedin.forbidden = {account.external_id}
    assert go(account.business) == {"synced": 0, "total": 0, "failures": 1}, "another attempt would not help"
    assert "does not permit" in Sync.objects.get(state=SyncState.FAILED).error
    account.refresh_from_db()
    assert account.standing == Standing.FORBIDDEN
    linkedin.forbidden.clear()
    go(account.business, run=2)
    account.refresh_from_db()
    assert (account.standing, account.problem) == (Standing.CONNECTED, "")


def test_an_id_that_cannot_be_one_is_told(configured: Any, go: Go, db: None) -> None:
    business = make_business()
    for platform in Platform:
        make_account(business, platform, external_id="someone/else?x=1")
    go(business)
    assert Failure.objects.filter(message__contains="someone/else").count() == 4


def test_a_token_that_was_sealed_by_another_key_stops_no_other(business: Business, go: Go, db: None) -> None:
    table = Account._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET access_token = 'torn' WHERE platform = 'x'")  # noqa: S608
    assert go(business) == {"synced": 36, "total": 36, "failures": 1}
    assert "SECRET_KEY" in Failure.objects.get().message


def test_posts_are_kept_as_the_platform_has_them(connected: Connected, go: Go, meta: Meta) -> None:
    account = connected(Platform.INSTAGRAM)
    meta.more = {"profile_visits": 7}
    go(account.business)
    reading = Reading.objects.first()
    assert reading
    assert reading.raw["profile_visits"] == 7
    assert latest_record().log_output.count("profile_visits") == 1
    assert Post.objects.filter(text__contains="hiring & growing").exists()
