"""The second pass of a sync: what was written in the tickets that are new or have changed.

A ticket stays due until its comments are stored, so that a run that was killed leaves none without them for ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched

from django.db import transaction

from tasks.exceptions import AbortRun, InvalidItem, UpstreamError
from tasks.recording import Entry
from tasks.tickets import zendesk
from tasks.tickets.conf import Options
from tasks.tickets.merge import BATCH, Counts, content_hash, digest, read_anew, upsert_target
from tasks.tickets.models import Comment, Ticket

CHUNK = 50  # tickets whose comments are stored together, unless there are
MOST = 500  # comments before that
OUT_AFTER = 3  # tickets in a row for which Zendesk fails


class ZendeskOut(AbortRun):
    """Zendesk fails for all tickets alike; their comments are left for the next run."""


@dataclass(frozen=True, slots=True)
class Fetched:
    ticket: Ticket  # as it was when they were asked for
    comments: list[zendesk.Comment]  # but for the first, if that is the description
    first_is_internal: bool | None = None  # the first, which the description repeats; None: nobody knows


def fetch_comments(api: zendesk.Zendesk, options: Options, entry: Entry, counts: Counts) -> None:
    """Work off all tickets whose comments are due. Raises ZendeskOut."""
    entry.expect(Ticket.objects.filter(comments_due=True).count())
    fetching = _Fetching(api, entry, counts)
    for chunk in _due():
        fetched: list[Fetched] = []
        try:
            for ticket in chunk:
                fetching.fetch(ticket, fetched)
                if sum(len(one.comments) for one in fetched) >= MOST:
                    counts.comments += keep(fetched, internal_notes=options.internal_notes)
                    fetched.clear()
        finally:
            counts.comments += keep(fetched, internal_notes=options.internal_notes)


def _due() -> Iterator[list[Ticket]]:
    last = 0
    due = Ticket.objects.filter(comments_due=True).only("changed_at", "description").order_by("ticket_id")
    while chunk := list(due.filter(ticket_id__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].ticket_id


class _Fetching:
    """Asks for the comments of one ticket after another, and notices when Zendesk is out."""

    def __init__(self, api: zendesk.Zendesk, entry: Entry, counts: Counts) -> None:
        self._api = api
        self._entry = entry
        self._counts = counts
        self._out = 0

    def fetch(self, ticket: Ticket, fetched: list[Fetched]) -> None:
        before = len(fetched)
        with self._entry.item(f"comments of ticket {ticket.ticket_id}"):
            try:
                fetched.append(self._understood(ticket))
                self._out = 0
            except UpstreamError as error:
                self._failed(error)
                if error.status != 404:
                    raise
                fetched.append(Fetched(ticket, []))  # it is gone; the export will say so
        self._counts.failed += len(fetched) == before

    def _failed(self, error: UpstreamError) -> None:
        self._out = self._out + 1 if error.retryable else 0
        if self._out >= OUT_AFTER:
            raise ZendeskOut(f"{error}: the other comments are left for the next run.") from error

    def _understood(self, ticket: Ticket) -> Fetched:
        """All but those that are no comments; the first is the description, and kept where it says something else."""
        comments: list[zendesk.Comment] = []
        first_is_internal = None
        for place, raw in enumerate(self._api.comments(ticket.ticket_id)):
            try:
                comment = zendesk.parse_comment(raw)
            except InvalidItem as error:
                self._entry.log(f"ticket {ticket.ticket_id}: {error}")
                continue
            if place == 0:
                first_is_internal = not comment.is_public
            if place or comment.body != ticket.description:
                comments.append(comment)
        return Fetched(ticket, comments, first_is_internal)


@transaction.atomic
def keep(fetched: list[Fetched], *, internal_notes: bool) -> int:
    """Store the comments of these tickets, and of them alone; says how many there are.

    A ticket that has changed since they were asked for stays due.
    """
    seen = {one.ticket.ticket_id: one for one in fetched}
    rows = Ticket.objects.select_for_update().filter(comments_due=True).in_bulk(seen)
    current = [(row, seen[pk]) for pk, row in rows.items() if row.changed_at == seen[pk].ticket.changed_at]
    told = {one.comment_id: _row(ticket, one) for ticket, found in current for one in found.comments}
    stored = Comment.objects.filter(ticket__in=[ticket.ticket_id for ticket, _ in current])
    gone = [pk for pk in stored.values_list("pk", flat=True) if pk not in told]
    for chunk in batched(gone, BATCH, strict=False):
        Comment.objects.filter(pk__in=chunk).delete()
    Comment.objects.bulk_create(
        told.values(),
        update_conflicts=True,
        unique_fields=upsert_target("comment_id"),
        update_fields=["ticket", "author_id", "is_public", "body", "written_at"],
        batch_size=BATCH,
    )
    for ticket, found in current:
        if found.first_is_internal is not None:
            ticket.description_is_internal = found.first_is_internal
        _done(ticket, [comment for comment in found.comments if comment.is_public or internal_notes])
    return len(told)


def _row(ticket: Ticket, comment: zendesk.Comment) -> Comment:
    return Comment(
        comment_id=comment.comment_id,
        ticket=ticket,
        author_id=comment.author_id,
        is_public=comment.is_public,
        body=comment.body,
        written_at=comment.written_at,
    )


def _done(ticket: Ticket, read: list[zendesk.Comment]) -> None:
    """`read`: those that the analysis reads."""
    ticket.comments_hash = digest([[one.comment_id, one.body] for one in read]) if read else ""
    ticket.comments_due = False
    read_anew(ticket, content_hash(ticket))
    ticket.save(
        update_fields=[
            *("description_is_internal", "comments_hash", "comments_due", "content_hash"),
            *("analysis", "analysis_attempts", "analysis_error"),
        ]
    )
