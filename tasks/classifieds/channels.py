"""Channels: those that a rule can name, and how each of them is spoken to.

`discord` and `mail` are our own, by the settings of this workload; all others are those of NOTICE_CHANNEL_….
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from django.utils.crypto import salted_hmac

from scheduling.conf import options as scheduling_options
from scheduling.notices import channels as notice_channels
from scheduling.notices.channels import Message
from tasks.classifieds.conf import Options, options
from tasks.classifieds.discord import Discord
from tasks.classifieds.exceptions import ChannelRefused
from tasks.classifieds.mail import Mail
from tasks.classifieds.news import News
from tasks.http import Deadline

TOGETHER = 10  # matches in one message of the other channels
LONGEST_NAME = 50  # characters that a delivery keeps


class Channel(Protocol):
    """A way to somebody."""

    together: int  # how many matches are taken at once
    setting: str  # what it is configured by; a secret

    def pieces(self, news: Sequence[News]) -> list[list[int]]:
        """Which of them go into one message, by their places."""

    def send(self, news: Sequence[News], now: datetime) -> None:
        """Send one message. Raises NotDelivered, ChannelRefused, RetryLater, DeadlineReached."""

    def close(self) -> None: ...


class Other:
    """A channel that scheduling's notices use too."""

    together = TOGETHER

    def __init__(self, name: str) -> None:
        self.name = name
        self.setting = scheduling_options().notice_channels[name]
        if wrong := notice_channels.complaint(name):
            raise ChannelRefused(wrong)

    def pieces(self, news: Sequence[News]) -> list[list[int]]:
        return [list(range(len(news)))]

    def send(self, news: Sequence[News], now: datetime) -> None:
        first = news[0]
        title = first.headline if len(news) == 1 else f"{len(news)} listings"
        key = " ".join(f"{each.rule_id}/{each.listing_id}/{each.key}" for each in news)
        lines = [each.as_json for each in news]
        notice_channels.send(self.name, Message(uuid5(NAMESPACE_URL, key), title, _text(news), lines), now)

    def close(self) -> None:
        """Nothing is kept open."""


def choices() -> list[tuple[str, str]]:
    """The channels that are configured, each with its name for people."""
    own = [(name, words) for name, words, ready in _own(options()) if ready]
    taken = {name for name, _ in own}
    others = [name for name in notice_channels.names() if name not in taken and len(name) <= LONGEST_NAME]
    return own + [(name, f"{name} ({notice_channels.kind(name)})") for name in others]


def open_channel(name: str, deadline: Deadline) -> Channel:
    """The channel of that name. Raises ChannelRefused if it is not configured, or cannot be used as it is."""
    found = options()
    ready = {own for own, _, is_ready in _own(found) if is_ready}
    if name == "discord" and name in ready:
        return Discord(found.discord_webhook_url, found.user_agent, deadline)
    if name == "mail" and name in ready:
        return Mail(found, deadline)
    if name in notice_channels.names():
        return Other(name)
    raise ChannelRefused(f"The channel {name} is not configured.")


def fingerprint(setting: str) -> str:
    """By which a setting is known again, and which does not give it away."""
    return salted_hmac("tasks.classifieds.channels", setting, algorithm="sha256").hexdigest()


def _own(found: Options) -> list[tuple[str, str, bool]]:
    mail = bool(found.gmail_address and found.gmail_app_password and found.notify_email)
    return [
        ("discord", "Discord", bool(found.discord_webhook_url)),
        ("mail", f"Mail to {found.notify_email}", mail),
    ]


def _text(news: Sequence[News]) -> str:
    return "\n\n".join(f"{each.headline}\n{each.url}\nrule: {each.rule}" for each in news)
