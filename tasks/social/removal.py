"""A business or an account removed with all that is kept of it, which can be millions of readings."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from django.db.models import QuerySet

from scheduling import store
from scheduling.models import OPEN, Execution
from tasks.social.models import Account, Business, Failure, Post, Reading, Sync
from tasks.social.schedule import UsedOtherwise, take

AT_ONCE = 500  # posts
SAID = "Its business was deleted."


def remove_business(business: Business, *, by: str, now: datetime) -> None:
    """With its schedule; what runs for it is told to stop."""
    with suppress(UsedOtherwise):  # then the job is of others, and stays
        take(business, by=by, now=now, reason=SAID)
    for run in Execution.objects.filter(tenant=business.tenant, state__in=OPEN).defer("traceback"):
        store.cancel(run, by=by, now=now, reason=SAID)
    for account in business.accounts.without_tokens():
        remove_account(account)
    business.syncs.all().delete()
    business.delete()


def remove_account(account: Account) -> None:
    for posts in _batches(Post.objects.filter(account=account.pk)):
        Reading.objects.filter(post__in=posts).delete()
        Post.objects.filter(pk__in=posts).delete()
    Failure.objects.filter(account=account.pk).delete()
    Account.objects.filter(pk=account.pk).delete()


def what_goes(accounts: QuerySet[Account], businesses: QuerySet[Business] | None = None) -> dict[str, int]:
    """How many rows of each kind would go with these."""
    posts = Post.objects.filter(account__in=accounts.values("pk"))
    counts = {
        "accounts": accounts.count(),
        "posts": posts.count(),
        "readings": Reading.objects.filter(post__in=posts.order_by().values("pk")).count(),
    }
    if businesses is None:
        return counts
    syncs = Sync.objects.filter(business__in=businesses.order_by().values("pk"))
    return {"businesses": businesses.count(), **counts, "syncs": syncs.count()}


def _batches(posts: QuerySet[Post]) -> Iterator[list[int]]:
    """The first so many, again and again, while they are being deleted."""
    while batch := list(posts.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        yield batch
