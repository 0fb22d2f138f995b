"""Businesses with accounts, posts and readings, as people enter them and syncs leave them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tasks.social.models import METRICS, Account, Business, Platform, Post, Reading, Sync, SyncState

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)

_numbers = count(1)


def make_business(name: str = "", **columns: Any) -> Business:
    return Business.objects.create(name=name or f"Business {next(_numbers)}", **columns)


def make_account(business: Business | None = None, platform: str = Platform.X, **columns: Any) -> Account:
    """An account with a token that has no end; its id on the platform is made up."""
    number = next(_numbers)
    external = f"urn:li:organization:{number}" if platform == Platform.LINKEDIN else str(number)
    plain: dict[str, Any] = {"external_id": external, "name": f"account {number}", "access_token": f"token {number}"}
    return Account.objects.create(business=business or make_business(), platform=platform, **{**plain, **columns})


def make_post(account: Account | None = None, **columns: Any) -> Post:
    """A post of the day before NOON, whose figures were read at NOON."""
    number = next(_numbers)
    plain: dict[str, Any] = {
        "platform_post_id": str(2**53 + number),
        "text": f"Post {number}",
        "published_at": NOON - timedelta(days=1),
        "seen_at": NOON,
        "read_at": NOON,
    }
    return Post.objects.create(account=account or make_account(), **{**plain, **columns})


def make_reading(post: Post, taken_at: datetime = NOON, **columns: Any) -> Reading:
    """A reading with the figures of the post, or with others that are named; the post gets those that it lacks."""
    figures = {name: getattr(post, name) for name in (*METRICS, "engagement")}
    lacking = {name: value for name, value in columns.items() if figures.get(name, value) is None}
    for name, value in lacking.items():
        setattr(post, name, value)
    post.save(update_fields=lacking)
    return Reading.objects.create(post=post, taken_at=taken_at, **{**figures, **columns})


def make_sync(business: Business, started_at: datetime = NOON, **columns: Any) -> Sync:
    """A sync that came to its end in half a minute."""
    plain: dict[str, Any] = {
        "run": f"rota-{next(_numbers)}",
        "state": SyncState.DONE,
        "finished_at": started_at + timedelta(seconds=30),
    }
    return Sync.objects.create(business=business, started_at=started_at, **{**plain, **columns})
