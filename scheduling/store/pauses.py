"""pause, resume, skip next: jobs that stand still for a while, and what becomes of the moments meanwhile."""

import contextlib
from datetime import datetime
from typing import Any

from django.db import transaction

from scheduling.calendars import load
from scheduling.exceptions import InvalidJob, NothingToRun, NothingToSkip, SchedulingError
from scheduling.models import LONGEST_REASON, Backfill, Cause, Execution, Job, State, Why
from scheduling.planning import MOMENTS_AT_ONCE, Missed, by_hand
from scheduling.states import PASS_OVER
from scheduling.store.backfills import backfill
from scheduling.store.batch import announce, contested, insert_rows, locked
from scheduling.store.changes import record
from scheduling.store.figures import told_ends
from scheduling.store.fire import AT_ONCE, fire
from scheduling.store.ledger import end_of_pause, missed_since, next_free, settle_idle, standstill
from scheduling.store.moves import move
from scheduling.triggers import moments_between

SKIPPED_AT_ONCE = 100  # moments that a calendar excludes before the one to skip
OVER = "The pause ended as planned."


@contested
def pause(job: Job, *, by: str, now: datetime, reason: str = "", until: datetime | None = None) -> bool:
    """Stop `job` from firing, for good or `until` then; what it queued and has not started is skipped.

    A job that is paused already takes the new end and reason. False if that changes nothing. Raises InvalidJob.
    """
    if until and until <= now:
        raise InvalidJob("The end of the pause has passed; choose a later one.")
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        same = (stored.paused_until, stored.paused_reason) == (until, reason or stored.paused_reason)
        if stored.paused_at and same:
            return False
        settle(stored, now)
        columns = _columns(by=by, reason=reason, until=until, now=stored.paused_at or now)
        _write(stored, columns, now)
        waiting = Execution.objects.filter(job=job.pk, why=Why.SCHEDULE)
        said = f"Paused by {by or 'the system'}. {reason}".strip()[:LONGEST_REASON]
        move(waiting, PASS_OVER, State.SKIPPED, cause=Cause.PAUSED, reason=said, finished_at=now)
        fields = {"paused_until": [None, until.isoformat()]} if until else {}
        record(job.pk, "paused", by=by, now=now, reason=reason, fields=fields)
        announce()
    job.refresh_from_db()
    return True


@contested
def resume(job: Job, *, by: str, now: datetime, reason: str = "", missed: Missed = Missed.NONE) -> bool:
    """Let `job` fire again, from the first moment after `now`; False if it was not paused.

    The moments that passed meanwhile get rows that say so; `missed` says which of them run after all: none,
    the latest, or all, which a backfill brings. Raises SchedulingError where those are too many.
    """
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        if not stored.paused_at:
            return False
        at = end_of_pause(stored.paused_until, now)
        _resume(stored, by=by, now=now, at=at, reason=reason, missed=missed)
        announce()
    job.refresh_from_db()
    return True


@contested
def end_pauses(now: datetime) -> list[Job]:
    """Resume the jobs whose pause was to end by `now`, at the moment at which it was to end."""
    over = Job.objects.filter(paused_until__lte=now)
    if not over.exists():
        return []
    with transaction.atomic():
        jobs = list(locked(over)[:AT_ONCE])
        for job in jobs:
            try:
                at = end_of_pause(job.paused_until, now)
                _resume(job, by="", now=now, at=at, reason=OVER, missed=Missed.NONE)
            except SchedulingError as error:  # no reason to keep the others from going on
                _write(job, {"paused_until": None, "parked_reason": str(error)[:LONGEST_REASON]}, now)
                record(job.pk, "parked", by="", now=now, reason=str(error))
    return jobs


@contested
def skip_next(job: Job, *, by: str, now: datetime, reason: str = "") -> datetime:
    """Skip the next run of `job`, and say so in the ledger at once; returns its moment. Raises NothingToSkip."""
    with transaction.atomic():
        stored = Job.objects.select_for_update().get(pk=job.pk)
        settle(stored, now)
        stored.refresh_from_db()
        if stored.next_run_time is None or standstill(stored):
            raise NothingToSkip(f"The job {job.pk} has no next run to skip: {_why_none(stored)}.")
        rows, upcoming = _skipped(stored, by, reason, now)
        told_ends(insert_rows(rows))
        Job.objects.filter(pk=job.pk).update(next_run_time=upcoming, updated_at=now)
        skipped = rows[-1].scheduled_for
        assert skipped is not None
        record(job.pk, "skipped", by=by, now=now, reason=reason, fields={"next_run": [skipped.isoformat(), None]})
        announce()
    job.refresh_from_db()
    return skipped


