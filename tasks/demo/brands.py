"""The businesses of the demo, connected to its platforms, with figures of the last days to draw lines from."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tasks.demo import linkedin, meta, x
from tasks.demo.audience import Interest, Published, feed, interest
from tasks.demo.grants import Grants
from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.x import X
from tasks.social.models import Account, Business, Platform, Post, Reading

BRANDS = ("Larkspur Coffee", "Harbour Concerts")
DAYS = 14
POSTS = 40  # of each account


def leave_businesses(linkedin: LinkedIn, x: X, meta: Meta) -> None:
    """Two of them with an account on each platform."""
    grants = {Platform.LINKEDIN: linkedin.grants, Platform.X: x.grants}
    number, now = 4100, linkedin.clock.now()
    for name in BRANDS:
        business = Business.objects.create(name=name)
        for platform in Platform:
            number += 1
            account = _account(business, platform, number, grants.get(platform, meta.grants))
            _leave_history(account, str(number), now)


def _account(business: Business, platform: Platform, number: int, grants: Grants) -> Account:
    is_linkedin = platform == Platform.LINKEDIN
    return Account.objects.create(
        business=business,
        platform=platform,
        external_id=f"urn:li:organization:{number}" if is_linkedin else str(number),
        name=business.name,
        access_token=grants.access(),
        refresh_token=grants.refresh() if platform in (Platform.LINKEDIN, Platform.X) else "",
        expires_at=grants.clock.now() + grants.life,
    )


def _leave_history(account: Account, number: str, now: datetime) -> None:
    """A reading of each post on each of the last days, as syncs would have left them."""
    find = _ways(number)[Platform(account.platform)]
    posts = [post for post in feed(POSTS, now, now) if post.published_at < now - timedelta(days=1)]
    rows = Post.objects.bulk_create(
        Post(
            account=account,
            platform_post_id=find(post),
            text=post.text,
            published_at=post.published_at,
            seen_at=now - timedelta(days=1),
        )
        for post in posts
    )
    Reading.objects.bulk_create(
        Reading(post=row, taken_at=moment, **_told(account, interest(_audience(account), post, moment)))
        for row, post in zip(rows, posts, strict=True)
        for moment in _days(post, now)
    )


def _ways(number: str) -> dict[Platform, Callable[[Published], str]]:
    """How each platform calls a post."""
    return {
        Platform.LINKEDIN: linkedin.urn_of,
        Platform.X: lambda post: x.id_of(number, post),
        Platform.FACEBOOK: lambda post: meta.id_of(number, post),
        Platform.INSTAGRAM: lambda post: meta.id_of(number, post, is_instagram=True),
    }


def _days(post: Published, now: datetime) -> Iterator[datetime]:
    moments = (now - timedelta(days=day) for day in range(DAYS, 0, -1))
    return (moment for moment in moments if moment > post.published_at)


def _audience(account: Account) -> str:
    """By what name the platform's audience of that account is known."""
    named = {Platform.LINKEDIN: "", Platform.X: "x "}.get(Platform(account.platform), "meta ")
    return f"{named}{account.external_id}"


def _told(account: Account, found: Interest) -> dict[str, Any]:
    """The figures that the platform tells, and no others."""
    told: dict[str, Any] = {
        "impressions": found.seen,
        "likes": found.likes,
        "comments": found.comments,
        "shares": found.shares,
        "engagement": found.interactions / found.seen if found.seen else None,
    }
    more: dict[str, Any] = {"reach": found.people, "clicks": found.clicks, "saves": found.saves}
    hidden = {"linkedin": ["saves"], "x": ["reach"], "facebook": ["saves"], "instagram": ["clicks"]}[account.platform]
    return told | {name: value for name, value in more.items() if name not in hidden}
