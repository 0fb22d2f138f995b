"""Anthropic's Messages API, spoken to over HTTP; no more of it than is needed here."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.exceptions import AbortRun, UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.tickets.conf import Options

VERSION = "2023-06-01"
RATE = Rate(per_second=5, burst=10)  # what the account allows beyond that, its headers say
READ_TIMEOUT = 600.0  # seconds without a byte
PATH = "/v1/messages"
BATCHES = "/v1/messages/batches"
LISTED = 100  # batches, the newest
LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")

REFUSALS = {
    401: "Anthropic does not accept the key: check ANTHROPIC_API_KEY.",
    402: "Anthropic's account has no credit: see to its billing, or set DAILY_TOKENS lower.",
    403: "Anthropic's key may not use this model: check ANTHROPIC_API_KEY and ANTHROPIC_MODEL.",
    404: "Anthropic knows no such model: check ANTHROPIC_MODEL and ANTHROPIC_BASE_URL.",
}
SAID = {  # with a status that may mean anything else, 400 for the most part
    "credit balance": REFUSALS[402],
    "usage limits": "Anthropic's account has reached the usage limit that is set for it: raise it in the console.",
    "organization has been disabled": "Anthropic has disabled the organisation of ANTHROPIC_API_KEY: see its console.",
}


class Refused(AbortRun):
    """Anthropic would refuse every other request too."""


@dataclass(frozen=True, slots=True)
class Message:
    """An answer of the model; `tool_input` is what it recorded, None if nothing."""

    stop_reason: str
    tool_input: Any
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class BatchState:
    batch_id: str
    created_at: datetime
    has_ended: bool
    size: int  # requests


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request of a batch."""

    custom_id: str
    outcome: str  # succeeded, errored, canceled or expired
    message: Message | None  # where it succeeded
    error: str  # Anthropic's word for what is wrong, where it erred


class Claude:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._api = Client(
            "Anthropic",
            options.anthropic_base_url,
            headers={
                "User-Agent": options.user_agent,
                "x-api-key": options.anthropic_api_key,
                "anthropic-version": VERSION,
            },
            rate=RATE,
            credential=options.anthropic_api_key,
            deadline=deadline,
            read_timeout=READ_TIMEOUT,
            pause=pause,
        )

    def close(self) -> None:
        self._api.close()

    def ask(self, params: Mapping[str, Any]) -> Message:
        """The answer to one request. It may be asked twice, and paid twice, if the first answer is lost."""
        try:
            return self._api.post(PATH, _message, data=params, retries=True)
        except UpstreamError as error:
            raise _advised(error) from error

    def begin(self, requests: Mapping[str, Mapping[str, Any]]) -> BatchState:
        """Hand in a batch of requests by their ids, once: what became of it is not known when the answer is lost."""
        told = [{"custom_id": custom_id, "params": params} for custom_id, params in requests.items()]
        try:
            return self._api.post(BATCHES, _batch, data={"requests": told})
        except UpstreamError as error:
            raise _advised(error) from error

    def batch(self, batch_id: str) -> BatchState | None:
        """How it stands; None if there is none of that id any more."""
        try:
            return self._api.get(f"{BATCHES}/{batch_id}", _optional_batch, expect={404})
        except UpstreamError as error:
            raise _advised(error) from error

    def batches(self) -> list[BatchState]:
        """The newest ones."""
        try:
            return self._api.get(BATCHES, _batches, params={"limit": LISTED})
        except UpstreamError as error:
            raise _advised(error) from error

    def results(self, batch_id: str) -> Iterator[Result]:
        """What became of the requests of a batch that has ended, in any order; lines that are none are left out.

        They are asked for at our own address of it: the one that the batch names would be sent the key too.
        """
        for line in self._api.lines(f"{BATCHES}/{batch_id}/results"):
            if (result := _result(line)) is not None:
                yield result


def pause(headers: Mapping[str, str], _: int) -> float | None:
    """Seconds until there is room again, once one of the account's limits is reached."""
    return time_to_reset(headers, datetime.now(UTC))


def time_to_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    waits = []
    for limit in LIMITS:
        if headers.get(f"anthropic-ratelimit-{limit}-remaining") != "0":
            continue
        try:
            resets_at = datetime.fromisoformat(headers.get(f"anthropic-ratelimit-{limit}-reset", ""))
        except ValueError:
            continue
        waits.append((resets_at.replace(tzinfo=resets_at.tzinfo or UTC) - now).total_seconds())
    return max(waits, default=None)


def _advised(error: UpstreamError) -> Exception:
    """The error, or what to do about it where every further request would be refused too."""
    advice = next((advice for words, advice in SAID.items() if words in error.body.lower()), None)
    if advice is None or error.retryable:
        advice = REFUSALS.get(error.status or 0)
    return Refused(advice) if advice else error


def _message(answer: Answer) -> Message:
    found = _parsed(as_json(answer))
    if found is None:
        raise UpstreamError("sent no message", retryable=True)
    return found


def _parsed(raw: Any) -> Message | None:
    try:
        used = raw["usage"]
        kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        calls = [part["input"] for part in raw["content"] if part["type"] == "tool_use"]
        return Message(
            stop_reason=str(raw["stop_reason"]),
            tool_input=calls[0] if calls else None,
            input_tokens=sum(max(int(used.get(kind) or 0), 0) for kind in kinds),
            output_tokens=max(int(used["output_tokens"]), 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _batch(answer: Answer) -> BatchState:
    return _state(as_json(answer))


def _optional_batch(answer: Answer) -> BatchState | None:
    return None if answer.status == 404 else _batch(answer)


def _batches(answer: Answer) -> list[BatchState]:
    found = as_json(answer)
    try:
        return [_state(raw) for raw in found["data"]]
    except (KeyError, TypeError):
        raise UpstreamError("sent no list of batches", retryable=True) from None


def _state(raw: Any) -> BatchState:
    try:
        batch_id, created_at = str(raw["id"]), datetime.fromisoformat(raw["created_at"])
        if not batch_id.replace("_", "").replace("-", "").isalnum() or len(batch_id) > 100:
            raise ValueError(batch_id)
        return BatchState(
            batch_id=batch_id,
            created_at=created_at.replace(tzinfo=created_at.tzinfo or UTC),
            has_ended=raw["processing_status"] == "ended",
            size=sum(int(count) for count in raw["request_counts"].values()),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UpstreamError("sent no batch", retryable=True) from None


def _result(line: bytes) -> Result | None:
    try:
        raw = json.loads(line)
        result = raw["result"]
        error = result.get("error") or {}
        kind = str((error.get("error") or error).get("type") or "")
        message = _parsed(result.get("message")) if result["type"] == "succeeded" else None
        return Result(str(raw["custom_id"]), str(result["type"]), message, kind[:100])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
