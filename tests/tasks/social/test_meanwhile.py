"""What others do while a sync goes: accounts removed, tokens entered anew, an attempt that was thought dead."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks.demo.upstream import Clock, Upstream
from tasks.demo.x import X
from tasks.http import Deadline
from tasks.models import Status, TaskRecord
from tasks.social import reading, tokens
from tasks.social.conf import options
from tasks.social.connecting import Tokens as Entered
from tasks.social.exceptions import NeedsAuthorisation, TakenOver
from tasks.social.figures import Trouble
from tasks.social.models import Account, Business, Failure, Platform, Post, Standing, Sync, SyncState
from tasks.social.removal import remove_account, remove_business
from tasks.social.tokens import Tokens
from tests.tasks.social.conftest import NOW, POSTS
from tests.tasks.social.factories import make_business

pytestmark = pytest.mark.django_db

type Connected = Callable[..., Account]
type Go = Callable[..., dict[str, Any]]
type Meanwhile = Callable[..., None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Do something once, before or after a function of a module is called: `meanwhile(module, name, deed)`."""

    def arrange(module: Any, name: str, deed: Callable[[], object], *, after: bool = False) -> None:
        original, left = getattr(module, name), [deed]

        def both(*args: Any) -> Any:
            if left and not after:
                left.pop()()
            found = original(*args)
            if left:
                left.pop()()
            return found

        monkeypatch.setattr(module, name, both)

    return arrange


@pytest.mark.parametrize("moment", ["keep_posts", "keep_figures", "connect"])
def test_an_account_that_is_removed_stops_no_other(
    connected: Connected, go: Go, meanwhile: Meanwhile, moment: str
) -> None:
    business = make_business()
    removed, _ = connected(Platform.FACEBOOK, business), connected(Platform.X, business)
    meanwhile(reading, moment, lambda: remove_account(removed), after=moment != "connect")
    assert go(business) == {"synced": POSTS, "total": POSTS, "failures": 0}
    assert Post.objects.count() == POSTS
    assert f"Account {removed.pk}: it was removed meanwhile." in TaskRecord.objects.latest("id").log_output


def test_an_account_that_is_removed_before_its_turn_stops_no_other(
    connected: Connected, go: Go, meanwhile: Meanwhile
) -> None:
    business = make_business()
    connected(Platform.LINKEDIN, business)
    removed = connected(Platform.FACEBOOK, business)
    connected(Platform.X, business)
    meanwhile(reading, "keep_posts", lambda: remove_account(removed))
    assert go(business) == {"synced": 2 * POSTS, "total": 2 * POSTS, "failures": 0}


@pytest.mark.parametrize("moment", ["keep_posts", "keep_figures", "_well"])
def test_a_business_that_is_removed_stops_no_other(
    connected: Connected, go: Go, meanwhile: Meanwhile, moment: str
) -> None:
    removed, other = make_business("A"), make_business("B")
    for business in (removed, other):
        for platform in (Platform.X, Platform.LINKEDIN):
            connected(platform, business)
    meanwhile(reading, moment, lambda: remove_business(removed, by="ada", now=NOW), after=moment != "_well")
    result = go()
    assert (result["synced"], result["total"], result["failures"]) == (2 * POSTS, 2 * POSTS, 0)
    assert result["skipped"] == {"A": "It was removed meanwhile."}
    assert not TaskRecord.objects.exclude(status=Status.SUCCEEDED).exists()


def test_an_attempt_that_was_thought_dead_writes_no_more(
    connected: Connected, go: Go, meanwhile: Meanwhile, clock: Clock
) -> None:
    business = connected(Platform.X).business
    connected(Platform.LINKEDIN, business)
    done: list[Any] = []
    meanwhile(reading, "keep_figures", lambda: done.append(go(business, attempt=2)), after=True)
    with pytest.raises(TakenOver):
        go(business)
    assert done == [{"synced": 2 * POSTS, "total": 2 * POSTS, "failures": 0}]
    sync = Sync.objects.get()
    assert (sync.state, sync.execution, sync.posts_synced) == (SyncState.DONE, 102, 2 * POSTS)
    assert len(set(sync.done_accounts)) == len(sync.done_accounts) == 2


