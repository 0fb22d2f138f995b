"""Puts posts and their figures into rows, so that doing it again in the same sync changes nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tasks.social.exceptions import Removed, TakenOver
from tasks.social.figures import Figures, Listed, Settled
from tasks.social.models import METRICS, Account, Post, Reading, Sync

FIGURES = (*METRICS, "engagement")
TOLD = ("kind", "text", "url", "published_at")  # what lists tell, under the same names


def hold(sync: Sync, account: int | None = None) -> Sync:
    """The row of the sync, and that of the account, which nobody changes or deletes before this transaction ends.

    Raises TakenOver if a later attempt goes on with it, Removed if one of them is no more.
    """
    row = Sync.objects.select_for_update().filter(pk=sync.pk).first()
    if row is None:
        raise Removed
    if row.execution != sync.execution:
        raise TakenOver
    if account is not None and not list(Account.objects.select_for_update().filter(pk=account).values_list("pk")):
        raise Removed
    return row


@transaction.atomic
def keep_posts(account: Account, posts: Sequence[Listed], now: datetime) -> dict[str, Post]:
    """The rows of these posts, by their ids on the platform; new ones are made, others changed if they have changed."""
    by_id = {post.post_id: post for post in posts}
    known = {row.platform_post_id: row for row in Post.objects.filter(account=account, platform_post_id__in=by_id)}
    changed = [row for post_id, row in known.items() if _take(row, by_id[post_id])]
    new = [
        Post(account=account, platform_post_id=post_id, seen_at=now, **{name: getattr(post, name) for name in TOLD})
        for post_id, post in by_id.items()
        if post_id not in known
    ]
    Post.objects.filter(pk__in=[row.pk for row in known.values()]).update(seen_at=now)
    _rewrite(changed, TOLD)
    Post.objects.bulk_create(new)
    return known | {row.platform_post_id: row for row in new}


@transaction.atomic
def keep_figures(rows: dict[str, Post], settled: Iterable[Settled], taken_at: datetime, now: datetime) -> int:
    """How many posts are there that figures came of: for them they count as not gone.

    A reading of each post of which something new is told; of the others only when they were last read.

    A post keeps the last value of each figure that was told: some are told in its first days only.
    """
    found = {post.post_id: figures for post, figures in settled if isinstance(figures, Figures)}
    locked = list(Post.objects.select_for_update().filter(pk__in=[rows[post_id].pk for post_id in found]))
    due = [row for row in locked if row.read_at is None or row.read_at < taken_at]
    news = [row for row in due if _take_figures(row, found[row.platform_post_id])]
    Reading.objects.bulk_create(_reading(row, found[row.platform_post_id], taken_at) for row in news)
    _rewrite(news, FIGURES)
    Post.objects.filter(pk__in=[row.pk for row in due]).update(read_at=now, gone_at=None)
    return len(locked)


def keep_gone(rows: Iterable[Post], now: datetime) -> None:
    """The platform says that these are not there."""
    Post.objects.filter(pk__in=[row.pk for row in rows], gone_at=None).update(gone_at=now)


def _rewrite(rows: list[Post], columns: Sequence[str]) -> None:
    """Columns of rows that are there, in one statement; bulk_update would take forty times as long to write it."""
    has_target = connection.features.supports_update_conflicts_with_target  # MariaDB finds the key by itself
    Post.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"] if has_target else None, update_fields=columns
    )


def _take(row: Post, post: Listed) -> bool:
    """Whether the platform tells something else than the row, which then says that too."""
    told: dict[str, Any] = {name: getattr(post, name) for name in TOLD}
    if all(getattr(row, name) == value for name, value in told.items()):
        return False
    for name, value in told.items():
        setattr(row, name, value)
    return True


def _take_figures(row: Post, figures: Figures) -> bool:
    """Whether some figure is another than the last one that was told; the row then has it."""
    told = {name: value for name in FIGURES if (value := getattr(figures, name)) is not None}
    changed = any(getattr(row, name) != value for name, value in told.items())
    for name, value in told.items():
        setattr(row, name, value)
    return changed


def _reading(row: Post, figures: Figures, taken_at: datetime) -> Reading:
    told = {name: getattr(figures, name) for name in FIGURES}
    return Reading(post=row, taken_at=taken_at, raw=dict(figures.raw), **told)
