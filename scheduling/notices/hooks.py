"""Web hooks: what is posted, and how it is signed, as https://www.standardwebhooks.com says it.

The body is a JSON object:

    {"version": 1, "id": "…", "sent_at": "…Z", "instance": "default", "title": "…", "text": "…",
     "notices": [{"event": "failed", "status": "open", "rule": "…", "incident": 7, "count": 1, "subject": "job:nightly",
                  "job": "nightly", "job_name": "…", "tags": [], "task": "…", "run": 12, "state": "failed",
                  "attempt": 1, "scheduled_for": "…Z", "started_at": "…Z", "finished_at": "…Z", "late_seconds": 0.2,
                  "error_class": "ValueError", "error_message": "…", "summary": "…", "url": "https://…"}]}

`status` is open, repeated, closed or test; what is not known of a line is null. A message that is sent again, because
it was not known whether it arrived, has the same id, which is in the header `webhook-id`, too.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduling.conf import options

PREFIX = "whsec_"  # before a secret in base64


def body_of(message: UUID, title: str, text: str, lines: list[dict[str, Any]], now: datetime) -> bytes:
    """The JSON that a web hook gets."""
    return json.dumps(
        {
            "version": 1,
            "id": str(message),
            "sent_at": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "instance": options().instance,
            "title": title,
            "text": text,
            "notices": lines,
        },
        ensure_ascii=False,
    ).encode()


def headers_of(message: UUID, body: bytes, now: datetime) -> dict[str, str]:
    """What goes with `body`: its id, the moment, and the signature over all three if there is a secret."""
    told = {
        "Content-Type": "application/json",
        "webhook-id": str(message),
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if options().notice_secret:
        told["webhook-signature"] = f"v1,{signature(options().notice_secret, told, body)}"
    return told


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """HMAC-SHA256 of "id.timestamp.body", in base64."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except ValueError:
            pass  # a text that only looks like it
    return secret.encode()
