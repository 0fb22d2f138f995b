"""What became of the moments of a job in a range of time, and how far the backfills of them are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from scheduling.calendars import load
from scheduling.exceptions import InvalidRange, SchedulingError
from scheduling.models import OPEN, UNWELL, Backfill, Execution, ExecutionQuerySet, Job, State, Why
from scheduling.triggers import Kind, moments_between

MOST = 10_000  # moments of one backfill: they are looked at one by one
TOLD = ("id", "state", "cause", "reason", "scheduled_for", "stands_for", "missed_count", "backfill", "attempt")


@dataclass(frozen=True, slots=True)
class Moment:
    """A due moment, and the row that counts for it: a run that succeeded or goes, else the latest; None without any."""

    at: datetime
    row: Execution | None

    @property
    def is_settled(self) -> bool:
        """Whether it needs no further run: one has succeeded, or has not ended."""
        return self.row is not None and self.row.state in (State.SUCCEEDED, *OPEN)


@dataclass(frozen=True, slots=True)
class Survey:
    """The moments of a range, oldest first, without those that a calendar excludes."""

    moments: list[Moment]
    excluded: int = 0

    @property
    def settled(self) -> int:
        return sum(moment.is_settled for moment in self.moments)

    def to_run(self, *, again: bool) -> list[datetime]:
        """The moments that a backfill runs: all of them, or those that need it."""
        return [moment.at for moment in self.moments if again or not moment.is_settled]


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of the moments of a backfill: each counts once, by its last attempt."""

    total: int
    passed: int
    to_come: int
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    running: int = 0
    waiting: int = 0
    forgotten: int = 0  # their rows are not kept any more

    @property
    def ended(self) -> int:
        return self.passed + self.succeeded + self.failed + self.cancelled + self.forgotten

    @property
    def all_well(self) -> bool:
        """Whether nothing failed, and nothing is still to be done."""
        return self.ended == self.total and not (self.failed or self.cancelled)


def survey(job: Job, first: datetime, last: datetime, now: datetime) -> Survey:
    """What a backfill of `job` from `first` to `last` (both included) would find. Raises SchedulingError."""
    _check(job, first, last, now)
    moments, total = moments_between(job.schedule, first, last, MOST)
    if total > MOST:
        raise InvalidRange(
            f"The range has {total:,} moments, and a backfill takes at most {MOST:,}: choose a shorter range, "
            f"about {max(100 * MOST // total, 1)} % of this one, and do the rest when it is done.",
            field="last_at",
        )
    calendars = load(job.calendars)
    kept = [moment for moment in moments if not calendars.excludes(job.calendars, moment)]
    if not kept:
        because = " that its calendars do not exclude" if moments else ""
        raise InvalidRange(f"The schedule of {job} names no moment in this range{because}; choose another one.")
    rows = what_became(job, kept)
    return Survey([Moment(moment, rows.get(moment)) for moment in kept], len(moments) - len(kept))


def what_became(job: Job, moments: Sequence[datetime]) -> dict[datetime, Execution]:
    """The row that counts for each of `moments`, as far as there is one."""
    first, last = min(moments), max(moments)
    runs = Execution.objects.only(*TOLD)
    slots = list(_slots(job, first, last).order_by("scheduled_for"))
    found: dict[datetime, Execution] = {row.scheduled_for: row for row in slots if row.scheduled_for}
    found = {**_in_ranges(job, moments, slots), **found}
    within = Q(stands_for__gte=first, stands_for__lte=last)
    retries = runs.filter(root__in=_slots(job, first, last).filter(state__in=UNWELL).order_by().values("pk"))
    made_up = runs.filter(within, backfill__in=list(Backfill.objects.filter(job=job.pk).values_list("pk", flat=True)))
    by_hand = runs.filter(within, job=job.pk, why=Why.RUN_NOW, pk__gt=min((row.pk for row in slots), default=0))
    for row in (*retries, *made_up, *by_hand):
        if row.stands_for and (row.stands_for not in found or _weight(row) > _weight(found[row.stands_for])):
            found[row.stands_for] = row
    return found


def progress_of(backfills: Iterable[Backfill]) -> dict[int, Progress]:
    """How far each of `backfills` is, by its id; one query for all of them."""
    wanted = {backfill.pk: backfill for backfill in backfills}
    runs = Execution.objects.filter(backfill__in=wanted).order_by().values("backfill_id")
    by_state = {f"in_{state.value}": Count("id", filter=Q(state=state)) for state in State}
    counted = runs.annotate(**by_state, further=Count("id", filter=Q(attempt__gt=1)))
    counts = {row["backfill_id"]: row for row in counted}
    return {pk: _progress(backfill, counts.get(pk, {})) for pk, backfill in wanted.items()}


def _progress(backfill: Backfill, counts: Mapping[str, Any]) -> Progress:
    def of(*states: State) -> int:
        return sum(counts.get(f"in_{state.value}", 0) for state in states)

    further = counts.get("further", 0)  # attempts: each of them takes the place of one that ended unwell
    known = of(*State) - further
    return Progress(
        total=backfill.total,
        passed=backfill.passed,
        to_come=backfill.to_come,
        succeeded=of(State.SUCCEEDED),
        failed=max(of(*UNWELL) - further, 0),
        cancelled=of(State.CANCELLED, State.SKIPPED),
        running=of(State.RUNNING),
        waiting=of(State.QUEUED),
        forgotten=max(backfill.queued - known, 0),
    )


def _check(job: Job, first: datetime, last: datetime, now: datetime) -> None:
    if job.trigger == Kind.MANUAL:
        raise SchedulingError(f"{job} runs only when asked: its schedule names no moments to make up for.")
    if first > last:
        raise InvalidRange("The end of the range lies before its start; move one of them.", field="last_at")
    if last > now:
        said = "The range reaches beyond now: only moments that have passed can be made up for."
        raise InvalidRange(said, field="last_at")


def _slots(job: Job, first: datetime, last: datetime) -> ExecutionQuerySet:
    """The rows of the ledger for the moments from `first` to `last`."""
    return Execution.objects.only(*TOLD).filter(job=job.pk, scheduled_for__gte=first, scheduled_for__lte=last)


def _in_ranges(job: Job, moments: Sequence[datetime], slots: list[Execution]) -> dict[datetime, Execution]:
    """Where a moment has no row, but the row before stands for a range, that one; `slots` are in order."""
    before = Execution.objects.only(*TOLD).filter(job=job.pk, scheduled_for__lt=min(moments))
    rows = [*before.order_by("-scheduled_for")[:1], *slots][::-1]
    found = {}
    latest: Execution | None = None
    for moment in sorted(moments):
        while rows and rows[-1].scheduled_for and rows[-1].scheduled_for <= moment:
            latest = rows.pop()
        if latest and latest.missed_count:
            found[moment] = latest
    return found


def _weight(row: Execution) -> tuple[bool, bool, int]:
    """What counts most is a success, then a run that has not ended, then what came last."""
    return row.state == State.SUCCEEDED, row.state in OPEN, row.pk
