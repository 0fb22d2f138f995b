"""The settings of this workload with their types and units, read from `settings.WATCH_HISTORY`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from tasks.exceptions import NotConfigured

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")  # also safe as part of a file name
MARGIN = timedelta(minutes=5)  # of a run, beyond the time of its users


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    trakt_client_id: str
    trakt_client_secret: str
    tmdb_api_token: str  # empty: no posters, no cast
    primary_user: str  # owner of the Trakt token
    additional_users: list[str]
    trakt_api_url: str
    trakt_auth_url: str
    tmdb_api_url: str
    tmdb_image_url: str
    data_dir: Path
    trakt_token_file: Path
    cache_seconds: int  # how long the history of an additional user counts as new
    user_timeout: float  # seconds for one user
    enrichment_days: int  # how long posters and cast are kept
    user_agent: str

    @property
    def users(self) -> list[str]:
        """All users, the primary one first, each once."""
        return list(dict.fromkeys(filter(None, [self.primary_user, *self.additional_users])))

    def time_for(self, users: int) -> timedelta:
        """How long a run may take that updates so many users, one after another."""
        return users * timedelta(seconds=self.user_timeout) + MARGIN

    @property
    def cache_time(self) -> timedelta:
        return timedelta(seconds=self.cache_seconds)

    @property
    def enrichment_time(self) -> timedelta:
        return timedelta(days=self.enrichment_days)

    def missing(self) -> list[str]:
        """The settings without which nothing can be fetched and that are not set."""
        needed = {"PRIMARY_USER": self.primary_user, "TRAKT_CLIENT_ID": self.trakt_client_id}
        return [name for name, value in needed.items() if not value]

    def badly_named(self) -> list[str]:
        return [user for user in self.users if not USER_NAME.fullmatch(user)]


def options() -> Options:
    given: Mapping[str, Any] = settings.WATCH_HISTORY
    return Options(**{name.lower(): value for name, value in given.items()})


def usable_options() -> Options:
    """The options, if the workload can run with them. Raises NotConfigured, naming what must be set."""
    found = options()
    if missing := found.missing():
        raise NotConfigured(f"Set {' and '.join(missing)} in the environment.")
    if bad := found.badly_named():
        raise NotConfigured(f"{bad[0][:60]!r} in PRIMARY_USER or ADDITIONAL_USERS is no Trakt user name.")
    return found
