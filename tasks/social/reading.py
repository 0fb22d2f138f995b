"""One account in one sync: its latest posts are listed, their figures read in batches, each batch kept at once.

An attempt that goes on after a death leaves out the posts that were read since the sync began.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from scheduling.exceptions import RetryLater
from scheduling.redact import hiding, plain, secrets_in
from tasks.exceptions import DeadlineReached, TaskError, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry
from tasks.sealed import CannotUnseal
from tasks.social.asking import Api, chunks
from tasks.social.conf import Options
from tasks.social.exceptions import Held, NeedsAuthorisation, NotPermitted, Refused, TakenOver
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.keep import keep_figures, keep_gone, keep_posts
from tasks.social.models import Account, Failure, Post, Standing, Sync
from tasks.social.platforms import connect
from tasks.social.tokens import Clock, Tokens

BATCH = 100  # posts kept in one transaction
LONGEST = 500  # characters of what went wrong

type Beat = Callable[[], None]  # called between two pieces of work: keeps the claim. Raises TakenOver


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


def read_account(account_id: int, tools: Tools, to_come: int) -> tuple[Counts, Problem | None]:
    """How many posts were read, and what ended it early; that is kept in the account, and as a failure of the sync.

    `to_come`: about how many posts the accounts after this one have.
    """
    counts = Counts()
    Failure.objects.filter(sync=tools.sync, account=account_id).delete()
    try:
        account = Account.objects.get(pk=account_id)
    except CannotUnseal as error:
        Account.objects.filter(pk=account_id).update(problem=str(error))
        return counts, _told(account_id, Problem(str(error)), tools, counts)
    with _hidden(account):
        try:
            _read(account, tools, counts, to_come)
        except (DeadlineReached, TakenOver):
            raise
        except (TaskError, RetryLater) as error:
            with _hidden(account):  # by now it may have others
                problem = _stand(account, _held(error, tools.clock()) if isinstance(error, RetryLater) else error)
            return counts, _told(account_id, problem, tools, counts)
    return counts, None


def _hidden(account: Account) -> AbstractContextManager[None]:
    """Inside, its tokens are in no text, even if the platform sends them back."""
    return hiding(secrets_in({"access_token": str(account.access_token), "refresh_token": str(account.refresh_token)}))


def _read(account: Account, tools: Tools, counts: Counts, to_come: int) -> None:
    if account.standing == Standing.NEEDS_AUTHORISATION:
        raise NeedsAuthorisation(account.problem or "It has to be connected again.")
    with closing(_connected(account, tools)) as api:
        limit = tools.options.posts_per_platform
        listed = list({post.post_id: post for post in islice(api.posts(limit), limit)}.values())
        rows = keep_posts(account, listed, tools.clock())
        due = [post for post in listed if _is_due(rows[post.post_id], tools.moment)]
        counts.total, counts.synced = len(listed), len(listed) - len(due)
        tools.entry.expect(len(due) + to_come)
        for batch in chunks(due, BATCH):
            _read_batch(account, api, batch, rows, tools, counts)
            tools.beat()
    _well(account, tools)


def _connected(account: Account, tools: Tools) -> Api:
    return connect(account, tools.options, tools.deadline, tools.clock, tools.entry.log)


def _is_due(row: Post, moment: datetime) -> bool:
    return row.read_at is None or row.read_at < moment


def _read_batch(
    account: Account, api: Api, batch: Iterable[Listed], rows: dict[str, Post], tools: Tools, counts: Counts
) -> None:
    """What was read is kept, even if the platform then says that it is enough."""
    settled: list[Settled] = []
    try:
        for post, found in api.figures(list(batch)):
            settled.append((post, found))
            with tools.entry.item(f"{account} {post.post_id}"):
                _check(found, tools)
    finally:
        read = sum(isinstance(found, Figures) for _, found in settled)
        counts.synced += read
        counts.failures += len(settled) - read
        now = tools.clock()
        keep_figures(rows, settled, tools.moment, now)
        keep_gone((rows[post.post_id] for post, found in settled if isinstance(found, Trouble) and found.is_gone), now)
        troubles = [(post, found) for post, found in settled if isinstance(found, Trouble)]
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


def _check(found: Figures | Trouble, tools: Tools) -> None:
    """Raise Refused for a post without figures; tell once of each figure that we have no word for."""
    if isinstance(found, Trouble):
        raise Refused(found.message, code=found.code)
    for name in sorted(found.unknown - tools.reported):
        tools.reported.add(name)
        tools.entry.log(f"A figure that we have no word for is kept as it comes: {name}")


def _well(account: Account, tools: Tools) -> None:
    """All that could be read was read."""
    warning = Tokens(account, tools.options, tools.deadline, tools.clock).warning()
    if warning:
        tools.entry.log(f"{account}: {warning}")
    told: dict[str, Any] = {"standing": Standing.CONNECTED, "problem": warning, "held_until": None}
    Account.objects.filter(pk=account.pk).update(**told, synced_at=tools.clock())


def _held(error: RetryLater, now: datetime) -> Held:
    """A pause that the HTTP client was asked for, in its words."""
    return Held(str(error), now + error.delay, everyone=False)


def _stand(account: Account, error: Exception) -> Problem:
    """How the account stands after that; a limit of our app holds back all accounts of the platform."""
    rows = Account.objects.filter(pk=account.pk)
    code = error.code if isinstance(error, Refused | UpstreamError) else ""
    problem = Problem(
        plain(str(error) or type(error).__name__)[:LONGEST],
        plain(code)[:100],
        error.until if isinstance(error, Held) else None,
    )
    if isinstance(error, NeedsAuthorisation):
        return problem  # the tokens have seen to it
    standing = {"standing": Standing.FORBIDDEN} if isinstance(error, NotPermitted) else {}
    rows.update(problem=problem.message, **standing)
    if isinstance(error, Held):
        held = Account.objects.filter(platform=account.platform) if error.everyone else rows
        held.update(held_until=error.until)
    return problem


def _told(account_id: int, problem: Problem, tools: Tools, counts: Counts) -> Problem:
    """Kept as a failure of the account, and counted as one item of the record."""
    account = Account.objects.defer("access_token", "refresh_token").get(pk=account_id)
    told = {"code": problem.code, "message": problem.message, "at": tools.clock()}
    Failure.objects.create(sync=tools.sync, account_id=account_id, **told)
    counts.failures += 1
    with tools.entry.item(str(account)):
        raise TaskError(problem.message)
    return problem
