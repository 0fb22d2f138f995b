"""Puts what was found in tickets into rows: doing it again changes nothing, and an issue that stays keeps its id."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from scheduling.redact import plain
from tasks.tickets import budget
from tasks.tickets.claude import Message
from tasks.tickets.extract import ExtractionFailed, Found, extraction
from tasks.tickets.models import Analysis, Issue, Method, Ticket

MOST_ATTEMPTS = 3  # for the same content
LONGEST_ERROR = 500  # characters
BATCH = 200  # rows a statement
TOLD = ("category", "severity", "summary", "method", "model", "opened_at")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the analysis of a ticket, as it was then: issues, or None and why."""

    ticket: Ticket
    issues: Sequence[Found] | None
    error: str = ""
    is_final: bool = False  # another attempt would fail too


@dataclass(frozen=True, slots=True)
class Finder:
    """Who looks for issues, and by what clock: midnight may come meanwhile, and with it another budget."""

    method: Method
    model: str
    clock: Callable[[], datetime]

    @property
    def now(self) -> datetime:
        return self.clock()


@dataclass(slots=True)
class Tally:
    """What a run has done, as its record tells."""

    method: Method
    analysed: int = 0
    issues: int = 0
    failed: int = 0
    dropped: int = 0  # issues that the model has told of, and that do not count
    waiting: int = 0  # tickets, after the run
    in_batch: int = 0  # of these
    taken: int = 0  # tickets asked about or sent: what bounds a run, all of its attempts together
    input_tokens: int = 0
    output_tokens: int = 0


def settle(ticket: Ticket, message: Message, text: str, finder: Finder, tally: Tally) -> None:
    """Store what the model has found in `text`, and what that took. Raises ExtractionFailed, once that is stored."""
    error, found, dropped = "", None, 0
    try:
        extracted = extraction(message.stop_reason, message.tool_input, text)
        found, dropped = extracted.issues, extracted.dropped
    except ExtractionFailed as failed:
        error = str(failed)
    used = {"input_tokens": message.input_tokens, "output_tokens": message.output_tokens}
    with transaction.atomic():
        count = store([Outcome(ticket, found, error)], finder)
        budget.spend(finder.now, requests=1, **used)
    tally.input_tokens += message.input_tokens
    tally.output_tokens += message.output_tokens
    tally.dropped += dropped
    if found is None:
        tally.failed += 1
        raise ExtractionFailed(error)
    tally.analysed += 1
    tally.issues += count


def fail(ticket: Ticket, error: str, finder: Finder, *, is_final: bool) -> None:
    """Note that this ticket could not be analysed, and why."""
    store([Outcome(ticket, None, error, is_final)], finder)


@transaction.atomic
def store(outcomes: Sequence[Outcome], finder: Finder) -> int:
    """Replace the issues of these tickets; says how many they have now.

    A ticket whose content has changed since it was read stays as it is, and will be analysed again.
    """
    ids = [outcome.ticket.ticket_id for outcome in outcomes]
    rows = Ticket.objects.select_for_update().filter(is_deleted=False).only("content_hash").in_bulk(ids)
    valid = [
        one for one in outcomes if (row := rows.get(one.ticket.pk)) and row.content_hash == one.ticket.content_hash
    ]
    found = {one.ticket.ticket_id: one for one in valid if one.issues is not None}
    count = _replace_issues(found, finder)
    Ticket.objects.filter(pk__in=found).update(
        analysis=Analysis.DONE, analysed_hash=F("content_hash"), analysis_error="", analysis_attempts=0
    )
    for outcome in valid:
        if outcome.issues is None:
            _failed(outcome)
    Ticket.objects.filter(pk__in=ids).exclude(batch=None).update(batch=None)
    return count


def _replace_issues(found: dict[int, Outcome], finder: Finder) -> int:
    kept: dict[int, dict[tuple[str, str], Issue]] = defaultdict(dict)
    gone: list[int] = []
    for issue in Issue.objects.filter(ticket__in=found):
        if (issue.title, issue.quote) in kept[issue.ticket_id]:
            gone.append(issue.pk)
        kept[issue.ticket_id].setdefault((issue.title, issue.quote), issue)
    wanted = [issue for outcome in found.values() for issue in _rows(outcome, kept, finder)]
    gone += [issue.pk for issues in kept.values() for issue in issues.values()]  # `_rows` has taken out what stays
    Issue.objects.filter(pk__in=gone).delete()
    Issue.objects.bulk_create([issue for issue in wanted if issue.pk is None], batch_size=BATCH)
    Issue.objects.bulk_update([issue for issue in wanted if issue.pk is not None], TOLD, batch_size=BATCH)
    return len(wanted)


def _rows(outcome: Outcome, kept: dict[int, dict[tuple[str, str], Issue]], finder: Finder) -> Iterable[Issue]:
    """A row for each issue: the one that there is for the same title and quote, or a new one."""
    ticket = outcome.ticket
    for found in outcome.issues or ():
        row = kept[ticket.ticket_id].pop((found.title, found.quote), None)
        row = row or Issue(ticket_id=ticket.ticket_id, title=found.title, quote=found.quote, found_at=finder.now)
        row.category, row.severity, row.summary = found.category, found.severity, found.summary
        row.method, row.model, row.opened_at = finder.method, finder.model, ticket.opened_at
        yield row


def _failed(outcome: Outcome) -> None:
    """Another attempt in the next run, unless there were enough. What was found before stays."""
    attempts = outcome.ticket.analysis_attempts + 1
    is_over = outcome.is_final or attempts >= MOST_ATTEMPTS
    Ticket.objects.filter(pk=outcome.ticket.pk).update(
        analysis=Analysis.FAILED if is_over else Analysis.PENDING,
        analysis_attempts=attempts,
        analysis_error=plain(outcome.error)[:LONGEST_ERROR],
    )
