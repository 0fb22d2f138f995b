"""The settings of this workload with their types and units, read from `settings.CLASSIFIEDS`."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from tasks.exceptions import NotConfigured

DEMO, LOOPBACK = "demo", "http://127.0.0.1:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    contact: str  # in the user agent
    user_agent: str
    headfi_url: str
    poll_interval_minutes: int
    initial_max_pages: int  # of each category in its first scan
    scheduled_max_pages: int  # of each category after that
    rate_limit_delay_seconds: float  # from one page to the next
    scan_timeout: float  # seconds for one scan
    keep_listings_days: int  # after it was last seen; 0: for ever
    headfi_file: str  # categories and selectors; empty: those that come with Rota
    fetcher: str  # http or browser
    headless: bool
    chromium: str  # a program; empty: the one on PATH
    discord_webhook_url: str  # a secret
    gmail_address: str
    gmail_app_password: str
    notify_email: str
    smtp_host: str
    smtp_port: int
    smtp_security: str  # starttls, tls or none

    @property
    def poll_interval(self) -> timedelta:
        return timedelta(minutes=self.poll_interval_minutes)

    @property
    def browser_program(self) -> str | None:
        """Chromium; None if there is none."""
        return shutil.which(self.chromium or "chromium")

    def missing(self) -> list[str]:
        """The settings without which no page is asked for and that are not set; the demo's contact reaches nobody."""
        nobody = self.contact == DEMO and not self.headfi_url.startswith(LOOPBACK)
        return ["CONTACT"] if nobody or not self.contact else []


def options() -> Options:
    given: Mapping[str, Any] = settings.CLASSIFIEDS
    return Options(**{name.lower(): value for name, value in given.items()})


def usable_options() -> Options:
    """The options, if the workload can run with them. Raises NotConfigured, naming what must be set."""
    found = options()
    if missing := found.missing():
        raise NotConfigured(f"Set {' and '.join(missing)} in the environment: the site's operators must reach you.")
    return found
