"""A Discord of our own: webhooks that count characters, refuse haste, and show what they were told at /discord."""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any

from tasks.demo.upstream import Clock, Reply, Request

ADDRESS = re.compile(r"/api(?:/v\d+)?/webhooks/(\d+)/([\w-]+)")
PAGE = "/discord"
KEPT = 200  # messages
LIMIT, WINDOW = 5, timedelta(seconds=2)  # messages of one webhook in that time
EMBEDS, FIELDS, TOTAL = 10, 25, 6000
LONGEST = {"title": 256, "description": 4096}
NAME, VALUE, FOOTER, AUTHOR, CONTENT = 256, 1024, 2048, 256, 2000
STYLE = (
    "body{font:15px system-ui;margin:2rem auto;max-width:46rem;padding:0 1rem;background:#f4f5f7;color:#1f2328}"
    "article{background:#fff;border-left:5px solid #999;border-radius:6px;margin:.8rem 0;padding:.8rem 1rem}"
    "h2{font-size:1rem;margin:0 0 .4rem}dl{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin:0}"
    "dt{font-size:.75rem;color:#57606a}dd{margin:0}footer,time{font-size:.8rem;color:#57606a}"
)


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    sent_at: datetime
    username: str
    content: str
    embeds: list[dict[str, Any]]


