"""Asks the model about one ticket after another, and notices when it is not the ticket that is wrong."""

from collections.abc import Sequence
from itertools import batched

from django.db.models import F

from scheduling.redact import plain
from tasks.exceptions import AbortRun, UpstreamError
from tasks.tickets import budget
from tasks.tickets.batches import Work
from tasks.tickets.extract import estimate, request
from tasks.tickets.models import Analysis, Ticket
from tasks.tickets.outcomes import LONGEST_ERROR, fail, settle
from tasks.tickets.reading import read

CHUNK = 100  # tickets whose texts are in memory
OUT_AFTER = 3  # tickets in a row for which the model's service fails
ODD = frozenset({400, 413, 422})  # what may be wrong with a request for this ticket alone


class ModelOut(AbortRun):
    """The model's service fails for all tickets alike; they are left for the next run."""


def one_by_one(work: Work, ids: Sequence[int]) -> None:
    """Analyse the tickets of these ids, as many as the budget allows. Raises ModelOut."""
    asking = _Asking(work)
    try:
        for chunk in batched(ids, CHUNK, strict=False):
            for ticket, text in read(chunk, internal_notes=work.options.internal_notes):
                if not _can_pay(work, text):
                    return
                with work.entry.item(f"ticket {ticket.ticket_id}"):
                    asking.ask(ticket, text)
    finally:
        asking.judge(is_final=False)


def _can_pay(work: Work, text: str) -> bool:
    left = budget.left(work.options.daily_tokens, work.finder.now)
    if left is None or estimate(text) <= left:
        return True
    budget.tell(work.entry, work.options.daily_tokens, work.finder.now)
    return False


class _Asking:
    """A ticket that is refused is at fault only if the next one is answered: else something is wrong with us all."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._out = 0
        self._refused: list[tuple[Ticket, str]] = []  # since the last answer, as odd

    def ask(self, ticket: Ticket, text: str) -> None:
        try:
            message = self._work.claude.ask(request(ticket.ticket_id, text, self._work.options.anthropic_model))
        except UpstreamError as error:
            self._count(ticket, error)
            raise
        self._out = 0
        self._work.tally.taken += 1
        self.judge(is_final=True)
        settle(ticket, message, text, self._work.finder, self._work.tally)

    def judge(self, *, is_final: bool) -> None:
        """The tickets that were refused have had an attempt; their last, if others are answered."""
        for ticket, error in self._refused:
            fail(ticket, error, self._work.finder, is_final=is_final)
        self._refused.clear()

    def _count(self, ticket: Ticket, error: UpstreamError) -> None:
        """An outage, or being sent elsewhere, is not the ticket's fault, and no attempt. Raises ModelOut."""
        self._out += 1
        self._work.tally.failed += 1
        if error.status in ODD:
            self._work.tally.taken += 1
            self._refused.append((ticket, str(error)))
        if self._out >= OUT_AFTER:
            self._set_aside()
            raise ModelOut(f"{error}, {self._out} times in a row: the other tickets are left for the next run.")

    def _set_aside(self) -> None:
        """None of those refused has failed for good, but all others come before them in the next run."""
        for ticket, error in self._refused:
            waiting = Ticket.objects.filter(pk=ticket.pk, analysis=Analysis.PENDING)
            waiting.update(analysis_attempts=F("analysis_attempts") + 1, analysis_error=plain(error)[:LONGEST_ERROR])
        self._refused.clear()
