"""One sync: the figures of the latest posts of each account, read and kept; no failure stops the others."""

from typing import Any


def sync_all(context: Any) -> dict[str, Any]:
    raise NotImplementedError


def sync_one(context: Any, business_id: int) -> dict[str, Any]:
    raise NotImplementedError
