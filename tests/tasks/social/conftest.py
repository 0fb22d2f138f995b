"""Loopback platforms for the tests of social analytics, and accounts that are connected to them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scheduling.context import Context, StopSignal
from scheduling.snapshots import Snapshot
from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.x import X
from tasks.http import Deadline, Rate
from tasks.social.asking import Api
from tasks.social.conf import options
from tasks.social.models import Account, Business, Platform
from tasks.social.platforms import connect
from tasks.social.sync import sync_all, sync_one
from tasks.social.tasks import sync_all_businesses_job, sync_business_job
from tests.tasks.social.factories import make_account

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)  # when the clock of the platforms begins
POSTS = 12  # of each account

type Configured = Callable[..., None]


@pytest.fixture(autouse=True)
def no_waiting_for_platforms(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platforms may be asked as often as one likes."""
    for module in ("linkedin", "x", "meta", "sign_in"):
        monkeypatch.setattr(f"tasks.social.{module}.RATE", Rate(1e6, 1000))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def linkedin(clock: Clock) -> LinkedIn:
    service = LinkedIn(clock, POSTS)
    service.has_flaws = False
    return service


@pytest.fixture
def x(clock: Clock) -> X:
    service = X(clock, POSTS)
    service.has_flaws = False
    return service


@pytest.fixture
def meta(clock: Clock) -> Meta:
    service = Meta(clock, POSTS)
    service.has_flaws, service.has_reels, service.retired = False, False, {}
    return service


@pytest.fixture
def upstream(linkedin: LinkedIn, x: X, meta: Meta) -> Iterator[Upstream]:
    with Upstream(linkedin, x, meta) as upstream:
        yield upstream


@pytest.fixture
def configured(upstream: Upstream, settings: Any) -> Configured:
    """The settings of social analytics, with the loopback platforms behind them; call it to change some."""

    def change(**changes: Any) -> None:
        settings.SOCIAL = {**settings.SOCIAL, **changes}

    change(
        LINKEDIN_URL=f"{upstream.url}/linkedin/rest",
        LINKEDIN_AUTH_URL=f"{upstream.url}/linkedin/oauth/v2",
        X_URL=f"{upstream.url}/x/2",
        META_URL=f"{upstream.url}/meta",
        INSTAGRAM_URL=f"{upstream.url}/instagram",
        SOCIAL_SYNC_TIMEOUT=60,
        **{f"{app}_CLIENT_{half}": "demo" for app in ("LINKEDIN", "X") for half in ("ID", "SECRET")},
        **{"META_APP_ID": "demo", "META_APP_SECRET": "demo"},
    )
    return change


@pytest.fixture
def connected(configured: Configured, linkedin: LinkedIn, x: X, meta: Meta, db: None) -> Callable[..., Account]:
    """Makes an account whose tokens the platform accepts: `connected(Platform.X, business, column=value)`."""
    grants = {Platform.LINKEDIN: linkedin.grants, Platform.X: x.grants}

    def make(platform: Platform, business: Business | None = None, **columns: Any) -> Account:
        given = grants.get(platform, meta.grants)
        tokens = {"access_token": given.access(), "expires_at": given.clock.now() + given.life}
        if platform in grants:
            tokens["refresh_token"] = given.refresh()
        return make_account(business, platform, **{**tokens, **columns})

    return make


@pytest.fixture
def go(clock: Clock, db: None) -> Callable[..., dict[str, Any]]:
    """Sync one business, or all, as an attempt of run 1 does; the moment is the platforms' own."""

    def go(business: Business | None = None, *, run: int = 1, attempt: int = 1, tenant: str = "") -> dict[str, Any]:
        task = sync_business_job if business else sync_all_businesses_job
        snapshot = Snapshot(
            id=run * 100 + attempt,
            root=run * 100 + 1,
            fence=0,
            task=task.module_path,
            arguments={},
            worker="",
            attempt=attempt,
            tenant=tenant,
        )
        context = Context(task_result=cast(Any, SimpleNamespace(task=task)), snapshot=snapshot, stop=StopSignal())
        return sync_one(context, business.pk, clock.now) if business else sync_all(context, clock.now)

    return go


@pytest.fixture
def reported() -> list[str]:
    """What clients have said for the record."""
    return []


@pytest.fixture
def client(connected: Callable[..., Account], clock: Clock, reported: list[str]) -> Iterator[Callable[..., Api]]:
    """A client of a platform, or of an account that is there: `client(Platform.X)`."""
    opened: list[Api] = []

    def open_client(whose: Platform | Account) -> Api:
        account = whose if isinstance(whose, Account) else connected(whose)
        opened.append(connect(account, options(), Deadline(10), clock.now, reported.append))
        return opened[-1]

    yield open_client
    for api in opened:
        api.close()
