"""Puts what Zendesk tells into rows, so that doing it again changes nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import connection, transaction

from tasks.tickets import zendesk
from tasks.tickets.models import Analysis, Comment, Issue, Stream, Ticket

BATCH = 200  # rows a statement
TOLD = (  # what Zendesk tells, under the same names
    *("subject", "description", "status", "priority", "tags", "channel", "requester_id", "organization_id"),
    *("opened_at", "changed_at", "is_deleted"),
)
OURS = (
    "description_is_internal",
    "content_hash",
    "comments_hash",
    "comments_due",
    "analysis",
    "analysed_hash",
    "analysis_attempts",
    "analysis_error",
)
WRITTEN = (*TOLD, *OURS, "generated_at", "synced_at")


@dataclass(slots=True)
class Counts:
    """How many tickets came, what became of them, and how many comments were stored."""

    fetched: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    comments: int = 0
    failed: int = 0


@transaction.atomic
def merge(
    stream: Stream,
    tickets: Iterable[zendesk.Ticket],
    position: Mapping[str, Any],
    counts: Counts,
    now: datetime,
) -> None:
    """Keep a page of tickets, and with it how far `stream` was read.

    Of a ticket that comes twice the newest version counts, and none replaces a newer one that is stored.
    """
    Stream.objects.select_for_update().get(pk=stream.pk)  # one page at a time, whoever walks
    by_id = {ticket.ticket_id: ticket for ticket in sorted(tickets, key=lambda ticket: ticket.generated_at)}
    known = Ticket.objects.select_for_update().in_bulk(by_id)
    written, untouched = [], []
    for ticket_id, ticket in by_id.items():
        row = known.get(ticket_id)
        if row and (row.generated_at > ticket.generated_at or _is_as_told(row, ticket)):
            untouched.append(ticket_id)
            continue
        counts.new += row is None
        counts.changed += row is not None
        counts.deleted += ticket.is_deleted and not (row and row.is_deleted)
        written.append(_written(row or Ticket(ticket_id=ticket_id), ticket, now))
    counts.unchanged += len(untouched)
    Ticket.objects.filter(pk__in=untouched).update(synced_at=now)
    _upsert(written)
    forget([row.ticket_id for row in written if row.is_deleted])
    if position:
        Stream.objects.filter(pk=stream.pk).update(**position)


def forget(ticket_ids: Iterable[int]) -> None:
    """What was kept of tickets that are deleted goes too: a customer may have asked for it."""
    gone = list(ticket_ids)
    if gone:
        Issue.objects.filter(ticket__in=gone).delete()
        Comment.objects.filter(ticket__in=gone).delete()


def content_hash(ticket: Ticket) -> str:
    """By what the analysis knows that it has read this content."""
    return digest([ticket.subject, ticket.description, ticket.description_is_internal, ticket.comments_hash])


def digest(value: Any) -> str:
    return sha256(json.dumps(value).encode()).hexdigest()


def upsert_target(column: str) -> list[str] | None:
    """The `unique_fields` of an upsert; MariaDB finds the constraint by itself, and takes none."""
    return [column] if connection.features.supports_update_conflicts_with_target else None


def _is_as_told(row: Ticket, ticket: zendesk.Ticket) -> bool:
    if ticket.is_deleted and row.is_deleted:
        return True
    if ticket.is_internal and not row.description_is_internal:
        return False
    return all(getattr(row, name) == getattr(ticket, name) for name in TOLD)


def _written(row: Ticket, ticket: zendesk.Ticket, now: datetime) -> Ticket:
    """`row`, as Zendesk tells it now."""
    has_moved = row.changed_at != ticket.changed_at  # None, if it is new
    for name in TOLD:
        setattr(row, name, getattr(ticket, name))
    row.generated_at, row.synced_at = ticket.generated_at, now
    if ticket.is_deleted:
        row.subject = row.description = row.comments_hash = row.analysed_hash = row.analysis_error = ""
        row.comments_due, row.analysis = False, Analysis.DONE
        row.description_is_internal, row.content_hash = False, ""
        return row
    # A later public reply makes the ticket public, and not the note that it began with: only the comments can say so.
    row.description_is_internal = row.description_is_internal or ticket.is_internal
    row.comments_due = row.comments_due or has_moved
    read_anew(row, content_hash(row))
    return row


def read_anew(row: Ticket, content: str) -> None:
    """To be analysed again if the content is another; a batch that it is in stays known, for its bill."""
    if row.content_hash != content:
        row.content_hash = content
        row.analysis, row.analysis_attempts, row.analysis_error = Analysis.PENDING, 0, ""


def _upsert(rows: list[Ticket]) -> None:
    Ticket.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=upsert_target("ticket_id"),
        update_fields=WRITTEN,
        batch_size=BATCH,
    )
