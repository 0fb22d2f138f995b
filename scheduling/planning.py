"""What becomes of the due moments of a job: pure decisions, made before anything is written."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import TextChoices

from scheduling.models import LONGEST_REASON, Cause, Execution, Job, Overlap, State, Why
from scheduling.triggers import moments_between

MOMENTS_AT_ONCE = 100  # beyond this, one row stands for the range
PUNCTUAL = timedelta(seconds=5)  # noticed within this, a moment is not late
LONGEST_WAIT = timedelta(days=366)  # before a further attempt, whoever asks for more


class Missed(TextChoices):
    """Which of the moments that passed meanwhile are made up for when a job goes on."""

    NONE = "none", "None of them"
    LATEST = "latest", "The latest"
    ALL = "all", "All of them"


@dataclass(frozen=True, slots=True)
class Going:
    """The runs of a job that have not ended: how many, how many of them wait, and one to name."""

    count: int = 0
    waiting: int = 0
    latest: int | None = None  # id


def _allowed(moment: datetime) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What bears on the moments of a job besides its own columns."""

    going: Going = Going()
    excluded: Callable[[datetime], str] = _allowed  # what a calendar says against a moment; empty: nothing
    quiet: str = ""  # why late moments are late: "no scheduler was running from … to …"


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows to insert, and where the job stands afterwards."""

    rows: list[Execution]
    next_run_time: datetime | None
    fired_until: datetime


def plan(job: Job, now: datetime, given: Circumstances | None = None) -> Plan:
    """A row for each moment of `job` from its next_run_time up to `now`, and the next moment.

    Each moment that will not run gets a row that says why; of more than a hundred the older ones share a
    row. Raises InvalidTrigger.
    """
    assert job.next_run_time is not None
    given = given or Circumstances()
    upcoming = job.next_after(job.next_run_time)
    if upcoming is None or upcoming > now:
        moments, total = [job.next_run_time], 1
    else:
        moments, total = moments_between(job.schedule, job.next_run_time, now, MOMENTS_AT_ONCE)
        upcoming = job.next_after(max(now, moments[-1]))
    rows = [_moment_row(job, moment, now) for moment in moments]
    _decide(job, rows, given, now)
    if total > len(moments):
        rows.insert(0, _older(job, moments[0], total - len(moments), given, now))
    return Plan(rows, upcoming, moments[-1])


def idle_rows(
    job: Job, first: datetime | None, now: datetime, cause: Cause, reason: str, chosen: datetime | None = None
) -> list[Execution]:
    """A row for each moment from `first` to `now`, in which `job` stood still for `reason`; the older ones share one.

    The `chosen` one of them runs after all. Raises InvalidTrigger.
    """
    if first is None or first > now:
        return []
    moments, total = moments_between(job.schedule, first, now, MOMENTS_AT_ONCE)
    rows = [_moment_row(job, moment, now) for moment in moments]
    if total > len(moments):
        rows.insert(0, _moment_row(job, first, now))
        rows[0].missed_count = total - len(moments) - 1
    for row in rows:
        if row.scheduled_for == chosen:
            row.cause, row.reason = Cause.LATE, f"Made up for on request. {reason}"[:LONGEST_REASON]
        else:
            skip(row, cause, reason, now)
    return rows


def count_between(job: Job, first: datetime | None, now: datetime) -> int:
    """How many moments `job` has from `first` to `now`. Raises InvalidTrigger."""
    return moments_between(job.schedule, first, now, 0)[1] if first and first <= now else 0


def by_hand(job: Job, moment: datetime, reason: str, now: datetime, cause: Cause = Cause.BY_HAND) -> Execution:
    """The row of a moment of `job` that shall not run."""
    row = _moment_row(job, moment, now)
    skip(row, cause, reason, now)
    return row


def skip(row: Execution, cause: Cause, reason: str, now: datetime) -> None:
    """Make `row` one that will not run, and say why."""
    row.state, row.cause, row.reason, row.finished_at = State.SKIPPED, cause, reason[:LONGEST_REASON], now


def back_off(execution: Execution) -> timedelta:
    """How long to wait before the next attempt: doubled each time, bounded, spread by a quarter."""
    doubled = execution.backoff.total_seconds() * 2.0 ** (execution.attempt - 1)
    return bounded(min(doubled, execution.backoff_max.total_seconds()) * random.uniform(0.75, 1.25))  # noqa: S311


def bounded(seconds: float) -> timedelta:
    """A wait before a further attempt that leads to no moment beyond the calendar."""
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))


def _decide(job: Job, rows: list[Execution], given: Circumstances, now: datetime) -> None:
    """What a calendar excludes and what is too late is skipped; of the rest what coalescing and overlap leave runs."""
    wanted = [row for row in rows if not _excluded(row, given, now) and not _too_late(job, row, given, now)]
    going = given.going
    for row in wanted[-1:] if job.coalesce else wanted:
        going = _overlapped(job, row, going, now)
    for row in wanted[:-1] if job.coalesce else ():
        which = f"the run of {_utc(wanted[-1].scheduled_for)}"
        fate = f", which did not run. {wanted[-1].reason}" if wanted[-1].state == State.SKIPPED else "."
        skip(row, Cause.COALESCED, f"Coalesced into {which}{fate}", now)


def _excluded(row: Execution, given: Circumstances, now: datetime) -> bool:
    assert row.scheduled_for is not None
    if said := given.excluded(row.scheduled_for):
        skip(row, Cause.CALENDAR, f"Skipped: {said}.", now)
    return bool(said)


def _too_late(job: Job, row: Execution, given: Circumstances, now: datetime) -> bool:
    """Skip `row` if its grace is over; else say when that will be, and how late it is already."""
    assert row.scheduled_for is not None
    late = now - row.scheduled_for
    grace = None if job.misfire_grace_time is None else max(job.misfire_grace_time, PUNCTUAL)
    told = f"noticed {spoken(late)} late" + (f", since {given.quiet}" if given.quiet else "")
    if grace is not None and late > grace:
        most = "on time only" if job.misfire_grace_time == timedelta() else f"at most {spoken(grace)} late"
        skip(row, Cause.MISSED, f"Missed: {told}. It may start {most}.", now)
        return True
    row.run_after = row.scheduled_for + jitter(job.jitter)
    row.start_deadline = None if grace is None else row.scheduled_for + grace + (job.jitter or timedelta())
    if late > PUNCTUAL:
        row.cause, row.reason = Cause.LATE, f"Late: {told}."[:LONGEST_REASON]
    return False


def _older(job: Job, before: datetime, count: int, given: Circumstances, now: datetime) -> Execution:
    """One row for the `count` moments from next_run_time up to `before`, which are too many to list."""
    assert job.next_run_time is not None
    row = _moment_row(job, job.next_run_time, now)
    row.missed_count = count - 1
    why = f"{given.quiet[:1].upper()}{given.quiet[1:]}. " if given.quiet else ""
    span = f"{count:,} moments from {_utc(job.next_run_time)} until before {_utc(before)}"
    if job.coalesce and job.misfire_grace_time is None:
        skip(row, Cause.COALESCED, f"Coalesced: {span}, into a later run. {why}".strip(), now)
    else:
        skip(row, Cause.MISSED, f"Missed: {span}. {why}A backfill can run them.", now)
    return row


def _moment_row(job: Job, moment: datetime, now: datetime) -> Execution:
    return Execution(**job.snapshot(), why=Why.SCHEDULE, scheduled_for=moment, run_after=moment, created_at=now)


def _overlapped(job: Job, row: Execution, going: Going, now: datetime) -> Going:
    """Apply the job's overlap policy to `row`, and count it as waiting: moments found together run one by one."""
    which = f" (#{going.latest})" if going.latest else ""
    if job.overlap == Overlap.SKIP and going.count >= job.max_instances:
        skip(row, Cause.OVERLAP, f"Overlap: an earlier run was still going{which}.", now)
        return going
    if job.overlap == Overlap.QUEUE_ONE and going.waiting:
        skip(row, Cause.OVERLAP, f"Overlap: an earlier run was still waiting{which}.", now)
        return going
    return Going(going.count, going.waiting + 1, going.latest)


def jitter(most: timedelta | None) -> timedelta:
    """A random time up to `most`, so that not everything starts on the full hour."""
    return most * random.random() if most else timedelta()  # noqa: S311


def spoken(span: timedelta) -> str:
    """A span in at most two units: 2 h 5 min, 3.2 s."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2])


def _utc(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
