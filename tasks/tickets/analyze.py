"""analyze_tickets: looks for issues in tickets, by a language model within its budget, or else by local rules."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import batched

from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.recording import Entry
from tasks.tickets import batches
from tasks.tickets.asking import one_by_one
from tasks.tickets.batches import Work
from tasks.tickets.claude import Claude
from tasks.tickets.conf import Options, options
from tasks.tickets.limits import MOST_TICKETS
from tasks.tickets.local import issues_in
from tasks.tickets.models import Analysis, Method, Ticket
from tasks.tickets.outcomes import Finder, Outcome, Tally, store
from tasks.tickets.reading import read

CHUNK = 100  # tickets that local rules read and store together


def analyze_tickets(
    entry: Entry, *, batch_size: int | None, clock: Callable[[], datetime], taken_before: int = 0
) -> None:
    """Analyse the tickets that wait, at most `batch_size`, else as many as the settings say; local rules take all.

    `taken_before` is how many of these the earlier attempts of the same run have taken. What is in a batch at the end
    is for a later run, or `collect_batches`.
    """
    if batch_size is not None and batch_size < 1:
        raise AbortRun(f"batch_size is at least 1, not {batch_size}.")
    found = options()
    size = batch_size or (found.analysis_batch_size if found.anthropic_api_key else MOST_TICKETS)
    left = max(min(size, MOST_TICKETS) - taken_before, 0)
    with _told(entry, found) as tally:
        if not found.anthropic_api_key:
            _by_rules(entry, found, tally, left, clock)
        else:
            _by_model(entry, found, tally, left, clock, is_first=not taken_before)


def collect_batches(entry: Entry, *, clock: Callable[[], datetime]) -> None:
    """Store the results of the message batches that have ended; nothing is sent."""
    found = options()
    with _told(entry, found) as tally:
        if not found.anthropic_api_key:
            batches.give_up()
            return
        with _work(entry, found, tally, clock) as work:
            batches.collect(work)


@contextmanager
def _told(entry: Entry, found: Options) -> Iterator[Tally]:
    """The counts of what is done inside, which the record tells whatever comes of it."""
    tally = Tally(Method.MODEL if found.anthropic_api_key else Method.LOCAL)
    try:
        yield tally
    finally:
        waiting = Ticket.objects.waiting()
        tally.waiting, tally.in_batch = waiting.count(), waiting.filter(analysis=Analysis.SENT).count()
        entry.result = asdict(tally)
        later = f" ({tally.in_batch} in a batch, for a later run)" if tally.in_batch else ""
        counts = f"{tally.analysed} analysed, {tally.issues} issues, {tally.failed} failed"
        entry.log(f"{counts}, {tally.waiting} waiting{later}")


@contextmanager
def _work(entry: Entry, found: Options, tally: Tally, clock: Callable[[], datetime]) -> Iterator[Work]:
    finder = Finder(Method.MODEL, found.anthropic_model, clock)
    with closing(Claude(found, Deadline(found.pipeline_timeout))) as claude:
        yield Work(claude, found, entry, tally, finder)


def _by_model(
    entry: Entry, found: Options, tally: Tally, size: int, clock: Callable[[], datetime], *, is_first: bool
) -> None:
    """A further attempt takes no more while a batch is under way: it may be one of this run."""
    with _work(entry, found, tally, clock) as work:
        batches.collect(work)
        ids = _waiting(found, size, clock()) if is_first or not batches.are_under_way() else []
        if 0 < found.message_batches_from <= len(ids):
            batches.send(work, ids)
            batches.wait(work)
        else:
            entry.expect(len(ids))
            one_by_one(work, ids)


def _by_rules(entry: Entry, found: Options, tally: Tally, size: int, clock: Callable[[], datetime]) -> None:
    batches.give_up()
    ids = _waiting(found, size, clock())
    entry.expect(len(ids))
    entry.log("ANTHROPIC_API_KEY is not set: local rules look for issues.")
    finder = Finder(Method.LOCAL, "", clock)
    for chunk in batched(ids, CHUNK, strict=False):
        outcomes = []
        for ticket, text in read(chunk, internal_notes=found.internal_notes):
            with entry.item(f"ticket {ticket.ticket_id}"):
                outcomes.append(Outcome(ticket, issues_in(ticket.subject, text)))
        tally.issues += store(outcomes, finder)
        tally.analysed += len(outcomes)
        tally.taken += len(outcomes)


def _waiting(found: Options, size: int, now: datetime) -> list[int]:
    tickets = Ticket.objects.to_analyse(now, with_comments=found.fetch_comments)
    return list(tickets.values_list("pk", flat=True)[:size])
