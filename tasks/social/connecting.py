"""Accounts connected: tokens that people enter, kept sealed, after which the platform is tried again."""

from dataclasses import dataclass
from datetime import datetime

from tasks.social.models import Account, Business, Platform, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a platform gave to whoever may read an account; an empty text keeps what is there."""

    access: str = ""
    refresh: str = ""
    expires_at: datetime | None = None  # of the access token; None: no end is known

    def put(self, account: Account) -> list[str]:
        """Set what is new in `account`, which then counts as connected again; returns the columns to save."""
        given: dict[str, object] = {}
        if self.access:
            given |= {"access_token": self.access, "expires_at": self.expires_at}
        if self.refresh:
            given |= {"refresh_token": self.refresh, "refresh_expires_at": None}
        if given:
            given |= {"standing": Standing.CONNECTED, "problem": "", "held_until": None}
        for name, value in given.items():
            setattr(account, name, value)
        return list(given)

    def __repr__(self) -> str:
        return "Tokens(…)"


def connect(
    business: Business, platform: Platform, external_id: str, tokens: Tokens, name: str = ""
) -> tuple[Account, bool]:
    """The account with these tokens, and whether it is new; one that is there keeps its name unless one is given."""
    fresh = Account(business=business, platform=platform, external_id=external_id, name=name)
    account, is_new = Account.objects.without_tokens().get_or_create(
        business=business,
        platform=platform,
        external_id=external_id,
        defaults={each: getattr(fresh, each) for each in ("name", *tokens.put(fresh))},
    )
    if not is_new:
        changed = tokens.put(account)
        if name:
            account.name = name
            changed.append("name")
        account.save(update_fields=changed)
    return account, is_new
