"""The tokens of an account: renewed before their end or when refused, by one worker at a time, and stored first."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import ExpressionWrapper, F, Q, QuerySet, TextField

from scheduling.redact import plain
from tasks.exceptions import DeadlineReached, UpstreamError
from tasks.http import Deadline
from tasks.social.conf import Options
from tasks.social.exceptions import EnteredAnew, NeedsAuthorisation, Refused, Removed, TokenRefused
from tasks.social.hidden import hide
from tasks.social.models import Account, Platform, Standing
from tasks.social.sign_in import WAYS, Pair, is_token, renewed

LEASE = timedelta(minutes=2)  # a worker that dies while it renews keeps the others off for so long
LONGEST_RENEWAL = 90.0  # seconds, by when the lease has not ended
LOOK_EVERY = 0.5  # seconds, while another worker renews
WARN_BEFORE = timedelta(days=30)  # the end of a refresh token, after which people have to connect the account again
WARN_SHORTLY = timedelta(days=7)  # the end of a token that cannot be renewed

COLUMNS = ("access_token", "refresh_token", "expires_at", "refresh_expires_at")

type Clock = Callable[[], datetime]


class Tokens:
    """The tokens of one account, for the time of one sync. They are in no error and in no log."""

    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock) -> None:
        self._account, self._options, self._deadline, self._clock = account, options, deadline, clock
        self._way = WAYS[account.platform]
        self._seals: dict[str, str] = {}  # the tokens as they were stored when they were last looked at

    def use[T](self, ask: Callable[[dict[str, str]], T]) -> T:
        """What `ask` gets with the header of the token; once more with a new token if this one is refused.

        Raises NeedsAuthorisation.
        """
        try:
            return self._used(ask)
        except EnteredAnew:
            return self._used(ask)

    def _used[T](self, ask: Callable[[dict[str, str]], T]) -> T:
        token = self._access()
        try:
            return ask(_bearer(token))
        except TokenRefused as refused:
            token = self._successor_of(token, refused)
        try:
            return ask(_bearer(token))
        except TokenRefused as refused:
            raise self._lost(str(refused), refused.code) from None

    def warning(self) -> str:
        """What people should know of the end of these tokens, in time to do something; empty if there is nothing."""
        now, account = self._clock(), self._account
        ends = account.refresh_expires_at
        if ends and ends - now < WARN_BEFORE:
            return (
                f"It has to be connected again by {ends:%Y-%m-%d}: its refresh token ends then, and cannot be renewed."
            )
        ends = account.expires_at
        can_renew = bool(account.refresh_token) or not self._way.needs_refresh_token
        if ends and not can_renew and ends - now < WARN_SHORTLY:
            return (
                f"It has to be connected again by {ends:%Y-%m-%d}: its token ends then, and there is none to renew it."
            )
        return ""

    def _access(self) -> str:
        """The token to ask with, renewed if that is due. Raises NeedsAuthorisation, EnteredAnew."""
        account = self._account
        if not account.access_token and not account.refresh_token:
            raise self._lost("It has no token; it has to be connected.")
        if account.access_token and not is_token(account.access_token):
            raise self._lost("Its token has characters that are in no token: connect it again.")
        ends, now = account.expires_at, self._clock()
        is_due = not account.access_token or (ends is not None and now >= ends - self._way.early)
        if not is_due:
            return str(account.access_token)
        if self._way.needs_refresh_token and not account.refresh_token:
            if ends is not None and now < ends:
                return str(account.access_token)
            raise self._lost("Its token has ended, and there is none to renew it: connect it again.")
        try:
            return self._renewed(str(account.access_token))
        except UpstreamError:
            if account.access_token and ends is not None and self._clock() < ends:
                return str(account.access_token)  # still good; the sign-in is asked again next time
            raise

    def _successor_of(self, token: str, refused: TokenRefused) -> str:
        """A token that is refused before its end can be renewed by a refresh token only."""
        if self._way.needs_refresh_token and self._account.refresh_token:
            return self._renewed(token)
        self._take()
        if self._account.access_token != token:  # it was entered anew, or renewed by another worker
            return str(self._account.access_token)
        raise self._lost(str(refused), refused.code)

    def _renewed(self, old: str) -> str:
        """The successor of `old`: from the row if another worker was first, else from the platform."""
        while (lease := self._leased()) is None:
            time.sleep(min(LOOK_EVERY, self._deadline.left()))
        account = self._account
        try:
            self._take()
            if account.access_token == old:
                self._store(self._asked())
        except NeedsAuthorisation as error:
            raise self._lost(str(error), error.code) from None
        finally:
            Account.objects.filter(pk=account.pk, renewing_until=lease).update(renewing_until=None)
        return str(account.access_token)

    def _asked(self) -> Pair:
        """What the platform gives, in so short a time that nobody else begins meanwhile."""
        account, deadline = self._account, Deadline(min(self._deadline.left(), LONGEST_RENEWAL))
        try:
            return renewed(account.platform, _pair(account), self._options, deadline, self._clock())
        except DeadlineReached:
            self._deadline.left()
            raise UpstreamError("The sign-in took too long.", retryable=True) from None

    def _leased(self) -> datetime | None:
        """Until when nobody else renews; None while another worker does. One that ends too late is of a wrong clock."""
        now = self._clock()
        free = Q(renewing_until=None) | Q(renewing_until__lte=now) | Q(renewing_until__gt=now + 2 * LEASE)
        mine = Account.objects.filter(free, pk=self._account.pk).update(renewing_until=now + LEASE)
        return now + LEASE if mine else None

    def _take(self) -> Any:
        """The tokens that are stored; returns their row, with what is sealed in it. Raises Removed."""
        row: Any = _sealed().filter(pk=self._account.pk).first()
        if row is None:
            raise Removed
        for name in COLUMNS:
            setattr(self._account, name, getattr(row, name))
        hide(row.access_token, row.refresh_token)
        self._seals = {"sealed_access": row.sealed_access, "sealed_refresh": row.sealed_refresh}
        return row

    def _store(self, new: Pair) -> None:
        """Before anybody uses it: X's former refresh token is dead by now. What people entered meanwhile stays."""
        hide(new.access, new.refresh)
        told = dict(zip(COLUMNS, (new.access, new.refresh, new.expires_at, new.refresh_expires_at), strict=True))
        as_seen = _sealed().filter(pk=self._account.pk, **self._seals)
        if not as_seen.update(**told, standing=Standing.CONNECTED, problem=""):
            self._take()
            return
        for name, value in told.items():
            setattr(self._account, name, value)

    def _lost(self, problem: str, code: str = "") -> Refused:
        """Note that people have to do something, unless they have done it meanwhile."""
        account = self._account
        tried = account.access_token, account.refresh_token
        row = self._take()
        if (row.access_token, row.refresh_token) != tried:
            return EnteredAnew()
        told = {"standing": Standing.NEEDS_AUTHORISATION, "problem": plain(problem)[:500]}
        if not _sealed().filter(pk=account.pk, **self._seals).update(**told):
            return EnteredAnew()
        return NeedsAuthorisation(f"{Platform(account.platform).label}: {problem}", code=code)


def _sealed() -> QuerySet[Account]:
    """With the tokens also as they are stored, which tells whether they are still the same."""
    return Account.objects.annotate(
        sealed_access=ExpressionWrapper(F("access_token"), output_field=TextField()),
        sealed_refresh=ExpressionWrapper(F("refresh_token"), output_field=TextField()),
    )


def _pair(account: Account) -> Pair:
    return Pair(
        *(str(account.access_token), str(account.refresh_token)), account.expires_at, account.refresh_expires_at
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
