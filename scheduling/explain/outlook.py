"""outlook: when a job will run next, why not before, and what it waits for."""

from collections.abc import Iterator
from datetime import datetime

from scheduling.calendars import load
from scheduling.exceptions import SchedulingError
from scheduling.explain.answers import Answer, Teller, Tone, quoted, span, teller
from scheduling.explain.hindrances import Hindrance, hindrances, open_runs, waiting
from scheduling.explain.runs import brief
from scheduling.models import Execution, Job, Overlap, State
from scheduling.tenants import Person

SHOWN = 3  # runs that have not ended
OVERLAPS = {
    Overlap.SKIP: "is skipped",
    Overlap.QUEUE_ONE: "waits for its end, unless one waits already",
    Overlap.QUEUE_ALL: "waits for its end",
    Overlap.CANCEL: "has it cancelled",
}


def outlook(job: Job, now: datetime, to: Person | None = None) -> Answer:
    """When `job` will run next, and why not before, as far as `to` may see it."""
    tell = teller(job, now, to)
    barred = hindrances(job, tell)
    going = open_runs(job, SHOWN, tell)
    upcoming, excluded = _upcoming(job, now)
    sentences = [said for each in barred for said in (each.grounds, each.cure)]
    sentences += _schedule(job, upcoming, excluded, barred, tell)
    sentences += _before(job, tell)
    sentences += _going(job, going, tell)
    verdict, tone = _verdict(upcoming, barred, tell)
    return Answer(verdict, tone, tuple(sentences), upcoming, tuple(each.pk for each in going))


def _upcoming(job: Job, now: datetime) -> tuple[datetime | None, str]:
    """The next moment that can run as things stand, and what a calendar says against an earlier one."""
    begin = max(now, job.paused_until or now)
    try:
        moment = job.next_run_time if job.next_run_time and job.next_run_time > now else job.next_after(begin)
        if moment is None:
            return None, ""
        calendars = load(job.calendars)
        if excluded := calendars.excludes(job.calendars, moment):
            return calendars.first_allowed(job.schedule, job.calendars, moment), excluded
    except SchedulingError:  # parked, for a schedule that cannot be read
        return None, ""
    return moment, ""


def _verdict(upcoming: datetime | None, barred: list[Hindrance], tell: Teller) -> tuple[str, Tone]:
    if barred:
        return barred[0].verdict, barred[0].tone
    if upcoming is None:
        return "No moment that its calendars allow", Tone.NOTABLE
    return f"Next run: {tell.at(upcoming)}, {tell.since(upcoming)}", Tone.GOOD


def _schedule(
    job: Job, upcoming: datetime | None, excluded: str, barred: list[Hindrance], tell: Teller
) -> Iterator[str]:
    if excluded:
        yield f"What comes first is skipped: {excluded}."
    if upcoming is None:
        return
    words = quoted(job.words)
    if barred:
        yield f"The next moment of its schedule, {words}, is {tell.at(upcoming)}, {tell.since(upcoming)}."
    elif not excluded:
        yield f"Its schedule, {words}, names no moment before that."
    if job.jitter and not barred:
        yield f"Its start is delayed by a random time up to {span(job.jitter)} (jitter)."


def _before(job: Job, tell: Teller) -> Iterator[str]:
    """What became of the last moment on record, which may be one to come that is skipped already."""
    rows = tell.runs.light().filter(job=job.pk, scheduled_for__isnull=False).order_by("-scheduled_for")
    last = rows.first()
    if last is not None and last.scheduled_for is not None and last.is_final:
        yield f"The moment of {tell.at(last.scheduled_for)}: {brief(last)}"


def _going(job: Job, going: list[Execution], tell: Teller) -> Iterator[str]:
    for run in going:
        if run.state == State.QUEUED:
            yield f"Run #{run.pk} is queued."
            yield from waiting(run, tell)
        elif run.started_at:
            yield f"Run #{run.pk} has been running for {tell.since(run.started_at).removesuffix(' ago')}."
    if sum(run.state == State.RUNNING for run in going) >= job.max_instances:
        yield f"While it goes on, a moment that comes {OVERLAPS[Overlap(job.overlap)]}."
