"""A Messages API of our own: it finds in a ticket the problems that the demo's customers have, by fixed rules."""

import json
import re
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from tasks.demo import complaints
from tasks.demo.upstream import Clock, Reply, Request

API_KEY = "demo"
VERSION = "2023-06-01"
MODELS = ("claude-haiku-4-5", "claude-sonnet-4-5")
BATCHES = "/v1/messages/batches"
BATCH_LIFE = timedelta(hours=24)


class Messages:
    """The public attributes are switches for tests. `moods` and `fates` go by a part of the ticket's text."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.moods: dict[str, str] = {}  # max_tokens, refusal, garbled, misquoted, too_many, silent
        self.fates: dict[str, str] = {}  # of requests in batches: errored, canceled, expired, lost
        self.overloads = 0  # so many requests are answered with 529
        self.polls = 1  # how often a batch is looked at before it has ended
        self.remaining = 1000  # requests, as the headers tell
        self.batches: dict[str, dict[str, Any]] = {}  # by id, the oldest first
        self._requests: dict[str, list[Any]] = {}
        self._serial = count(1)

    def answers(self, path: str) -> bool:
        return path.startswith("/v1/messages")

    def reply(self, request: Request) -> Reply:
        if request.headers.get("x-api-key") != API_KEY:
            return _error(401, "authentication_error", "invalid x-api-key")
        if request.headers.get("anthropic-version") != VERSION:
            return _error(400, "invalid_request_error", "anthropic-version: header is required")
        if self.overloads:
            self.overloads -= 1
            return _error(529, "overloaded_error", "Overloaded")
        if request.path == "/v1/messages":
            reset = f"{self.clock.now() + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"
            reply = self._message(request.fields())
            limits = {"requests-remaining": str(self.remaining), "requests-reset": reset}
            named = {f"anthropic-ratelimit-{name}": value for name, value in limits.items()}
            return Reply(reply.status, {**reply.headers, **named}, reply.body)
        return self._begin(request.fields()) if request.method == "POST" else self._told(request.path)

    def _message(self, asked: dict[str, Any]) -> Reply:
        if asked.get("model") not in MODELS:
            return _error(404, "not_found_error", f"model: {asked.get('model')}")
        try:
            return Reply.of(self._answer(asked))
        except (KeyError, IndexError, TypeError):
            return _error(400, "invalid_request_error", "messages: this is no request")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        text, tool = str(asked["messages"][0]["content"]), asked["tool_choice"]["name"]
        mood = next((mood for part, mood in self.moods.items() if part in text), "")
        content = [] if mood in {"refusal", "silent"} else [_use(tool, mood, issues(text))]
        return {
            "id": f"msg_{next(self._serial)}",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": content,
            "stop_reason": {"max_tokens": "max_tokens", "refusal": "refusal", "silent": "end_turn"}.get(
                mood, "tool_use"
            ),
            "stop_sequence": None,
            "usage": {
                "input_tokens": len(json.dumps(asked)) // 4,
                "output_tokens": len(json.dumps(content)) // 4,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        }

    def _begin(self, asked: dict[str, Any]) -> Reply:
        requests = asked.get("requests") or []
        ids = [one["custom_id"] for one in requests]
        if not ids or len(set(ids)) < len(ids) or not all(re.fullmatch(r"[\w-]{1,64}", one) for one in ids):
            return _error(400, "invalid_request_error", "requests: custom_id must be unique")
        batch_id, now = f"msgbatch_{next(self._serial)}", self.clock.now()
        self._requests[batch_id] = requests
        self.batches[batch_id] = {
            "id": batch_id,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {"processing": len(ids), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": now.isoformat(),
            "expires_at": (now + BATCH_LIFE).isoformat(),
            "ended_at": None,
            "results_url": None,
            "polls": 0,
        }
        return Reply.of(self.batches[batch_id])

    def _told(self, path: str) -> Reply:
        if path == BATCHES:
            newest_first = list(reversed(self.batches.values()))
            return Reply.of({"data": newest_first, "has_more": False, "first_id": None, "last_id": None})
        batch_id, _, what = path.removeprefix(f"{BATCHES}/").partition("/")
        batch = self.batches.get(batch_id)
        if batch is None:
            return _error(404, "not_found_error", "There is no such batch.")
        if what == "results":
            return self._results(batch_id)
        batch["polls"] += 1
        if batch["polls"] > self.polls:
            ended = {"processing_status": "ended", "ended_at": self.clock.now().isoformat()}
            counts = {**batch["request_counts"], "processing": 0, "succeeded": len(self._requests[batch_id])}
            batch |= {**ended, "request_counts": counts, "results_url": f"https://elsewhere.example{path}/results"}
        return Reply.of(batch)

    def _results(self, batch_id: str) -> Reply:
        """One line a request, in any order."""
        lines = []
        for one in self._requests[batch_id]:
            text = str(one["params"]["messages"][0]["content"])
            fate = next((fate for part, fate in self.fates.items() if part in text), "succeeded")
            result: dict[str, Any] = {"type": fate}
            if fate == "succeeded":
                result["message"] = self._answer(one["params"])
            elif fate == "errored":
                result["error"] = {"type": "error", "error": {"type": "invalid_request_error", "message": "Too odd"}}
            if fate != "lost":
                lines.append(json.dumps({"custom_id": one["custom_id"], "result": result}))
        Random(len(lines)).shuffle(lines)  # noqa: S311  (an order guards nothing)
        return Reply(200, {"Content-Type": "application/binary"}, "\n".join(lines).encode())


def issues(text: str) -> list[dict[str, str]]:
    """What is wrong, according to the words of the demo's problems."""
    sentences = [found.strip() for found in re.split(r"(?<=[.!?])\s+|\n+|<[^>]*>", text) if found.strip()]
    found = []
    for problem in complaints.PROBLEMS:
        quote = next((one for one in sentences if one in problem.sentences), None)
        if quote:
            told = {"title": problem.title, "category": problem.category, "severity": problem.severity}
            found.append({**told, "summary": f"{problem.title}, says a customer.", "quote": quote})
    return found


def _use(tool: str, mood: str, found: list[dict[str, str]]) -> dict[str, Any]:
    asked: Any = {"issues": found}
    if mood == "garbled":
        asked = {"issues": [{"title": 7, "severity": "apocalyptic"}]}
    elif mood == "misquoted":
        asked = {"issues": [{**issue, "quote": "Nobody has ever said this."} for issue in found]}
    elif mood == "too_many":
        asked = {"issues": found * 30}
    elif mood == "max_tokens":
        asked = {}
    return {"type": "tool_use", "id": "toolu_1", "name": tool, "input": asked}


def _error(status: int, kind: str, message: str) -> Reply:
    told = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Reply.of(told, status, request_id="req_1")
