"""One account in one sync: its latest posts are listed, their figures read in batches, each batch kept at once.

An attempt that goes on after a death leaves out the posts that were read since the sync began.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from scheduling.exceptions import RetryLater
from scheduling.redact import plain
from tasks.exceptions import DeadlineReached, InvalidItem, TaskError, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry, attempt
from tasks.sealed import CannotUnseal
from tasks.social.asking import Api, chunks
from tasks.social.conf import Options
from tasks.social.exceptions import Held, NeedsAuthorisation, NotPermitted, Refused, Removed, TakenOver
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.hidden import hidden
from tasks.social.keep import hold, keep_figures, keep_gone, keep_posts
from tasks.social.models import Account, AppHold, Failure, Post, Standing, Sync, app_of
from tasks.social.platforms import connect
from tasks.social.tokens import Clock, Tokens

logger = logging.getLogger(__name__)

BATCH = 100  # posts kept in one transaction
LONGEST = 500  # characters of what went wrong
FOR_PEOPLE = (NeedsAuthorisation, NotPermitted, InvalidItem, CannotUnseal)  # another attempt would not help

type Beat = Callable[[], None]  # called between two pieces of work: keeps the claim. Raises TakenOver, Removed


@dataclass(slots=True)
class Counts:
    total: int = 0  # posts
    synced: int = 0
    failures: int = 0  # posts, and accounts

    def add(self, other: "Counts") -> None:
        self.total += other.total
        self.synced += other.synced
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class Tools:
    """What the sync of each account needs."""

    sync: Sync
    entry: Entry
    options: Options
    deadline: Deadline
    clock: Clock
    beat: Beat
    reported: set[str]  # names of figures that we have no word for, each told once

    @property
    def moment(self) -> datetime:
        """Of all readings of this sync."""
        return self.sync.started_at


@dataclass(frozen=True, slots=True)
class Problem:
    """What ended the reading of an account early."""

    message: str  # without any secret
    code: str = ""
    until: datetime | None = None  # for a limit of the platform: when it ends
    is_for_people: bool = False  # it stays until they do something


def read_account(account_id: int, tools: Tools, to_come: int) -> tuple[Counts, Problem | None]:
    """How many posts were read, and what ended it early; that is kept in the account, and as a failure of the sync.

    `to_come`: about how many posts the accounts after this one have. Raises DeadlineReached, TakenOver.
    """
    counts, ends = Counts(), list[tuple[Exception, Problem]]()

    def tell(error: Exception) -> None:
        if isinstance(error, DeadlineReached | TakenOver):
            raise error
        ends.append((error, _problem(error, tools.clock())))

    Failure.objects.filter(sync=tools.sync, account=account_id).delete()
    with attempt(tell):
        account = Account.objects.get(pk=account_id)
        with hidden(account.access_token, account.refresh_token), attempt(tell):
            _read(account, tools, counts, to_come)
    return _ended(account_id, *ends[0], tools, counts) if ends else (counts, None)


def _ended(
    account_id: int, error: Exception, problem: Problem, tools: Tools, counts: Counts
) -> tuple[Counts, Problem | None]:
    """Of an account that is no more nothing is told, for all that was read is gone with it."""
    try:
        account = _stand(account_id, error, problem, tools)
    except Removed:
        tools.entry.log(f"Account {account_id}: it was removed meanwhile.")
        return Counts(), None
    counts.failures += 1
    with tools.entry.item(str(account)):
        raise TaskError(problem.message)
    return counts, problem


def _read(account: Account, tools: Tools, counts: Counts, to_come: int) -> None:
    if account.standing == Standing.NEEDS_AUTHORISATION:
        raise NeedsAuthorisation(account.problem or "It has to be connected again.")
    with closing(_connected(account, tools)) as api:
        limit = _limit(account, tools.options)
        listed = list({post.post_id: post for post in islice(api.posts(limit), limit)}.values())
        with transaction.atomic():
            hold(tools.sync, account.pk)
            rows = keep_posts(account, listed, tools.clock())
        due = [post for post in listed if _is_due(rows[post.post_id], tools.moment)]
        counts.total, counts.synced = len(listed), len(listed) - len(due)
        tools.entry.expect(len(due) + to_come)
        for batch in chunks(due, BATCH):
            _read_batch(account, api, batch, rows, tools, counts)
            tools.beat()
    _well(account, tools)


def _limit(account: Account, configured: Options) -> int:
    """How many posts: accounts of one platform and business share what is allowed."""
    sharing = Account.objects.filter(business=account.business_id, platform=account.platform, is_active=True).count()
    return max(configured.posts_per_platform // max(sharing, 1), 1)


def _connected(account: Account, tools: Tools) -> Api:
    return connect(account, tools.options, tools.deadline, tools.clock, tools.entry.log)


def _is_due(row: Post, moment: datetime) -> bool:
    return row.read_at is None or row.read_at < moment


def _read_batch(
    account: Account, api: Api, batch: Sequence[Listed], rows: dict[str, Post], tools: Tools, counts: Counts
) -> None:
    """What was read is kept, even if the platform then says that it is enough."""
    settled: list[Settled] = []
    try:
        for each in api.figures(batch):
            settled.append(each)
            tools.entry.check()
    finally:
        _keep(account, settled, rows, tools, counts)
        for post, found in settled:
            with tools.entry.item(f"{account} {post.post_id}"):
                _check(found, tools)


@transaction.atomic
def _keep(account: Account, settled: Sequence[Settled], rows: dict[str, Post], tools: Tools, counts: Counts) -> None:
    """All of it or nothing, and counted then."""
    now = tools.clock()
    hold(tools.sync, account.pk)
    troubles = [(post, found) for post, found in settled if isinstance(found, Trouble)]
    read = keep_figures(rows, settled, tools.moment, now)
    keep_gone((rows[post.post_id] for post, found in troubles if found.is_gone), now)
    Failure.objects.bulk_create(
        Failure(
            sync=tools.sync,
            account=account,
            platform_post_id=post.post_id,
            code=plain(found.code)[:100],
            message=plain(found.message)[:LONGEST],
            at=now,
        )
        for post, found in troubles
    )
    counts.synced += read
    counts.failures += len(troubles)


def _check(found: Figures | Trouble, tools: Tools) -> None:
    """Raise Refused for a post without figures; tell once of each figure that we have no word for."""
    if isinstance(found, Trouble):
        raise Refused(found.message, code=found.code)
    for name in sorted(found.unknown - tools.reported):
        tools.reported.add(name)
        tools.entry.log(f"A figure that we have no word for is kept as it comes: {name}")


def _well(account: Account, tools: Tools) -> None:
    """All that could be read was read. A limit that another sync has met meanwhile still holds. Raises Removed."""
    warning = Tokens(account, tools.options, tools.deadline, tools.clock).warning()
    if warning:
        tools.entry.log(f"{account}: {warning}")
    rows = Account.objects.filter(pk=account.pk)
    rows.filter(held_until=account.held_until).update(held_until=None)
    if not rows.update(standing=Standing.CONNECTED, problem=warning, synced_at=tools.clock()):
        raise Removed


def _problem(error: Exception, now: datetime) -> Problem:
    """What people are told of it, without secrets. A mistake of our own is logged, too."""
    message = str(error) or type(error).__name__
    if not isinstance(error, TaskError | RetryLater):
        logger.error("An account could not be read", exc_info=error)
        message = f"{type(error).__name__}: {error}"
    return Problem(
        plain(message)[:LONGEST],
        plain(error.code if isinstance(error, Refused | UpstreamError) else "")[:100],
        _held_until(error, now),
        isinstance(error, FOR_PEOPLE),
    )


def _held_until(error: Exception, now: datetime) -> datetime | None:
    if isinstance(error, RetryLater):  # a pause that the HTTP client was asked for
        return now + error.delay
    return error.until if isinstance(error, Held) else None


@transaction.atomic
def _stand(account_id: int, error: Exception, problem: Problem, tools: Tools) -> Account:
    """How the account stands after that; a limit of our app holds back all accounts that it asks for.

    Raises Removed, TakenOver.
    """
    hold(tools.sync, account_id)
    account = Account.objects.without_tokens().get(pk=account_id)
    told: dict[str, Any] = {"problem": problem.message}
    if isinstance(error, NotPermitted):
        told["standing"] = Standing.FORBIDDEN
    if problem.until and isinstance(error, Held) and error.everyone:
        AppHold.objects.update_or_create(app=app_of(account.platform), defaults={"until": problem.until})
    elif problem.until:
        told["held_until"] = problem.until
    if not isinstance(error, NeedsAuthorisation):  # to that the tokens have seen
        Account.objects.filter(pk=account_id).update(**told)
    failure = {"code": problem.code, "message": problem.message, "at": tools.clock()}
    Failure.objects.create(sync=tools.sync, account=account, **failure)
    return account
