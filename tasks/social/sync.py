"""One sync: the figures of the latest posts of each account, read and kept; no failure stops the others.

Of a business one sync goes at a time, by a claim that is renewed as it goes. A run that was killed goes on in its next
attempt: with the accounts, and the posts of an account, that it has not read.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from scheduling.context import Context
from scheduling.exceptions import RetryLater
from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.recording import Entry, parts
from tasks.social.conf import Options, options
from tasks.social.exceptions import NothingSynced, Removed, TakenOver
from tasks.social.keep import hold
from tasks.social.models import Account, AppHold, Business, Failure, Sync, SyncState, app_of
from tasks.social.reading import Counts, Problem, Tools, read_account
from tasks.social.runs import Run
from tasks.social.tokens import Clock

LEASE = timedelta(minutes=10)  # a sync that was killed keeps other runs off for so long
ONE_BUSINESS = 1800.0  # seconds for the sync of one
INTERRUPTED = "It was interrupted."
SOON = timedelta(minutes=30)  # a limit that ends within this is worth another attempt of the same run


@dataclass(slots=True)
class Told:
    """What came of the sync of one business."""

    counts: Counts = field(default_factory=Counts)
    skipped: str = ""  # why nothing was asked
    problems: list[Problem] = field(default_factory=list)  # of whole accounts
    is_vain: bool = False  # there were accounts, and nothing could be read from any

    def as_result(self) -> dict[str, Any]:
        counts = self.counts
        told: dict[str, Any] = {"synced": counts.synced, "total": counts.total, "failures": counts.failures}
        return {**told, "skipped": self.skipped} if self.skipped else told


def sync_all(context: Context | None, clock: Clock = timezone.now) -> dict[str, Any]:
    """All businesses that take part in the hourly sync.

    Raises NothingSynced, or RetryLater, if nothing could be read of any of them and another attempt may help.
    """
    run = Run.of(context, "sync_all_businesses_job")
    if run.tenant:
        raise AbortRun("The sync of all businesses is of no single one of them.")
    configured, began, told = options(), time.monotonic(), dict[str, Told]()
    deadline = Deadline(configured.social_sync_timeout)
    businesses = list(Business.objects.filter(is_active=True, in_hourly_sync=True).order_by("pk"))
    with run.record() as whole, parts() as part:
        whole.log("Starting scheduled analytics sync for all businesses")
        for place, business in enumerate(businesses):
            with part(business.name):
                inner = run.part(place, len(businesses))
                told[business.name] = _sync_business(inner, business, configured, deadline, clock)
        whole.result = _summed(told, time.monotonic() - began)
        whole.log("Scheduled analytics sync complete: {text}".format(**whole.result))
        _complain(list(told.values()), clock())
    return dict(whole.result)


def sync_one(context: Context | None, business_id: int, clock: Clock = timezone.now) -> dict[str, Any]:
    """One business. Raises AbortRun if there is none of that number, or it is not the business of this run.

    Raises NothingSynced, or RetryLater, if nothing could be read and another attempt may help.
    """
    run = Run.of(context, "sync_business_job")
    business = Business.objects.filter(pk=business_id).first()
    if business is None or run.tenant not in ("", business.tenant):  # others need not know that it is there
        raise AbortRun(f"There is no business {business_id}.")
    told = _sync_business(run, business, options(), Deadline(ONE_BUSINESS), clock)
    _complain([told], clock())
    return told.as_result()


def _summed(told: dict[str, Told], seconds: float) -> dict[str, Any]:
    counts = Counts()
    for each in told.values():
        counts.add(each.counts)
    text = f"{counts.synced}/{counts.total} posts synced, {counts.failures} failures in {seconds:.2f}s"
    numbers = {"synced": counts.synced, "total": counts.total, "failures": counts.failures}
    skipped = {name: each.skipped for name, each in told.items() if each.skipped}
    return {"text": text, **numbers, "seconds": round(seconds, 2), "businesses": len(told), "skipped": skipped}


def _complain(told: list[Told], now: datetime) -> None:
    """Raise if nothing could be done at all; where that is for limits that end soon, RetryLater.

    What only people can mend ends the run well, for each further attempt would fail alike: the failures tell of it.
    """
    tried = [each for each in told if not each.skipped]
    problems = [problem for each in tried for problem in each.problems]
    if all(problem.is_for_people for problem in problems) or not all(each.is_vain for each in tried):
        return
    ends = [problem.until for problem in problems if problem.until]
    if len(ends) == len(problems) and min(ends) - now <= SOON:
        raise RetryLater(max(min(ends) - now, timedelta(seconds=1)), problems[0].message)
    raise NothingSynced(f"Nothing could be read from any account: {problems[0].message}")


def _sync_business(run: Run, business: Business, configured: Options, deadline: Deadline, clock: Clock) -> Told:
    """The accounts of a business, in a record of its own; what an earlier attempt has done is left as it is."""
    done = Sync.objects.filter(business=business, run=run.key, state=SyncState.DONE).first()
    if done:
        return Told(Counts(done.posts_total, done.posts_synced, done.failures))
    with run.record(business.name) as entry:
        if not business.is_active:
            told = Told(skipped="It is not active.")
        elif not business.claim(run.claimant, LEASE, clock()):
            told = Told(skipped="Another sync of it goes on.")
        else:
            try:
                told = _sync_accounts(run, business, entry, configured, deadline, clock)
            except Removed as removed:
                told = Told(skipped=str(removed))
            finally:
                business.release(run.claimant)
        if told.skipped:
            entry.log(f"Skipped: {told.skipped}")
        entry.result = told.as_result()
    return told


def _sync_accounts(
    run: Run, business: Business, entry: Entry, configured: Options, deadline: Deadline, clock: Clock
) -> Told:
    def beat() -> None:
        entry.check()
        if not business.renew(run.claimant, LEASE, clock()):
            raise TakenOver if Business.objects.filter(pk=business.pk).exists() else Removed

    sync = _begun(business, run, clock())
    try:
        told = _read_accounts(business, Tools(sync, entry, configured, deadline, clock, beat, set()))
        _end(sync, told, clock())
    finally:
        unfinished = Sync.objects.filter(pk=sync.pk, state=SyncState.RUNNING, execution=run.execution)
        unfinished.update(state=SyncState.FAILED, finished_at=clock(), error=INTERRUPTED)
    entry.log(f"Business {business.pk} sync complete: {told.counts.synced}/{told.counts.total} posts synced")
    return told


def _read_accounts(business: Business, tools: Tools) -> Told:
    """Each in turn; those that are done are kept in the row of the sync, for another attempt."""
    sync = tools.sync
    told = Told(Counts(sync.posts_total, sync.posts_synced, 0))
    accounts = _accounts(business, tools.entry, sync)
    for place, account in enumerate(accounts):
        if _is_held(account, tools.entry, tools.clock()):
            continue
        tools.beat()
        counts, problem = read_account(account.pk, tools, _posts_of(accounts[place + 1 :], tools.options))
        told.counts.add(counts)
        if problem is None:
            _note_done(sync, account, counts)
        else:
            told.problems.append(problem)
    return told


@transaction.atomic
def _begun(business: Business, run: Run, now: datetime) -> Sync:
    """The row of this sync, as an earlier attempt has left it; who was killed and never came back counts as failed."""
    others = Sync.objects.filter(business=business, state=SyncState.RUNNING).exclude(run=run.key)
    others.update(state=SyncState.FAILED, finished_at=now, error=INTERRUPTED)
    sync, is_new = Sync.objects.get_or_create(
        business=business, run=run.key, defaults={"started_at": now, "execution": run.execution}
    )
    if not is_new:
        sync.state, sync.finished_at, sync.error, sync.execution = SyncState.RUNNING, None, "", run.execution
        if not sync.done_accounts:  # an attempt after one in vain counts from the start
            sync.posts_total = sync.posts_synced = 0
        sync.save(update_fields=["state", "finished_at", "error", "execution", "posts_total", "posts_synced"])
    return sync


def _accounts(business: Business, entry: Entry, sync: Sync) -> list[Account]:
    """Those that are left to do, without their tokens, and with how many posts each has."""
    rows = business.accounts.filter(is_active=True).exclude(pk__in=sync.done_accounts).order_by("pk")
    if sync.done_accounts:
        entry.log(f"Goes on after {len(sync.done_accounts)} accounts that are done.")
    return list(
        rows.defer("access_token", "refresh_token").annotate(known=Count("posts", filter=Q(posts__gone_at=None)))
    )


def _is_held(account: Account, entry: Entry, now: datetime) -> bool:
    """Whether the platform has asked to be left alone; it may have meanwhile, for another account."""
    own = Account.objects.filter(pk=account.pk).values_list("held_until", flat=True)
    all_of_app = AppHold.objects.filter(app=app_of(account.platform)).values_list("until", flat=True)
    until = max((moment for moment in (*own, *all_of_app) if moment), default=now)
    if until <= now:
        return False
    entry.log(f"{account}: skipped, for the platform's limit is reached until {until:%Y-%m-%d %H:%M} UTC.")
    return True


def _posts_of(accounts: list[Account], configured: Options) -> int:
    """About how many posts are still to come, for the progress."""
    most = configured.posts_per_platform
    return sum(min(getattr(account, "known", 0), most) or most for account in accounts)


@transaction.atomic
def _note_done(sync: Sync, account: Account, counts: Counts) -> None:
    """With its counts in one write, so that a later attempt neither reads nor counts it again.

    Raises TakenOver, Removed.
    """
    row = hold(sync)
    sync.done_accounts = [*row.done_accounts, account.pk]
    sync.posts_total = row.posts_total + counts.total
    sync.posts_synced = row.posts_synced + counts.synced
    sync.failures = Failure.objects.filter(sync=sync).count()
    sync.save(update_fields=["done_accounts", "posts_total", "posts_synced", "failures"])


@transaction.atomic
def _end(sync: Sync, told: Told, now: datetime) -> None:
    """Raises TakenOver, Removed."""
    hold(sync)
    told.is_vain = bool(told.problems) and not sync.done_accounts and not told.counts.synced
    told.counts.failures = Failure.objects.filter(sync=sync).count()
    sync.state = SyncState.FAILED if told.is_vain else SyncState.DONE
    sync.error = told.problems[0].message if told.is_vain else ""
    sync.finished_at = now
    sync.posts_total, sync.posts_synced = told.counts.total, told.counts.synced
    sync.failures = told.counts.failures
    sync.save(update_fields=["state", "error", "finished_at", "posts_total", "posts_synced", "failures"])
