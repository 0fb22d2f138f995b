"""The settings of this workload with their types and units, read from `settings.SOCIAL`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    user_agent: str
    linkedin_client_id: str
    linkedin_client_secret: str
    linkedin_url: str
    linkedin_auth_url: str
    linkedin_version: str  # YYYYMM
    x_client_id: str
    x_client_secret: str  # empty: a public client
    x_url: str
    x_post_fields: str  # the name of the parameter with the fields of a post
    meta_app_id: str
    meta_app_secret: str
    meta_url: str
    instagram_url: str
    meta_version: str
    posts_per_platform: int  # in one sync
    social_sync_timeout: float  # seconds for one sync of all businesses
    x_private_metrics: bool  # ask for figures that only the author's own token gets
    keep_readings_days: int  # of each hour; older ones are thinned to one a day
    keep_syncs_days: int

    def missing(self) -> list[str]:
        """What must be set before anything can be synced: the credentials of one platform at least."""
        known = self.linkedin_client_id or self.x_client_id or self.meta_app_id
        return [] if known else ["LINKEDIN_CLIENT_ID, X_CLIENT_ID or META_APP_ID"]


def options() -> Options:
    given: Mapping[str, Any] = settings.SOCIAL
    return Options(**{name.lower(): value for name, value in given.items()})
