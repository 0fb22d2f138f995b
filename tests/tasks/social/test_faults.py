"""Every platform goes wrong in every way: what fails once is asked again, what fails for ever ends the account only."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.upstream import Upstream
from tasks.demo.x import X
from tasks.exceptions import DeadlineReached
from tasks.social.exceptions import NothingSynced
from tasks.social.models import Account, Failure, Platform, Post
from tests.tasks.social.conftest import POSTS
from tests.tasks.social.factories import make_business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
JSON = {"Content-Type": "application/json"}
LISTS = {"linkedin": "/posts?", "x": "/users/", "facebook": "published_posts", "instagram": "/media?"}
FIGURES = {"linkedin": "ShareStatistics", "x": "/x/2/tweets?", "facebook": "/meta/?", "instagram": "/instagram/?"}
FAULTS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "529": {"status": 529},
    "html": {"status": 200, "headers": {"Content-Type": "text/html"}, "body": b"<h1>Maintenance</h1>"},
    "204": {"status": 204},
    "a list": {"status": 200, "headers": JSON, "body": b"[]"},
    "no json": {"status": 200, "headers": JSON, "body": b'{"data": [{"id": "1'},
    "nan": {"status": 200, "headers": JSON, "body": b'{"data": NaN}'},
}

type Connected = Callable[..., Account]
type Go = Callable[..., dict[str, Any]]


@pytest.fixture(params=Platform)
def account(request: pytest.FixtureRequest, connected: Connected) -> Account:
    return connected(request.param, expires_at=None)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_list_that_fails_once_is_asked_for_again(
    account: Account, go: Go, upstream: Upstream, fault: dict[str, Any]
) -> None:
    upstream.fail(LISTS[account.platform], **fault)
    assert go(account.business)["synced"] == POSTS


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_costs_no_other(
    account: Account, go: Go, linkedin: LinkedIn, x: X, meta: Meta, number: float
) -> None:
    for service in (linkedin, x, meta):
        service.more = {"oddCount": number, "nested": {"odd": [number]}}
    assert go(account.business) == {"synced": POSTS, "total": POSTS, "failures": 0}
    assert Post.objects.filter(impressions__gt=0).count() == POSTS


@pytest.mark.parametrize("fault", ["503", "html", "204", "no json"])
def test_figures_that_fail_once_are_asked_for_again(account: Account, go: Go, upstream: Upstream, fault: str) -> None:
    upstream.fail(FIGURES[account.platform], **FAULTS[fault])
    assert go(account.business)["synced"] == POSTS


def test_what_breaks_off_is_asked_for_again(account: Account, go: Go, upstream: Upstream) -> None:
    upstream.truncate(LISTS[account.platform], 40)
    upstream.drop(FIGURES[account.platform])
    assert go(account.business)["synced"] == POSTS


@pytest.mark.parametrize("place", [LISTS, FIGURES], ids=["list", "figures"])
def test_an_outage_that_lasts_is_told(account: Account, go: Go, upstream: Upstream, place: dict[str, str]) -> None:
    upstream.fail(place[account.platform], 503, times=99)
    with pytest.raises(NothingSynced, match="503"):
        go(account.business)
    assert upstream.asked(place[account.platform]) == 4
    assert Failure.objects.get().account == account


def test_an_error_with_200_is_no_success(account: Account, go: Go, upstream: Upstream) -> None:
    upstream.fail(LISTS[account.platform], 200, headers=JSON, body=b'{"error": "oops", "errors": [7]}', times=99)
    with pytest.raises(NothingSynced):
        go(account.business)


def test_the_deadline_ends_the_sync(
    connected: Connected, go: Go, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = make_business()
    for platform in Platform:
        connected(platform, business, expires_at=None)
    monkeypatch.setattr("tasks.social.sync.ONE_BUSINESS", 0.3)
    upstream.slow("/x/2/users", 0.5)
    with pytest.raises(DeadlineReached):
        go(business)
    assert Post.objects.filter(account__platform=Platform.LINKEDIN).exclude(read_at=None).count() == POSTS
    assert not Failure.objects.exists()
    monkeypatch.setattr("tasks.social.sync.ONE_BUSINESS", 60)
    assert go(business, attempt=2) == {"synced": 48, "total": 48, "failures": 0}
    assert upstream.asked("/posts?") == 1


@pytest.mark.parametrize("platform", [Platform.LINKEDIN, Platform.X])
def test_a_post_for_which_a_whole_request_is_refused_costs_no_other(
    connected: Connected, go: Go, linkedin: LinkedIn, x: X, platform: Platform
) -> None:
    account = connected(platform)
    go(account.business)
    bad = set(Post.objects.values_list("platform_post_id", flat=True)[3:5])
    linkedin.bad = x.bad = bad
    assert go(account.business, run=2) == {"synced": POSTS - 2, "total": POSTS, "failures": 2}
    assert set(Failure.objects.values_list("platform_post_id", flat=True)) == bad


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("platform", [Platform.LINKEDIN, Platform.X])
def test_a_request_that_is_refused_for_every_post_is_given_up(
    connected: Connected, go: Go, upstream: Upstream, linkedin: LinkedIn, x: X, platform: Platform, status: int
) -> None:
    account = connected(platform)
    linkedin._first = x._first = 100
    upstream.fail(FIGURES[platform], status, times=999)
    with pytest.raises(NothingSynced):
        go(account.business)
    assert upstream.asked(FIGURES[platform]) < 40
    assert Failure.objects.filter(platform_post_id="").count() == 1
