"""Listings and rules for the tests, a loopback Discord and mail server, and an entry to write to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tasks.classifieds.models import Category, Filters, Kind, Listing, Match, Occasion, Rule
from tasks.classifieds.notify import Delivered, deliver_waiting
from tasks.demo.discord import Discord
from tasks.demo.upstream import Clock, Upstream
from tasks.http import Rate
from tasks.recording import Entry, record

NOON = datetime(2026, 9, 14, 12, tzinfo=UTC)
WEBHOOK = "/api/webhooks/1234567890/a-secret_token-of-the-webhook"
numbers = count(100_000)


def make_listing(title: str = "ACME HP-900", **values: Any) -> Listing:
    """A listing that waits for the rules; numbers are prices in US dollars."""
    number = next(numbers)
    category, _ = Category.objects.get_or_create(slug="full-size.1", defaults={"name": "Full-Size Headphones"})
    usual = {
        "listing_id": number,
        "category": category,
        "path": f"/classifieds/acme.{number}/",
        "kind": Kind.SALE,
        "price": Decimal(800),
        "currency": "USD",
        "seller": "ada",
        "first_seen_at": NOON,
        "last_seen_at": NOON,
        "to_match": Occasion.NEW,
    }
    return Listing.objects.create(title=title, **(usual | values))


def make_rule(expression: str = 'title contains "HP-900"', **values: Any) -> Rule:
    return Rule.objects.create(**({"name": f"Rule {next(numbers)}", "expression": expression} | values))


def make_match(
    listing: Listing | None = None, rule: Rule | None = None, channels: tuple[str, ...] = (), **values: Any
) -> Match:
    """A match that waits to be told on `channels`."""
    listing, rule = listing or make_listing(), rule or make_rule()
    usual = {"occasion": Occasion.NEW, "price": listing.price, "currency": listing.currency, "matched_at": NOON}
    match = Match.objects.create(rule=rule, listing=listing, **(usual | values))
    for channel in channels:
        match.deliveries.create(channel=channel, retry_at=NOON, waits_since=match.matched_at)
    return match


def deliver(entry: Entry, now: datetime) -> Delivered:
    """Send what is due, in no time."""
    return deliver_waiting(entry, now, lambda: now)


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.classifieds.discord.RATE", Rate(1e6, 1000))


@pytest.fixture
def entry(db: None) -> Iterator[Entry]:
    with record(None, task_name="test") as entry:
        yield entry


@pytest.fixture
def usual(db: None) -> Filters:
    """Global filters that let everything pass."""
    return Filters.objects.create(pk=1)


@pytest.fixture
def discord() -> Discord:
    return Discord(Clock(NOON), limit=1000)


@pytest.fixture
def upstream(discord: Discord) -> Iterator[Upstream]:
    with Upstream(discord) as upstream:
        yield upstream


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change some settings of the classifieds."""

    def configure(**values: Any) -> None:
        settings.CLASSIFIEDS = {**settings.CLASSIFIEDS, **values}

    configure(HEADFI_URL="https://classifieds.example", DISCORD_WEBHOOK_URL="", GMAIL_ADDRESS="", GMAIL_APP_PASSWORD="")
    return configure


@pytest.fixture
def on_discord(upstream: Upstream, configure: Callable[..., None]) -> Upstream:
    """A webhook is configured; what is asked of it can be seen and be made to fail."""
    configure(DISCORD_WEBHOOK_URL=f"{upstream.url}{WEBHOOK}")
    return upstream


@pytest.fixture
def scheduling_options(settings: Any) -> Callable[..., None]:
    """Change some settings of the scheduler."""

    def change(**values: Any) -> None:
        settings.SCHEDULING = {**settings.SCHEDULING, **values}

    return change
