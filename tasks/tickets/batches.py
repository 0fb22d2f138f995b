"""Message batches: many tickets sent to the model together, for half the price, their results fetched later.

A batch is written down with its tickets before it is sent, under a key of our own, with which the ids of its requests
begin. No run waits for long: whoever comes next stores the results; of two who do so at once each takes others.

If a run ends while it sends a batch, nobody knows whether that has arrived; the API takes no key that would make
sending it again harmless. The next run then looks through the list of batches for one of that size and time that is
nobody's, and takes it for ours; should its results not carry our key, its tickets are analysed again. If there is none
after LOST_AFTER, it has not arrived, and its tickets are free.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from scheduling.exceptions import RetryLater
from tasks.exceptions import UpstreamError
from tasks.recording import Entry
from tasks.tickets import budget
from tasks.tickets.claude import BatchState, Claude, Refused, Result
from tasks.tickets.conf import Options
from tasks.tickets.extract import ExtractionFailed, estimate, request
from tasks.tickets.models import Analysis, Batch, Ticket
from tasks.tickets.outcomes import MOST_ATTEMPTS, Finder, Tally, fail, settle
from tasks.tickets.reading import read

SIZE = 1000  # tickets in a batch; with their longest texts it stays under the 256 MB that are allowed
CHUNK = 50  # results in memory
POLLS = 12  # how often a run looks whether its batches have ended
POLL_EVERY = 5.0  # seconds
READS = 3  # how often results are asked for that break off
LOST_AFTER = timedelta(minutes=15)
CLOCKS = timedelta(minutes=5)  # by which ours and theirs may differ


@dataclass(frozen=True, slots=True)
class Work:
    """All that an analysis by the model needs."""

    claude: Claude
    options: Options
    entry: Entry
    tally: Tally
    finder: Finder


def send(work: Work, ids: Sequence[int]) -> None:
    """Hand in the tickets of these ids, as many as the budget allows."""
    for chunk in batched(ids, SIZE, strict=False):
        requests, size, tokens = _requests(work, chunk)
        if requests:
            _hand_in(work, requests, tokens)
        if len(requests) < size:
            budget.tell(work.entry, work.options.daily_tokens, work.finder.now)
            return


def collect(work: Work) -> None:
    """Store the results of the batches that have ended."""
    _find_lost(work)
    for batch in _open().exclude(batch_id=None):
        state = work.claude.batch(batch.batch_id or "")
        if state is None:
            work.entry.log(f"Anthropic has no batch {batch} any more: its tickets are analysed again.")
            _release(batch)
        elif state.has_ended:
            _store_results(work, batch)


def wait(work: Work) -> None:
    """Look again for a minute, so that a small batch ends in the run that sent it; others are for later runs."""
    for _ in range(POLLS):
        collect(work)
        if not _open().exists():
            return
        time.sleep(POLL_EVERY)


def give_up() -> None:
    """Without a key nobody can ask for results: the tickets of all batches are free."""
    for batch in _open():
        _release(batch)


def are_under_way() -> bool:
    return _open().exists()


def _open() -> QuerySet[Batch]:
    return Batch.objects.filter(ended_at=None).order_by("id")


def _requests(work: Work, ids: Sequence[int]) -> tuple[dict[int, tuple[Ticket, dict[str, Any]]], int, int]:
    """The requests that can be paid, by ticket; how many tickets there are; and the tokens that the requests take."""
    left = budget.left(work.options.daily_tokens, work.finder.now)
    found: dict[int, tuple[Ticket, dict[str, Any]]] = {}
    size = tokens = 0
    for chunk in batched(ids, CHUNK, strict=False):
        for ticket, text in read(chunk, internal_notes=work.options.internal_notes):
            size += 1
            if left is None or tokens + estimate(text) <= left:
                tokens += estimate(text)
                found[ticket.ticket_id] = ticket, request(ticket.ticket_id, text, work.options.anthropic_model)
    return found, size, tokens


def _hand_in(work: Work, requests: dict[int, tuple[Ticket, dict[str, Any]]], tokens: int) -> None:
    batch = _write_down(requests, tokens, work.finder.now)
    sent = set(batch.tickets.values_list("pk", flat=True))
    told = {f"{batch.key}-{pk}": params for pk, (_, params) in requests.items() if pk in sent}
    if not told:
        _release(batch)
        return
    work.tally.taken += len(told)
    try:
        state = work.claude.begin(told)
    except (UpstreamError, Refused, RetryLater) as error:
        if _is_refusal(error):
            _release(batch)
            work.tally.taken -= len(told)
        raise
    _known_as(batch, state)
    work.entry.log(f"{len(told)} tickets were sent as batch {state.batch_id}.")


def _is_refusal(error: UpstreamError | Refused | RetryLater) -> bool:
    """Whether the batch was not taken, for sure: who asks for a pause wants it later."""
    return not isinstance(error, UpstreamError) or bool(error.status and error.status < 500)


@transaction.atomic
def _write_down(requests: dict[int, tuple[Ticket, dict[str, Any]]], tokens: int, now: datetime) -> Batch:
    """A row for the batch, and its tickets in it: those that are still as they were read."""
    rows = Ticket.objects.select_for_update().filter(analysis=Analysis.PENDING, batch=None, is_deleted=False)
    current = rows.only("content_hash").in_bulk(requests)
    same = [pk for pk, row in current.items() if row.content_hash == requests[pk][0].content_hash]
    batch = Batch.objects.create(key=token_hex(8), created_at=now, size=len(same), estimate=tokens)
    Ticket.objects.filter(pk__in=same).update(analysis=Analysis.SENT, batch=batch)
    return batch


def _known_as(batch: Batch, state: BatchState) -> None:
    batch.batch_id = state.batch_id
    Batch.objects.filter(pk=batch.pk).update(batch_id=state.batch_id)


def _find_lost(work: Work) -> None:
    """Batches of ours of which nobody knows whether they have arrived."""
    for batch in _open().filter(batch_id=None):
        taken = set(Batch.objects.exclude(batch_id=None).values_list("batch_id", flat=True))
        earliest = batch.created_at - CLOCKS
        state = next(
            (
                state
                for state in reversed(work.claude.batches())
                if state.batch_id not in taken and state.size == batch.size and state.created_at >= earliest
            ),
            None,
        )
        if state:
            _known_as(batch, state)
            work.entry.log(f"Batch {state.batch_id} has arrived, although the run that sent it was not told.")
        elif work.finder.now - batch.created_at >= LOST_AFTER:
            work.entry.log(f"A batch of {batch.size} tickets has not arrived: they are analysed again.")
            _release(batch)


@transaction.atomic
def _release(batch: Batch) -> None:
    """Its tickets are free, and the batch is forgotten."""
    batch.tickets.filter(analysis=Analysis.SENT).update(analysis=Analysis.PENDING)
    batch.delete()


def _store_results(work: Work, batch: Batch) -> None:
    """Store result after result; a ticket whose result is stored is no longer in the batch, so none counts twice."""
    work.entry.expect(batch.tickets.count())
    for read_before in range(READS):
        try:
            for chunk in batched(work.claude.results(batch.batch_id or ""), CHUNK, strict=False):
                _store_chunk(work, batch, chunk)
            break
        except UpstreamError as error:
            if error.status in {404, 410}:  # they are kept for some weeks
                break
            if not error.retryable or read_before + 1 == READS:
                raise
    _close(work, batch)


def _store_chunk(work: Work, batch: Batch, results: Sequence[Result]) -> None:
    """Results of tickets that are in the batch; those of others, and of requests that are not ours, are left out."""
    by_id = {}
    for result in results:
        key, _, number = result.custom_id.partition("-")
        if key == batch.key and number.isdecimal():
            by_id[int(number)] = result
    inside = list(batch.tickets.filter(pk__in=by_id).values_list("pk", flat=True))
    for ticket, text in read(inside, internal_notes=work.options.internal_notes):
        with work.entry.item(f"ticket {ticket.ticket_id}"):
            if error := _store_once(work, batch, ticket, text, by_id[ticket.ticket_id]):
                raise ExtractionFailed(error)


@transaction.atomic
def _store_once(work: Work, batch: Batch, ticket: Ticket, text: str, result: Result) -> str:
    """Why there are no issues; whoever else reads this batch at the same time finds the ticket no longer in it."""
    if Ticket.objects.filter(pk=ticket.pk, batch=batch).update(batch=None):
        try:
            _store_result(work, ticket, text, result)
        except ExtractionFailed as failed:
            return str(failed)
    return ""


def _store_result(work: Work, ticket: Ticket, text: str, result: Result) -> None:
    if ticket.analysis != Analysis.SENT:
        _leave_out(work, result)
        return
    if result.message is not None:
        settle(ticket, result.message, text, work.finder, work.tally)
        return
    if result.outcome in {"canceled", "expired"}:
        Ticket.objects.filter(pk=ticket.pk).update(analysis=Analysis.PENDING)
        work.tally.failed += 1
        raise ExtractionFailed(f"The request was {result.outcome}; the ticket is analysed again.")
    error = f"The model's service failed for this ticket: {result.error or result.outcome}"
    fail(ticket, error, work.finder, is_final=False)
    work.tally.failed += 1
    raise ExtractionFailed(error)


def _leave_out(work: Work, result: Result) -> None:
    """The ticket has changed meanwhile, and waits for the next analysis; what was used is used all the same."""
    if result.message:
        used = {"input_tokens": result.message.input_tokens, "output_tokens": result.message.output_tokens}
        budget.spend(work.finder.now, requests=1, **used)


@transaction.atomic
def _close(work: Work, batch: Batch) -> None:
    """The batch is over; tickets without a result have had an attempt."""
    without = batch.tickets.filter(analysis=Analysis.SENT)
    attempts = F("analysis_attempts") + 1
    failed = without.filter(analysis_attempts__gte=MOST_ATTEMPTS - 1).update(
        analysis=Analysis.FAILED, analysis_attempts=attempts, analysis_error="The batch had no result for this ticket."
    )
    again = without.update(analysis=Analysis.PENDING, analysis_attempts=attempts)
    if failed or again:
        work.entry.log(f"Batch {batch} has no result for some tickets: {again} are analysed again, {failed} failed.")
    work.tally.failed += failed
    batch.tickets.update(batch=None)
    Batch.objects.filter(pk=batch.pk, ended_at=None).update(ended_at=work.finder.now)
