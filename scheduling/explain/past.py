"""explain: what became of a moment of a job, from the ledger, the columns of the job and its history."""

from datetime import datetime

from django.db.models import Max

from scheduling.calendars import load
from scheduling.conf import options
from scheduling.explain.answers import Answer, Teller, Tone, because, person, teller
from scheduling.explain.hindrances import hindrances
from scheduling.explain.runs import told
from scheduling.explain.schedules import Then, schedule_at
from scheduling.models import Execution, Job
from scheduling.tenants import Person


def explain(job: Job, at: datetime, now: datetime, to: Person | None = None) -> Answer:
    """What became of the moment `at` of `job`, as far as `to` may see it.

    Of the nearest one, if the schedule does not name it.
    """
    tell = teller(job, now, to)
    then = schedule_at(job, at, tell.changes(job))
    row = _row_at(job, at, tell)
    exact = (row is not None and row.scheduled_for == at) or then.names(at)
    moment = at if exact else _nearest(job, then, at, now)
    changed = _changed(then, tell)
    if moment is None:
        said = (f"{tell.at(at)} is no moment of its schedule, {then.words}, and there is none near it.", *changed)
        return Answer("Nothing was due", Tone.NOTABLE, said)
    if moment != at:
        changed = [_no_moment(then, at, moment, tell), *changed]
        row = _row_at(job, moment, tell)
    return _of_moment(job, moment, row, tell).after(changed)


def _row_at(job: Job, moment: datetime, tell: Teller) -> Execution | None:
    """The row of the moment, or the one before it, which may stand for it too."""
    rows = tell.runs.filter(job=job.pk)
    # MariaDB seeks the maximum in the index, where it would walk down to the first of an order.
    latest = rows.filter(scheduled_for__lte=moment).aggregate(latest=Max("scheduled_for"))["latest"]
    return rows.light().filter(scheduled_for=latest).first() if latest else None


def _nearest(job: Job, then: Then, at: datetime, now: datetime) -> datetime | None:
    """Of the moments around `at`; one to come only if none has passed, or if it is asked for."""
    before, after = then.last(at, job.created_at), then.next(at)
    if before is None or after is None:
        return before or after
    if at < now < after:
        return before
    return before if at - before <= after - at else after


def _no_moment(then: Then, at: datetime, moment: datetime, tell: Teller) -> str:
    before, after = then.last(at, moment if moment < at else at), then.next(at)
    around = [f"the one before is {tell.at(before)}"] if before else []
    around += [f"the one after is {tell.at(after)}"] if after else []
    near = f": {' and '.join(around)}" if around else ""
    return f"{tell.at(at)} is no moment of its schedule, {then.words}{near}. This is about {tell.at(moment)}."


def _changed(then: Then, tell: Teller) -> list[str]:
    """That the schedule was another one, and who changed it."""
    if then.changed is None:
        return []
    by = f"{person(then.changed.by)} changed it at {tell.at(then.changed.at)}{because(then.changed.reason)}"
    return [f"The schedule was another one then, {then.words}; {by}"]


def _of_moment(job: Job, moment: datetime, row: Execution | None, tell: Teller) -> Answer:
    if row is not None and row.scheduled_for == moment:
        return told(row, tell)
    if moment > tell.now:
        return _to_come(job, moment, tell)
    if row is not None and row.missed_count and _covers(job, row, moment, tell):
        return told(row, tell).after([f"{tell.at(moment)} has no row of its own."])
    return _without_row(job, moment, tell)


def _covers(job: Job, row: Execution, moment: datetime, tell: Teller) -> bool:
    """Whether the range of `row`, the last row before `moment`, reaches it: up to the next row, or what was fired."""
    later = tell.runs.filter(job=job.pk, scheduled_for__gt=moment)
    return bool(job.fired_until and moment <= job.fired_until) or later.exists()


def _to_come(job: Job, moment: datetime, tell: Teller) -> Answer:
    verdict, comes = "Has not come yet", f"{tell.at(moment)} is {tell.since(moment)}."
    until = job.paused_until if job.paused_at else None
    barred = [each for each in hindrances(job, tell) if not (until and each.since == job.paused_at and until < moment)]
    if barred:
        first = barred[0]
        return Answer(verdict, first.tone, (comes, first.grounds, first.cure), moment)
    if excluded := load(job.calendars).excludes(job.calendars, moment):
        return Answer("Will be skipped", Tone.NOTABLE, (comes, f"It will be skipped: {excluded}."), moment)
    return Answer(verdict, Tone.OPEN, (comes, "As things stand, it will run then."), moment)


def _without_row(job: Job, moment: datetime, tell: Teller) -> Answer:
    """A moment that has passed, and of which the ledger says nothing."""
    if moment < job.created_at:
        said = (
            f"The job was made at {tell.at(job.created_at)}{_maker(job, tell)}, after that moment.",
            *_oldest(job, tell),
        )
        return Answer("The job did not exist yet", Tone.NOTABLE, said, moment)
    if moment > (job.fired_until or job.created_at):
        for each in hindrances(job, tell):
            if each.since and each.since <= moment:
                later = "It is written down as skipped, and can be made up for, when the job goes on."
                return Answer(f"Not run: {_lower(each.verdict)}", each.tone, (each.grounds, later, each.cure), moment)
        if job.next_run_time and job.next_run_time <= moment:
            return _unnoticed(job, moment, tell)
    return _off_record(job, moment, tell)


def _unnoticed(job: Job, moment: datetime, tell: Teller) -> Answer:
    """Due, and not fired by anyone so far."""
    grace = job.misfire_grace_time
    if grace is None or tell.now - moment <= grace:
        later = "It runs as soon as a scheduler does its turn."
    else:
        later = "It is too late for it: a scheduler will write it down as missed."
    found = [each for each in hindrances(job, tell) if each.since is None]
    if found:
        sentences = (found[0].grounds, later, found[0].cure)
        return Answer(f"Not run yet: {_lower(found[0].verdict)}", Tone.BAD, sentences, moment)
    due = f"It has been due for {tell.since(moment).removesuffix(' ago')}, and no scheduler has fired it yet."
    return Answer("Due now", Tone.OPEN, (due, later), moment)


def _off_record(job: Job, moment: datetime, tell: Teller) -> Answer:
    sentences = ["Nothing is on record for this moment.", *_oldest(job, tell, before=moment)]
    change = tell.changes(job).filter(at__gte=moment).order_by("id").first()
    if change is not None:
        done = f"{change.action} by {person(change.by)} at {tell.at(change.at)}{because(change.reason)}"
        sentences.append(f"The next change of the job after it: {done}")
    return Answer("Not on record", Tone.NOTABLE, tuple(sentences), moment)


def _oldest(job: Job, tell: Teller, before: datetime | None = None) -> list[str]:
    """How far back the ledger goes; nothing where that is before the moment asked for."""
    rows = tell.runs.filter(job=job.pk, scheduled_for__isnull=False)
    oldest = rows.order_by("scheduled_for").values_list("scheduled_for", flat=True).first()
    if oldest is None:
        return ["No moment of the job is on record."]
    kept = f"; {_keeping(job)}" if before else ""
    return [f"The oldest moment on record is {tell.at(oldest)}{kept}."] if before is None or oldest > before else []


def _keeping(job: Job) -> str:
    days = options().keep_days if job.keep_for is None else job.keep_for.days
    return f"runs are kept for {days} days" if days else "runs are kept for ever"


def _maker(job: Job, tell: Teller) -> str:
    made = tell.changes(job).filter(action="created").order_by("-id").first()
    return f" by {person(made.by)}" if made else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
