"""What becomes of the due moments of a job: pure decisions, made before anything is written."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduling.models import LONGEST_REASON, Execution, Job, Overlap, State, Why
from scheduling.triggers import moments_between

MOMENTS_AT_ONCE = 100  # beyond this, one row stands for the range
LONGEST_WAIT = timedelta(days=366)  # before a further attempt, whoever asks for more


@dataclass(frozen=True, slots=True)
class Going:
    """The runs of a job that have not ended: how many, how many of them wait, and one to name."""

    count: int = 0
    waiting: int = 0
    latest: int | None = None  # id


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows to insert, and where the job stands afterwards."""

    rows: list[Execution]
    next_run_time: datetime | None
    fired_until: datetime

    @property
    def queues(self) -> bool:
        """Whether any of the rows will run."""
        return any(row.state == State.QUEUED for row in self.rows)


def plan(job: Job, now: datetime, going: Going) -> Plan:
    """A row for each moment of `job` from its next_run_time up to `now`, and the next moment.

    Of several moments the coalesced and the missed ones get rows that say so; of more than a hundred
    the older ones share a row. Raises InvalidTrigger.
    """
    assert job.next_run_time is not None
    upcoming = job.next_after(job.next_run_time)
    if upcoming is None or upcoming > now:
        moments, total = [job.next_run_time], 1
    else:
        moments, total = moments_between(job.schedule, job.next_run_time, now, MOMENTS_AT_ONCE)
        upcoming = job.next_after(max(now, moments[-1]))
    rows = [_range_row(job, moments[0], total - len(moments), now)] if total > len(moments) else []
    for moment in moments:
        row = _row(job, moment, moments[-1], now)
        if row.state == State.QUEUED:
            going = _overlapped(job, row, going, now)
        rows.append(row)
    return Plan(rows, upcoming, moments[-1])


def rows_of_pause(job: Job, now: datetime) -> list[Execution]:
    """A row for each moment that passed while `job` was paused; the older ones beyond a hundred share one."""
    first = job.paused_at and job.next_after(job.paused_at)
    if first is None or first > now:
        return []
    moments, total = moments_between(job.schedule, first, now, MOMENTS_AT_ONCE)
    reason = " ".join(filter(None, [f"Paused by {job.paused_by or 'the system'}.", job.paused_reason]))[:LONGEST_REASON]
    rows = [_moment_row(job, moment, now) for moment in moments]
    if total > len(moments):
        rows.insert(0, _moment_row(job, first, now))
        rows[0].missed_count = total - len(moments) - 1
    for row in rows:
        skip(row, reason, now)
    return rows


def skip(row: Execution, reason: str, now: datetime) -> None:
    """Make `row` one that will not run, and say why."""
    row.state, row.reason, row.finished_at = State.SKIPPED, reason, now


def back_off(execution: Execution) -> timedelta:
    """How long to wait before the next attempt: doubled each time, bounded, spread by a quarter."""
    doubled = execution.backoff.total_seconds() * 2.0 ** (execution.attempt - 1)
    return bounded(min(doubled, execution.backoff_max.total_seconds()) * random.uniform(0.75, 1.25))  # noqa: S311


def bounded(seconds: float) -> timedelta:
    """A wait before a further attempt that leads to no moment beyond the calendar."""
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))


def _row(job: Job, moment: datetime, latest: datetime, now: datetime) -> Execution:
    grace = job.misfire_grace_time
    late = now - moment
    row = _moment_row(job, moment, now)
    row.run_after = moment + jitter(job.jitter)
    row.start_deadline = None if grace is None else moment + grace + (job.jitter or timedelta())
    if grace is not None and late > grace:
        skip(row, f"Missed: noticed {spoken(late)} late, and it may start at most {spoken(grace)} late.", now)
    elif job.coalesce and moment != latest:
        skip(row, f"Coalesced into the run of {latest:%Y-%m-%d %H:%M:%S} UTC.", now)
    return row


def _range_row(job: Job, before: datetime, count: int, now: datetime) -> Execution:
    assert job.next_run_time is not None
    row = _moment_row(job, job.next_run_time, now)
    row.missed_count = count - 1
    skip(
        row,
        f"Missed: {count} moments from {job.next_run_time:%Y-%m-%d %H:%M:%S} UTC to {before:%H:%M:%S}.",
        now,
    )
    return row


def _moment_row(job: Job, moment: datetime, now: datetime) -> Execution:
    return Execution(**job.snapshot(), why=Why.SCHEDULE, scheduled_for=moment, run_after=moment, created_at=now)


def _overlapped(job: Job, row: Execution, going: Going, now: datetime) -> Going:
    """Apply the job's overlap policy to `row`, and count it."""
    which = f" (#{going.latest})" if going.latest else ""
    if job.overlap == Overlap.SKIP and going.count >= job.max_instances:
        skip(row, f"Overlap: an earlier run was still going{which}.", now)
        return going
    if job.overlap == Overlap.QUEUE_ONE and going.waiting:
        skip(row, f"Overlap: an earlier run was still waiting{which}.", now)
        return going
    return Going(going.count + 1, going.waiting + 1, going.latest)


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
