"""The settings of this workload with their types and units, read from `settings.TICKETS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tasks.exceptions import NotConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    user_agent: str
    zendesk_subdomain: str
    zendesk_url: str
    zendesk_email: str  # with an API token
    zendesk_api_token: str
    zendesk_oauth_token: str  # instead of these two
    zendesk_client_id: str  # or instead: an OAuth client
    zendesk_client_secret: str
    zendesk_rate: int  # requests a minute, beside the exports
    first_backfill_days: int
    fetch_comments: bool
    internal_notes: bool  # whether the model may read comments that are not public
    anthropic_api_key: str  # empty: local rules look for issues
    anthropic_base_url: str
    anthropic_model: str
    analysis_batch_size: int  # tickets analysed in one run
    daily_tokens: int  # read and written by the model on one day; 0 is no limit
    message_batches_from: int  # tickets in a run; 0: never in a batch
    pipeline_timeout: float  # seconds for one run of the pipeline

    def missing(self) -> list[str]:
        """What must be set before anything can be fetched."""
        ways = (
            self.zendesk_email and self.zendesk_api_token,
            self.zendesk_oauth_token,
            self.zendesk_client_id and self.zendesk_client_secret,
        )
        subdomain = [] if self.zendesk_subdomain else ["ZENDESK_SUBDOMAIN"]
        return subdomain if any(ways) else [*subdomain, "ZENDESK_EMAIL and ZENDESK_API_TOKEN"]


def options() -> Options:
    given: Mapping[str, Any] = settings.TICKETS
    return Options(**{name.lower(): value for name, value in given.items()})


def usable_options() -> Options:
    """The options, if the workload can run with them. Raises NotConfigured, naming what must be set."""
    found = options()
    if missing := found.missing():
        raise NotConfigured(f"Set {' and '.join(missing)} in the environment.")
    return found
