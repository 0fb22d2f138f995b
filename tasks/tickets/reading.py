"""What the analysis reads of a ticket: subject, description, and what was written after that, as one text."""

from collections.abc import Collection, Iterator

from django.db.models.functions import Left

from tasks.tickets.extract import TEXT_LIMIT
from tasks.tickets.models import Comment, Ticket

HEADING = "--- "  # begins a line that is ours, not the customer's
FIELDS = (
    *("ticket_id", "subject", "description", "description_is_internal", "requester_id", "opened_at"),
    *("content_hash", "analysis", "analysis_attempts"),
)


def read(ticket_ids: Collection[int], *, internal_notes: bool) -> Iterator[tuple[Ticket, str]]:
    """The tickets of these ids, in that order, each with its text of at most TEXT_LIMIT characters."""
    tickets = Ticket.objects.only(*FIELDS).in_bulk(ticket_ids)
    texts = {pk: [_beginning(ticket, internal_notes=internal_notes)] for pk, ticket in tickets.items()}
    room = {pk: TEXT_LIMIT - len(texts[pk][0]) for pk in tickets}
    for comment, body in _comments(ticket_ids, internal_notes=internal_notes):
        pk = comment.ticket_id
        said = f"\n\n{HEADING}{_who(comment, tickets[pk])}, {comment.written_at:%Y-%m-%d}\n{body}"[: room[pk]]
        texts[pk].append(said)
        room[pk] -= len(said)
    for pk in ticket_ids:
        if pk in tickets:
            yield tickets[pk], "".join(texts[pk])


def _beginning(ticket: Ticket, *, internal_notes: bool) -> str:
    """The subject and the description, unless that is a note which is not to be read."""
    is_read = internal_notes or not ticket.description_is_internal
    return f"{ticket.subject}\n\n{ticket.description if is_read else ''}"[:TEXT_LIMIT]


def _comments(ticket_ids: Collection[int], *, internal_notes: bool) -> Iterator[tuple[Comment, str]]:
    """Comments of these tickets, the oldest first, each with as much of its text as may be wanted."""
    shown = Comment.objects.filter(ticket__in=ticket_ids)
    if not internal_notes:
        shown = shown.filter(is_public=True)
    told = shown.annotate(beginning=Left("body", TEXT_LIMIT)).defer("body").order_by("written_at", "comment_id")
    return ((comment, comment.beginning) for comment in told.iterator(chunk_size=100))


def _who(comment: Comment, ticket: Ticket) -> str:
    if not comment.is_public:
        return "internal note"
    return "customer" if comment.author_id and comment.author_id == ticket.requester_id else "reply"
