"""Tickets as a sync leaves them."""

from datetime import UTC, datetime
from typing import Any

from tasks.demo.complaints import PROBLEMS
from tasks.tickets.models import Ticket

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def make_ticket(number: int, text: str = "", **fields: Any) -> Ticket:
    """A ticket about one of the demo's problems, which waits for its analysis."""
    text = text or PROBLEMS[number % len(PROBLEMS)].sentences[0]
    told = {"subject": f"Ticket {number}", "description": f"Hello,\n{text}\nBo", "content_hash": f"hash {number}"}
    moments = {"opened_at": NOON, "changed_at": NOON, "synced_at": NOON, "generated_at": 1}
    return Ticket.objects.create(ticket_id=2**53 + number, **{**told, **moments, **fields})