def test_a_later_attempt_takes_the_claim_and_an_earlier_one_cannot_renew_it(db: None) -> None:
    business, lease = make_business(), timedelta(minutes=10)
    assert business.claim("rota-1/7", lease, NOW)
    assert business.claim("rota-1/8", lease, NOW)
    assert not business.renew("rota-1/7", lease, NOW)
    assert business.renew("rota-1/8", lease, NOW)
    assert not business.claim("rota-11/9", lease, NOW)
    business.release("rota-1/7")
    assert Business.objects.get().claimed_by == "rota-1/8"


@pytest.mark.parametrize("is_refused", [False, True])
def test_tokens_that_people_enter_during_a_renewal_stay(
    connected: Connected, go: Go, x: X, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    account = connected(Platform.X, expires_at=NOW + timedelta(seconds=10))
    entered = Entered(access=x.grants.access(), refresh="entered by people")

    def refuse(*_: Any) -> None:
        raise NeedsAuthorisation

    if is_refused:
        monkeypatch.setattr(tokens, "renewed", refuse)
    meanwhile(tokens, "renewed", lambda: account.save(update_fields=entered.put(account)), after=not is_refused)
    assert go(account.business)["synced"] == POSTS
    stored = Account.objects.get()
    assert (stored.access_token, stored.refresh_token) == (entered.access, entered.refresh)
    assert (stored.standing, stored.problem) == (Standing.CONNECTED, "")


def test_a_renewal_takes_no_longer_than_its_lease(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, clock: Clock, upstream: Upstream
) -> None:
    account = connected(Platform.X, expires_at=NOW)
    seconds: list[float] = []

    def slow(_: str, pair: Any, __: Any, deadline: Deadline, ___: Any) -> Any:
        seconds.append(deadline.left())
        return pair

    monkeypatch.setattr(tokens, "renewed", slow)
    Tokens(account, options(), Deadline(3600), clock.now).use(lambda _: None)
    assert seconds[0] < tokens.LEASE.total_seconds()


def test_a_renewal_makes_an_account_that_was_lost_a_good_one(connected: Connected, clock: Clock) -> None:
    account = connected(Platform.X, expires_at=NOW)
    Account.objects.update(standing=Standing.NEEDS_AUTHORISATION, problem="It was refused.")
    Tokens(account, options(), Deadline(60), clock.now).use(lambda _: None)
    assert Account.objects.values_list("standing", "problem").get() == (Standing.CONNECTED, "")


def test_a_new_token_that_the_platform_sends_back_is_in_no_text(
    connected: Connected, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connected(Platform.X, expires_at=NOW + timedelta(seconds=10))
    old = str(account.access_token)

    def settled(_: Any, batch: Any, fields: str) -> Any:
        told = f"Not for {old} nor {Account.objects.get().access_token}"
        return [(post, Trouble(told)) for post in batch]

    monkeypatch.setattr("tasks.social.x.X._settled", settled)
    go(account.business)
    new = str(Account.objects.get().access_token)
    kept = [
        *Failure.objects.values_list("message", flat=True),
        *TaskRecord.objects.values_list("log_output", flat=True),
    ]
    assert new != old
    assert "Not for ••••••" in kept[0]
    assert not any(token in text for text in kept for token in (old, new))


@pytest.mark.parametrize("token", ["abcdefgh\u200bxyz", "tök-én-123", "ab\tcd", "ab\ncd"])
@pytest.mark.parametrize("platform", Platform)
def test_a_token_that_cannot_be_one_is_told_of_its_account_alone(
    connected: Connected, go: Go, platform: Platform, token: str
) -> None:
    odd = connected(platform, access_token=token)
    connected(Platform.X, make_business())
    assert go()["synced"] == POSTS
    odd.refresh_from_db()
    assert odd.standing == Standing.NEEDS_AUTHORISATION
    assert "characters" in Failure.objects.get().message


def test_a_post_that_is_gone_is_gone_since_the_first_time(connected: Connected, go: Go, x: X, clock: Clock) -> None:
    business = connected(Platform.X).business
    x.has_flaws = True
    go(business)
    gone = dict(Post.objects.exclude(gone_at=None).values_list("pk", "gone_at"))
    clock.advance(timedelta(hours=1))
    go(business, run=2)
    assert gone
    assert dict(Post.objects.exclude(gone_at=None).values_list("pk", "gone_at")) == gone
    x.has_flaws = False
    go(business, run=3)
    assert not Post.objects.exclude(gone_at=None).exists()