@dataclass(slots=True)
class Discord:
    """Takes messages for any webhook that was not deleted."""

    clock: Clock
    messages: list[Message] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)  # ids of webhooks
    limit: int = LIMIT
    number: int = 1_000_000
    _latest: dict[str, deque[datetime]] = field(default_factory=dict)  # by webhook

    def answers(self, path: str) -> bool:
        return path == PAGE or bool(ADDRESS.fullmatch(path))

    def reply(self, request: Request) -> Reply:
        if request.path == PAGE:
            return self._page()
        found = ADDRESS.fullmatch(request.path)
        if not found or found[1] in self.deleted:
            return Reply.of({"message": "Unknown Webhook", "code": 10015}, 404)
        if request.method != "POST":
            return Reply.of({"message": "405: Method Not Allowed", "code": 0}, 405)
        limits = self._limits(found[1])
        if "Retry_After" in limits:
            seconds = float(limits["X_RateLimit_Reset_After"])
            body = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
            return Reply.of(body, 429, **limits)
        return self._take(request, limits)

    def _take(self, request: Request, limits: dict[str, str]) -> Reply:
        sent = request.fields()
        if errors := complaints(sent):
            return Reply.of({"message": "Invalid Form Body", "code": 50035, "errors": errors}, 400, **limits)
        self.number += 1
        embeds = list({embed.get("url") or index: embed for index, embed in _reversed(sent)}.values())[::-1]
        message = Message(
            self.number, self.clock.now(), str(sent.get("username", "")), str(sent.get("content", "")), embeds
        )
        self.messages = [*self.messages, message][-KEPT:]
        if request.params.get("wait") != "true":
            return Reply(204, {name.replace("_", "-"): value for name, value in limits.items()})
        stored = {"id": str(message.id), "type": 0, "content": message.content, "embeds": embeds}
        return Reply.of(stored, 200, **limits)

    def _limits(self, webhook: str) -> dict[str, str]:
        """The headers of the answer; with Retry_After if the message comes too soon."""
        now = self.clock.now()
        latest = self._latest.setdefault(webhook, deque())
        while latest and latest[0] <= now - WINDOW:
            latest.popleft()
        refused = len(latest) >= self.limit
        if not refused:
            latest.append(now)
        reset = max((latest[0] + WINDOW - now).total_seconds(), 0.001)
        headers = {
            "X_RateLimit_Limit": str(self.limit),
            "X_RateLimit_Remaining": str(self.limit - len(latest)),
            "X_RateLimit_Reset": f"{(now + timedelta(seconds=reset)).timestamp():.3f}",
            "X_RateLimit_Reset_After": f"{reset:.3f}",
            "X_RateLimit_Bucket": "demo",
        }
        return headers | ({"Retry_After": f"{reset:.3f}", "X_RateLimit_Scope": "user"} if refused else {})

    def _page(self) -> Reply:
        """What has arrived, the latest first; all of it escaped."""
        shown = "".join(_shown(message) for message in reversed(self.messages)) or "<p>Nothing has been told yet.</p>"
        page = (
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Demo Discord</title><style>{STYLE}</style>"
            f"<h1>What the demo's Discord was told</h1>{shown}</html>"
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return Reply(200, headers, page.encode(errors="replace"))


def complaints(sent: dict[str, Any]) -> dict[str, Any]:
    """What Discord would refuse, by the parts of the message; empty if nothing."""
    embeds = sent.get("embeds", [])
    if not isinstance(embeds, list) or not all(isinstance(embed, dict) for embed in embeds):
        return {"embeds": _error("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")}
    content = str(sent.get("content", ""))
    if not embeds and not content:
        return {"_errors": [{"code": "CANNOT_SEND_EMPTY_MESSAGE", "message": "Cannot send an empty message"}]}
    if len(content) > CONTENT:
        return {"content": _too_long(CONTENT)}
    if len(embeds) > EMBEDS:
        return {"embeds": _error("BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")}
    if sum(map(characters, embeds)) > TOTAL:
        told = f"The sum of all characters in all embeds must be {TOTAL} or fewer"
        return {"embeds": _error("MAX_EMBED_SIZE_EXCEEDED", told)}
    found = {str(index): wrong for index, embed in enumerate(embeds) if (wrong := _wrong(embed))}
    return {"embeds": found} if found else {}


def characters(embed: dict[str, Any]) -> int:
    fields = sum(len(each.get("name", "")) + len(each.get("value", "")) for each in embed.get("fields", []))
    footer, author = embed.get("footer", {}).get("text", ""), embed.get("author", {}).get("name", "")
    return sum(len(embed.get(name, "")) for name in LONGEST) + fields + len(footer) + len(author)


def _wrong(embed: dict[str, Any]) -> dict[str, Any]:
    wrong = {name: _too_long(limit) for name, limit in LONGEST.items() if len(embed.get(name, "")) > limit}
    if len(embed.get("footer", {}).get("text", "")) > FOOTER:
        wrong["footer"] = {"text": _too_long(FOOTER)}
    if len(embed.get("author", {}).get("name", "")) > AUTHOR:
        wrong["author"] = {"name": _too_long(AUTHOR)}
    fields = embed.get("fields", [])
    if len(fields) > FIELDS:
        wrong["fields"] = _error("BASE_TYPE_MAX_LENGTH", f"Must be {FIELDS} or fewer in length.")
    for each in fields:
        for name, limit in (("name", NAME), ("value", VALUE)):
            if not each.get(name):
                wrong["fields"] = _error("BASE_TYPE_REQUIRED", "This field is required")
            elif len(each[name]) > limit:
                wrong["fields"] = _too_long(limit)
    return wrong


def _too_long(limit: int) -> dict[str, Any]:
    return _error("BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"_errors": [{"code": code, "message": message}]}


def _reversed(sent: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The embeds from the last to the first, so that of several with one address the first stays."""
    return list(enumerate(sent.get("embeds", [])))[::-1]


def _shown(message: Message) -> str:
    return "".join(_shown_embed(embed, message) for embed in message.embeds) or (
        f"<article>{escape(message.content)}</article>"
    )


def _shown_embed(embed: dict[str, Any], message: Message) -> str:
    title, url = (escape(_plain(str(embed.get(name, "")))) for name in ("title", "url"))
    colour = int(embed.get("color") or 0) & 0xFFFFFF
    rows = "".join(
        f"<div><dt>{escape(str(each.get('name', '')))}</dt><dd>{escape(_plain(str(each.get('value', ''))))}</dd></div>"
        for each in embed.get("fields", [])
    )
    link = f'<a href="{url}" rel="noreferrer">{title}</a>' if url.startswith(("http://", "https://")) else title
    footer = escape(str(embed.get("footer", {}).get("text", "")))
    return (
        f'<article style="border-color:#{colour:06x}"><h2>{link}</h2><dl>{rows}</dl>'
        f"<footer>{footer} · <time>{message.sent_at:%Y-%m-%d %H:%M:%S} UTC</time></footer></article>"
    )


def _plain(text: str) -> str:
    """Without the backslashes that keep characters from being Markdown, as Discord shows it."""
    return re.sub(r"\\(?=[^\w\s])", "", text)
