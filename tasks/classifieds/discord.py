"""Discord: matches as embeds, by a webhook. Its address is a secret, which no error repeats."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from scheduling.exceptions import NotDelivered
from tasks.classifieds.exceptions import ChannelRefused
from tasks.classifieds.models import Occasion
from tasks.classifieds.news import WORDS, News
from tasks.exceptions import UpstreamError
from tasks.http import LONGEST_WAIT, Answer, Client, Deadline, Rate, as_json

RATE = Rate(per_second=2, burst=5)  # a webhook takes 5 in 2 s; what its headers say comes before this
EMBEDS = 10  # in one message
CHARACTERS = 6000  # over all embeds of a message
TITLE, NAME, VALUE, FOOTER = 256, 256, 1024, 2048  # characters
TRIES = 3  # of one message that is refused with 429
LONGEST_ANSWER = 1_000_000  # bytes
COLOURS = {
    Occasion.NEW: 0x2ECC71,
    Occasion.EDITED: 0x3498DB,
    Occasion.CHEAPER: 0xE67E22,
    Occasion.REOPENED: 0x9B59B6,
}
MARKDOWN = re.compile(r"([\\*_~`|>\[\]()#<@-])")
GONE = "Discord does not know this webhook any more (404). Make a new one and set DISCORD_WEBHOOK_URL."
FORBIDDEN = "Discord refuses this webhook ({}). Make a new one and set DISCORD_WEBHOOK_URL."


class Discord:
    together = EMBEDS

    def __init__(self, webhook: str, user_agent: str, deadline: Deadline) -> None:
        parts = urlsplit(webhook)
        self.setting = webhook
        query = urlencode({**dict(parse_qsl(parts.query)), "wait": "true"})
        self._path = f"{parts.path}?{query}"
        self._client = Client(
            "Discord",
            f"{parts.scheme}://{parts.netloc}",
            deadline=deadline,
            headers={"User-Agent": user_agent},
            rate=RATE,
            credential=webhook,
            body_limit=LONGEST_ANSWER,
            pause=pause,
        )

    def close(self) -> None:
        self._client.close()

    def pieces(self, news: Sequence[News]) -> list[list[int]]:
        """Which of the news go into one message, by their places: embeds with the same address would become one."""
        pieces: list[list[int]] = []
        room, urls = 0, set[str]()
        for index, each in enumerate(news):
            size = length(embed(each))
            if not pieces or len(pieces[-1]) == EMBEDS or size > room or each.url in urls:
                pieces.append([])
                room, urls = CHARACTERS, set()
            pieces[-1].append(index)
            room -= size
            urls.add(each.url)
        return pieces

    def send(self, news: Sequence[News], now: datetime) -> None:
        """Post one message, and see it confirmed. Raises NotDelivered, ChannelRefused, RetryLater, DeadlineReached.

        After a refusal for haste it is sent again when Discord allows, if that is soon; a lost answer is for the caller
        to repeat.
        """
        body = {"username": "AudioWatch", "allowed_mentions": {"parse": []}, "embeds": [embed(each) for each in news]}
        wait = 0.0
        for _ in range(TRIES):
            try:
                return self._client.post(self._path, _confirmed, data=body)
            except UpstreamError as error:
                if error.status != 429:
                    raise _refused(error) from None
                wait = error.retry_after or _asked_for(error.body)
                if wait > LONGEST_WAIT:
                    break
        raise NotDelivered("Discord wants fewer messages (429).", retry_in=wait)


def embed(news: News) -> dict[str, Any]:
    """One match; all texts of others are shown as they are, and cut to what Discord takes."""
    found: dict[str, Any] = {
        "title": cut(harmless(f"{WORDS[news.occasion]}: {news.title}"), TITLE),
        "url": news.url,
        "color": COLOURS[news.occasion],
        "fields": [
            {"name": cut(name, NAME), "value": cut(harmless(value), VALUE), "inline": True}
            for name, value in news.facts
        ],
        "footer": {"text": cut(f"rule: {news.rule}", FOOTER)},
    }
    if news.listed_at:
        found["timestamp"] = news.listed_at.isoformat()
    if news.cover:
        found["thumbnail"] = {"url": news.cover}
    return found


def length(embed: Mapping[str, Any]) -> int:
    """What Discord counts of an embed, in characters."""
    fields = sum(len(field["name"]) + len(field["value"]) for field in embed["fields"])
    return len(embed["title"]) + fields + len(embed["footer"]["text"])


def cut(text: str, limit: int) -> str:
    """`text`, with an ellipsis in place of what is too much; no backslash is left without its character."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip('\\')}…"


def harmless(text: str) -> str:
    """`text` in which nothing is formatted, linked or called."""
    return MARKDOWN.sub(r"\\\1", text)


def pause(headers: Mapping[str, str], status: int) -> float | None:
    """For how long nobody posts: told with each answer, before there is a refusal."""
    if status == 429:
        return _seconds(headers.get("Retry-After", "")) or _seconds(headers.get("X-RateLimit-Reset-After", ""))
    if headers.get("X-RateLimit-Remaining", "").strip() == "0":
        return _seconds(headers.get("X-RateLimit-Reset-After", ""))
    return None


def _confirmed(answer: Answer) -> None:
    """With `wait`, Discord answers with the message it has stored."""
    stored = as_json(answer)
    if not isinstance(stored, dict) or "id" not in stored:
        raise UpstreamError("did not confirm the message", retryable=True)


def _refused(error: UpstreamError) -> NotDelivered:
    """What a failure means for the message. The error's own text has the address in it."""
    if error.status == 404:
        return ChannelRefused(GONE)
    if error.status in {401, 403}:
        return ChannelRefused(FORBIDDEN.format(error.status))
    if error.status is None or error.retryable:
        return NotDelivered(f"Discord answered {error.status}." if error.status else "Discord did not confirm it.")
    return NotDelivered(f"Discord refused the message ({error.status}): {error.body[:200]}", final=True)


def _asked_for(body: str) -> float:
    """The seconds that the body of a 429 names."""
    try:
        found = json.loads(body)["retry_after"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0.0
    return _seconds(str(found)) or 0.0


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < 86_400 else None
