"""What a row of the ledger tells: how late it started and why, how it ended, what followed; or why it did not run."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from scheduling.explain.answers import Answer, Teller, Tone, span, teller
from scheduling.explain.hindrances import waiting
from scheduling.models import UNWELL, Backfill, Cause, Execution, Job, State, Why
from scheduling.tenants import Person

SLIGHT = timedelta(seconds=1)  # a part of a delay that is worth a word
PUNCTUAL = timedelta(seconds=5)  # started within this, a run was on time
LOOKED_AT = 20  # earlier runs, for the one that was in the way; moments, for the one that stood in
FEW = 50  # backfills of one moment
SKIPPED = {
    Cause.MISSED: "Missed",
    Cause.COALESCED: "Coalesced into a later run",
    Cause.OVERLAP: "Skipped: an earlier run was still going",
    Cause.PAUSED: "Skipped: the job was paused",
    Cause.QUEUE_PAUSED: "Skipped: its queue was paused",
    Cause.PARKED: "Skipped: the job was parked",
    Cause.CALENDAR: "Skipped: excluded by a calendar",
    Cause.BY_HAND: "Skipped by hand",
}
CURES = {
    Cause.MISSED: "A backfill or Run now makes up for it; a longer misfire grace time lets it start later than this.",
    Cause.COALESCED: "Without coalescing, each moment would have a run of its own.",
    Cause.OVERLAP: "Another overlap policy lets it wait instead; more instances let it run beside the earlier one.",
    Cause.PAUSED: "A backfill can make up for it.",
    Cause.QUEUE_PAUSED: "A backfill can make up for it.",
    Cause.PARKED: "A backfill can make up for it.",
    Cause.CALENDAR: "If it should run at such times, take the calendar off the job, or mend its windows.",
}
ENDS = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.TIMED_OUT: "timed out",
    State.CANCELLED: "was cancelled",
    State.LOST: "was lost",
    State.SKIPPED: "was skipped",
    State.QUEUED: "waits",
    State.RUNNING: "is running",
}


def told(row: Execution, tell: Teller) -> Answer:
    """What became of the moment of `row`."""
    follow_ups = _follow_ups(row, tell)
    if row.state == State.SKIPPED:
        return _skipped(row, follow_ups, tell)
    if row.state == State.QUEUED:
        return Answer("Waits to start", Tone.OPEN, (f"Run #{row.pk} is queued.", *waiting(row, tell)), *_about(row))
    sentences = [*_start(row, tell), *_end(row, tell), *(_follow_up(each, tell) for each in follow_ups)]
    verdict, tone = _verdict(row, follow_ups)
    return Answer(verdict, tone, tuple(sentences), *_about(row, *follow_ups))


def explain_run(run: Execution, now: datetime, to: Person | None = None) -> Answer:
    """What became of any run, whatever asked for it, as far as `to` may see it."""
    job = Job.objects.seen_by(to).filter(pk=run.job_id).first() if run.job_id else None
    return told(run, teller(job, now, to) if job else Teller(UTC, now, to))


def brief(row: Execution) -> str:
    """The same in a sentence, asking the database for nothing."""
    if row.reason:
        return row.reason
    if row.started_at is None:
        return f"It {ENDS[State(row.state)]}."
    took = f" after {span(row.duration)}" if row.duration is not None else ""
    failed = f": {row.error_class.rpartition('.')[2]}" if row.error_class else ""
    return f"Started {_late(row)}; it {ENDS[State(row.state)]}{took}{failed}."


def _about(row: Execution, *others: Execution) -> tuple[datetime | None, tuple[int, ...]]:
    return row.scheduled_for, (row.pk, *(each.pk for each in others))


def _verdict(row: Execution, follow_ups: list[Execution]) -> tuple[str, Tone]:
    if row.state == State.RUNNING:
        return f"Is running, started {_late(row)}", Tone.OPEN
    if row.state == State.SUCCEEDED:
        return f"Ran {_late(row)}", Tone.GOOD if _on_time(row) else Tone.NOTABLE
    what = ENDS[State(row.state)].removeprefix("was ").capitalize()
    if any(each.state == State.SUCCEEDED for each in follow_ups):
        return f"{what}, then made up for", Tone.NOTABLE
    if row.started_at is None:
        return f"{what} before it started", Tone.NOTABLE
    return what, Tone.BAD if row.state in UNWELL else Tone.NOTABLE


# A run that started


def _start(row: Execution, tell: Teller) -> Iterator[str]:
    if row.started_at is None:
        yield f"Run #{row.pk} never started."
        return
    yield f"Run #{row.pk} started at {tell.at(row.started_at)}, {_late(row)}."
    if row.cause == Cause.LATE and row.state not in (State.CANCELLED, State.LOST):
        yield row.reason
    parts = [(name, took) for name, took in _parts(row) if took >= SLIGHT]
    if parts and not _on_time(row):
        yield f"Of this, {_listed([f'{span(took)} {name}' for name, took in parts])}."
        yield from _in_the_way(row, tell)


def _late(row: Execution) -> str:
    return "on time" if _on_time(row) else f"{span(row.lateness or timedelta())} late"


def _on_time(row: Execution) -> bool:
    return (row.lateness or timedelta()) <= PUNCTUAL


def _parts(row: Execution) -> list[tuple[str, timedelta]]:
    """Where the time from the due moment to the start went."""
    assert row.started_at is not None
    due = row.scheduled_for or row.run_after
    noticed = max(due, row.created_at)
    ready = max(noticed, row.run_after)
    return [
        ("went by until the moment was noticed", noticed - due),
        ("were its random delay (jitter)", ready - noticed),
        (f"it waited for a place in the queue {row.queue}", row.started_at - ready),
    ]


def _in_the_way(row: Execution, tell: Teller) -> Iterator[str]:
    """The earlier run of the same job for whose end this one had to wait."""
    assert row.started_at is not None
    ready = max(row.created_at, row.run_after)
    if not row.job_id or row.started_at - ready < SLIGHT:
        return
    earlier = tell.runs.light().filter(job=row.job_id, pk__lt=row.pk).order_by("-pk")[:LOOKED_AT]
    for each in earlier:
        if each.started_at and each.finished_at and ready < each.finished_at <= row.started_at + SLIGHT:
            yield f"Run #{each.pk} of the job was going until {tell.at(each.finished_at)}."
            return


def _end(row: Execution, tell: Teller) -> Iterator[str]:
    if row.state == State.RUNNING:
        yield "It has not ended yet."
        return
    after = f" after {span(row.duration)}" if row.duration is not None else ""
    failed = f" with {row.error_class.rpartition('.')[2]}" if row.error_class else ""
    yield f"It {ENDS[State(row.state)]}{after}{failed}."
    if row.reason and row.cause != Cause.LATE:
        yield row.reason


# What followed


def _follow_ups(row: Execution, tell: Teller) -> list[Execution]:
    """Further attempts, then runs of backfills that stood for the same moment."""
    attempts = tell.runs.light().filter(root=row.pk).order_by("attempt")
    if row.scheduled_for is None:
        return list(attempts)
    covering = Backfill.objects.filter(job=row.job_id, first_at__lte=row.scheduled_for, last_at__gte=row.scheduled_for)
    ids = list(covering.values_list("pk", flat=True)[:FEW])
    made_up = tell.runs.light().filter(backfill__in=ids, stands_for=row.scheduled_for).order_by("pk")
    later = tell.runs.light().filter(job=row.job_id, pk__gt=row.pk, why=Why.RUN_NOW)
    by_hand = later.filter(stands_for=row.scheduled_for).order_by("pk")[:FEW]
    return [*attempts, *(made_up if ids else []), *by_hand]


def _follow_up(run: Execution, tell: Teller) -> str:
    what = f"Run #{run.pk} of a backfill" if run.backfill_id else f"Attempt {run.attempt}, run #{run.pk},"
    if run.why == Why.RUN_NOW:
        what = f"Run #{run.pk}, asked for by {run.requested_by or 'the system'},"
    rescue = " (it was interrupted)" if run.why == Why.RESCUE else ""
    if run.state == State.QUEUED:
        return f"{what} waits until {tell.at(run.run_after)}{rescue}."
    when = run.finished_at or run.started_at
    at = f" at {tell.at(when)}" if when and run.is_final else ""
    failed = f" with {run.error_class.rpartition('.')[2]}" if run.error_class else ""
    return f"{what} {ENDS[State(run.state)]}{at}{failed}{rescue}."


# A moment that did not run


def _skipped(row: Execution, follow_ups: list[Execution], tell: Teller) -> Answer:
    cause = Cause(row.cause) if row.cause else None
    concerned = _named(row, tell)
    sentences = [row.reason] if row.reason else []
    if row.missed_count and row.scheduled_for:
        count = f"{row.missed_count + 1:,} moments"
        sentences.append(f"Run #{row.pk} stands for {count}, the first at {tell.at(row.scheduled_for)}.")
    sentences += [f"{_spelled(each, tell)}" for each in concerned]
    sentences += [_follow_up(each, tell) for each in follow_ups]
    if not follow_ups and cause in CURES:
        sentences.append(CURES[cause])
    verdict = SKIPPED.get(cause, "Skipped") if cause else "Skipped"
    tone = Tone.BAD if cause == Cause.MISSED else Tone.NOTABLE
    if any(each.state == State.SUCCEEDED for each in follow_ups):
        verdict, tone = f"{verdict}, then made up for", Tone.NOTABLE
    return Answer(verdict, tone, tuple(sentences), *_about(row, *concerned, *follow_ups))


def _named(row: Execution, tell: Teller) -> list[Execution]:
    """The run that was in the way, or the one that made up for a coalesced moment too."""
    if row.cause == Cause.OVERLAP and (found := re.search(r"#(\d+)", row.reason)):
        return list(tell.runs.light().filter(pk=int(found[1])))
    if row.cause == Cause.COALESCED and row.job_id:
        later = tell.runs.light().filter(job=row.job_id, scheduled_for__gt=row.scheduled_for)
        nearest = later.order_by("scheduled_for")[: 5 * LOOKED_AT]
        return [each for each in nearest if each.cause != Cause.COALESCED][:1]
    return []


def _spelled(run: Execution, tell: Teller) -> str:
    """From when to when a run went, and how it ended."""
    if run.started_at is None:
        return f"Run #{run.pk} {ENDS[State(run.state)]}."
    since = f"Run #{run.pk} started at {tell.at(run.started_at)}"
    if run.finished_at is None:
        return f"{since} and {ENDS[State(run.state)]}."
    return f"{since} and {ENDS[State(run.state)]} at {tell.at(run.finished_at)}, after {span(run.duration)}."  # type: ignore[arg-type]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
