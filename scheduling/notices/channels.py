"""Channels: where messages go. A setting has the address of each; rules know them by their names.

http(s):// and json(s):// are web hooks, which `outbound` delivers. Everything else is apprise's.
"""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import apprise

from scheduling.conf import options
from scheduling.exceptions import NotDelivered
from scheduling.notices import hooks, outbound
from scheduling.redact import DOTS, plain

HOOKS = {"http": "http", "https": "https", "json": "http", "jsons": "https"}  # schema -> how it is spoken to
MAIL = ("mailto", "mailtos")  # a mail server in the own network is no web hook
UNGUARDED = ("xml", "xmls", "form", "forms", "apprise", "apprises")  # web hooks that apprise would post by itself
logging.getLogger("apprise").propagate = False  # it logs whole addresses; what it says is told by us, redacted
BREAK = "\N{ZERO WIDTH SPACE}"  # keeps what a task has said from calling anybody


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel gets at once: a title, a text for people, and the lines as facts for programs."""

    id: UUID
    title: str
    text: str
    lines: list[dict[str, Any]] = field(default_factory=list)


def names() -> list[str]:
    """Those that are configured, in alphabetical order."""
    return sorted(options().notice_channels)


def kind(name: str) -> str:
    """What the channel speaks: "discord", "mailtos", "web hook"; the address itself stays untold."""
    schema = _schema(options().notice_channels.get(name, ""))
    return "web hook" if schema in HOOKS else schema


def complaint(name: str) -> str:
    """Why nothing could be sent on the channel; empty if it looks well."""
    address = options().notice_channels.get(name)
    if address is None:
        return f"No channel {name!r} is configured: set NOTICE_CHANNEL_{name.upper()}."
    schema = _schema(address)
    if schema in HOOKS:
        try:
            fine = bool(urlsplit(address).hostname) and urlsplit(address).port != 0
        except ValueError:
            fine = False
        return "" if fine else f"NOTICE_CHANNEL_{name.upper()} is no complete address of a web hook."
    if schema in UNGUARDED and not options().notice_private:
        return f"{schema}:// cannot be kept from private addresses: use json(s)://, or {outbound.PRIVATE}."
    with _Overheard() as said:
        plugin = _plugin(address)
    if plugin:
        return ""
    why = said.text.replace(address.partition("://")[2] or address, DOTS)
    return f"apprise cannot read NOTICE_CHANNEL_{name.upper()}. {why}".strip()


def send(name: str, message: Message, now: datetime) -> None:
    """Deliver `message`. Raises NotDelivered, which says what is wrong without a secret."""
    if wrong := complaint(name):
        raise NotDelivered(wrong, final=True)
    address = options().notice_channels[name]
    schema = _schema(address)
    if schema in HOOKS:
        body = hooks.body_of(message.id, message.title, message.text, message.lines, now)
        url = f"{HOOKS[schema]}://{address.partition('://')[2]}"
        outbound.post(url, body, hooks.headers_of(message.id, body, now))
    else:
        _send_by_apprise(address, schema, message)


def _send_by_apprise(address: str, schema: str, message: Message) -> None:
    with _Overheard() as said:
        plugin: Any = _plugin(address)
        if schema not in MAIL:
            _check_host(plugin)
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
        try:
            done = plugin.notify(
                body=_harmless(message.text), title=_harmless(message.title), body_format=apprise.NotifyFormat.TEXT
            )
        except Exception as error:  # a plugin's own; whatever it is, the message did not arrive
            raise NotDelivered(plain(f"{type(error).__name__}: {error}")) from error
    if not done:
        raise NotDelivered(said.text or f"{plugin.service_name} did not take it, and did not say why.")


def _check_host(plugin: Any) -> None:
    """Refuse a host of one's own choice that is not public; what is no host at all (a topic, an id) is left alone."""
    host = getattr(plugin, "host", None)
    if options().notice_private or not host or not any("{host}" in each for each in plugin.templates):
        return
    try:
        found = outbound.resolve(str(host), getattr(plugin, "port", None) or 443)
    except NotDelivered:
        return
    if not all(map(outbound.is_public, found)):
        raise NotDelivered(f"Its host {host} is not public; {outbound.PRIVATE}.", final=True)


def _plugin(address: str) -> Any:
    asset = apprise.AppriseAsset(app_id="Rota", app_url=options().site_url, app_desc="Rota", storage_mode="memory")
    asset.http_redirects = False
    return apprise.Apprise.instantiate(address, asset=asset)


def _schema(address: str) -> str:
    return address.partition("://")[0].lower()


def _harmless(text: str) -> str:
    """`text` in which nothing mentions anybody: @everyone and <@1> of Discord, <!channel> of Slack."""
    return text.replace("@everyone", f"@{BREAK}everyone").replace("@here", f"@{BREAK}here").replace("<", f"<{BREAK}")


class _Overheard(logging.Handler):
    """What apprise logs in this thread while it lasts: nothing else tells why a message did not arrive."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        return plain(" ".join(self.lines))[:400]

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.lines.append(" ".join(record.getMessage().split()))

    def __enter__(self) -> "_Overheard":
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