def settle(job: Job, now: datetime) -> None:
    """Give each moment of `job`, whose row this transaction holds, its row up to `now`, before the job changes.

    A pause that was to end by now ends first.
    """
    if job.paused_until and job.paused_until <= now:
        _resume(job, by="", now=now, at=end_of_pause(job.paused_until, now), reason=OVER, missed=Missed.NONE)
        job.refresh_from_db()
    because = standstill(job)
    if because:
        end = end_of_pause(because.until, now)
        end = max(end, job.fired_until or end)  # the pause of its queue may have ended before that
        settle_idle(job, end, because)
        job.fired_until = end
        job.next_run_time = next_free(job, end) if job.next_run_time else None
        Job.objects.filter(pk=job.pk).update(next_run_time=job.next_run_time, fired_until=job.fired_until)
    over = because is None or (because.until is not None and because.until <= now)  # that of a queue may be
    if over and job.next_run_time and job.next_run_time <= now:
        fire([job], now)


def _skipped(job: Job, by: str, reason: str, now: datetime) -> tuple[list[Execution], datetime | None]:
    """The rows up to and with the first moment that no calendar excludes, and the moment after it."""
    calendars = load(job.calendars)
    rows: list[Execution] = []
    moment = job.next_run_time
    while moment and len(rows) < SKIPPED_AT_ONCE:
        excluded = calendars.excludes(job.calendars, moment)
        upcoming = job.next_after(moment)
        if not excluded:
            said = f"Skipped by {by or 'the system'}. {reason}".strip()
            return [*rows, by_hand(job, moment, said, now)], upcoming
        rows.append(by_hand(job, moment, f"Skipped: {excluded}.", now, Cause.CALENDAR))
        moment = upcoming
    return rows, moment


def _resume(job: Job, *, by: str, now: datetime, at: datetime, reason: str, missed: Missed) -> None:
    """End the pause of `job`, whose row is locked, as of the moment `at`."""
    at = max(at, job.fired_until or at)
    missed = Missed.NONE if job.parked_reason else missed
    go_on(job, at, missed, by=by, now=now, reason=reason or "Missed during a pause.")
    upcoming = None if job.parked_reason else next_free(job, at)
    _write(job, {**_columns(by="", reason="", until=None, now=None), "next_run_time": upcoming}, at)
    record(job.pk, "resumed", by=by, now=now, reason=reason, fields={} if missed == Missed.NONE else _told(missed))


def go_on(job: Job, at: datetime, missed: Missed, *, by: str, now: datetime, reason: str) -> None:
    """Account for the moments up to `at` in which `job` stood still, and have those made up for that are `missed`."""
    because = standstill(job)
    first = missed_since(job)
    if because is None or first is None or first > at:
        return
    chosen = _latest(job, first, at) if missed == Missed.LATEST else None
    rows = settle_idle(job, at, because, chosen)
    if chosen and not any(row.state == State.QUEUED for row in rows):  # its row was written earlier
        again = {"why": Why.RUN_NOW, "requested_by": by, "stands_for": chosen, "reason": "Made up for on request."}
        Execution(**job.snapshot(), **again, run_after=now, created_at=now).save(force_insert=True)
    if missed == Missed.ALL:
        with contextlib.suppress(NothingToRun):  # calendars exclude them all
            backfill(Backfill(job=job, first_at=first, last_at=at, reason=reason), by=by, now=now)


def _latest(job: Job, first: datetime, at: datetime) -> datetime | None:
    """The latest moment from `first` to `at` that no calendar excludes; of the last hundred."""
    moments, _ = moments_between(job.schedule, first, at, MOMENTS_AT_ONCE)
    calendars = load(job.calendars)
    return next((moment for moment in reversed(moments) if not calendars.excludes(job.calendars, moment)), None)


def _columns(*, by: str, reason: str, until: datetime | None, now: datetime | None) -> dict[str, Any]:
    said = reason[:LONGEST_REASON]
    return {"paused_at": now, "paused_by": by, "paused_reason": said, "paused_until": until, "next_run_time": None}


def _write(job: Job, columns: dict[str, Any], now: datetime) -> None:
    Job.objects.filter(pk=job.pk).update(**columns, fired_until=now, updated_at=now)


def _told(missed: Missed) -> dict[str, Any]:
    return {"made_up_for": [None, missed.label]}


def _why_none(job: Job) -> str:
    because = standstill(job)
    return because[1].rstrip(".") if because else "its schedule names none"
