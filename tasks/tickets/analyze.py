"""analyze_tickets: looks for issues in tickets, by a language model within its budget, or else by local rules."""

from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from itertools import batched

from tasks.exceptions import AbortRun, UpstreamError
from tasks.http import Deadline
from tasks.recording import Entry
from tasks.tickets import batches, budget
from tasks.tickets.batches import Work
from tasks.tickets.claude import Claude
from tasks.tickets.conf import Options, options
from tasks.tickets.extract import estimate, request
from tasks.tickets.local import issues_in
from tasks.tickets.models import Method, Ticket
from tasks.tickets.outcomes import Finder, Outcome, Tally, fail, settle, store
from tasks.tickets.reading import read

CHUNK = 100  # tickets whose texts are in memory, and that local rules store together
MOST_TICKETS = 100_000  # in one run
OUT_AFTER = 3  # tickets in a row for which the model's service fails
ODD = frozenset({400, 413, 422})  # what is wrong with a request for this ticket alone: it would end alike again


class ModelOut(AbortRun):
    """The model's service fails for all tickets alike; they are left for the next run."""


def analyze_tickets(entry: Entry, *, batch_size: int | None, now: datetime) -> None:
    """Analyse the tickets that wait, at most `batch_size`, else as many as the settings say; local rules take all.

    Raises RetryLater while a batch is under way: a later run stores its results.
    """
    if batch_size is not None and batch_size < 1:
        raise AbortRun(f"batch_size is at least 1, not {batch_size}.")
    found = options()
    tally = Tally(Method.MODEL if found.anthropic_api_key else Method.LOCAL)
    try:
        if found.anthropic_api_key:
            _by_model(entry, found, tally, min(batch_size or found.analysis_batch_size, MOST_TICKETS), now)
        else:
            _by_rules(entry, found, tally, min(batch_size or MOST_TICKETS, MOST_TICKETS), now)
    finally:
        tally.waiting = Ticket.objects.waiting().count()
        entry.result = asdict(tally)
        entry.log(f"{tally.analysed} analysed, {tally.issues} issues, {tally.failed} failed, {tally.waiting} waiting")


def _by_model(entry: Entry, found: Options, tally: Tally, size: int, now: datetime) -> None:
    finder = Finder(Method.MODEL, found.anthropic_model, now)
    with closing(Claude(found, Deadline(found.pipeline_timeout))) as claude:
        work = Work(claude, found, entry, tally, finder)
        batches.collect(work)
        ids = _waiting(found, size, now)
        if 0 < found.message_batches_from <= len(ids):
            batches.send(work, ids)
            batches.wait(work)
        else:
            entry.expect(len(ids))
            _one_by_one(work, ids)
    batches.come_back(now)


def _one_by_one(work: Work, ids: list[int]) -> None:
    out = 0
    for chunk in batched(ids, CHUNK, strict=False):
        for ticket, text in read(chunk, internal_notes=work.options.internal_notes):
            if not _can_pay(work, text):
                return
            with work.entry.item(f"ticket {ticket.ticket_id}"):
                try:
                    message = work.claude.ask(request(ticket.ticket_id, text, work.options.anthropic_model))
                    out = 0
                except UpstreamError as error:
                    out = out + 1 if error.retryable else 0
                    _refused(work, ticket, error, out)
                    raise
                settle(ticket, message, text, work.finder, work.tally)


def _can_pay(work: Work, text: str) -> bool:
    left = budget.left(work.options.daily_tokens, work.finder.now)
    if left is None or estimate(text) <= left:
        return True
    budget.tell(work.entry, work.options.daily_tokens, work.finder.now)
    return False


def _refused(work: Work, ticket: Ticket, error: UpstreamError, out: int) -> None:
    """An outage is not the ticket's fault, and is no attempt. Raises ModelOut after some in a row."""
    if not error.retryable:
        fail(ticket, str(error), work.finder, work.tally, is_final=error.status in ODD)
        return
    work.tally.failed += 1
    if out >= OUT_AFTER:
        raise ModelOut(f"{error}: the other tickets are left for the next run.") from error


def _by_rules(entry: Entry, found: Options, tally: Tally, size: int, now: datetime) -> None:
    batches.give_up()
    ids = _waiting(found, size, now)
    entry.expect(len(ids))
    entry.log("ANTHROPIC_API_KEY is not set: local rules look for issues.")
    finder = Finder(Method.LOCAL, "", now)
    for chunk in batched(ids, CHUNK, strict=False):
        outcomes = []
        for ticket, text in read(chunk, internal_notes=found.internal_notes):
            with entry.item(f"ticket {ticket.ticket_id}"):
                outcomes.append(Outcome(ticket, issues_in(ticket.subject, text)))
        tally.issues += store(outcomes, finder)
        tally.analysed += len(outcomes)


def _waiting(found: Options, size: int, now: datetime) -> list[int]:
    tickets = Ticket.objects.to_analyse(now, with_comments=found.fetch_comments)
    return list(tickets.values_list("pk", flat=True)[:size])
