"""A loopback Zendesk and Messages API for the tests of the ticket mine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.demo.messages import Messages
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import Zendesk
from tasks.http import Rate


@pytest.fixture(autouse=True)
def no_waiting_for_tickets(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The services may be asked as often as one likes, and a batch is looked after without a pause."""
    for rate in ("zendesk.EXPORT_RATE", "sign_in.RATE", "claude.RATE"):
        monkeypatch.setattr(f"tasks.tickets.{rate}", Rate(1e6, 1000))
    monkeypatch.setattr("tasks.tickets.batches.POLL_EVERY", 0.0)
    monkeypatch.setattr("tasks.tickets.batches.POLLS", 3)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def zendesk(clock: Clock) -> Zendesk:
    """Thirty tickets, which come on three pages."""
    zendesk = Zendesk(clock, tickets=30)
    zendesk.biggest_page = 12
    zendesk.exports_per_minute = 1000
    return zendesk


@pytest.fixture
def messages(clock: Clock) -> Messages:
    return Messages(clock)


@pytest.fixture
def upstream(zendesk: Zendesk, messages: Messages) -> Iterator[Upstream]:
    with Upstream(zendesk, messages) as upstream:
        yield upstream


@pytest.fixture
def configured(upstream: Upstream, settings: Any) -> Callable[..., None]:
    """The settings of the ticket mine, with the loopback services behind them; call it to change some."""

    def change(**changes: Any) -> None:
        settings.TICKETS = {**settings.TICKETS, **changes}

    change(
        ZENDESK_URL=upstream.url,
        ZENDESK_SUBDOMAIN="demo",
        ZENDESK_EMAIL="demo@localhost",
        ZENDESK_API_TOKEN="demo",
        ZENDESK_OAUTH_TOKEN="",
        ZENDESK_CLIENT_ID="",
        ZENDESK_CLIENT_SECRET="",
        ZENDESK_RATE=60_000_000,
        ANTHROPIC_BASE_URL=upstream.url,
        ANTHROPIC_API_KEY="demo",
        MESSAGE_BATCHES_FROM=0,
        PIPELINE_TIMEOUT=60,
    )
    return change
