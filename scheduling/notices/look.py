"""One look at everything that rules may tell of: incidents open, go on and close, and lines go into the outbox."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from scheduling import health
from scheduling.models import OPEN, Event, Execution, Incident, Job, Notice, NoticeRule, Sighting, State
from scheduling.notices import usual, words
from scheduling.notices.findings import (
    Finding,
    Learned,
    View,
    covers,
    of_subject,
    silent_since,
)
from scheduling.notices.items import items_of
from scheduling.notices.words import CLOSED, OPENED, REPEATED, SUBJECT_OF_SCHEDULER, moment, place_of
from scheduling.planning import spoken
from scheduling.store import notices as store
from scheduling.store.notices import Tell, silent


def look(now: datetime, since: datetime, learned: Learned) -> None:
    """Open what has gone wrong since then, and close what is well again.

    Rows that were written late are found as long as `since` lies back far enough: what was seen is not told again.
    """
    view = View(now, since, learned)
    for rule in NoticeRule.objects.filter(enabled=True):
        for finding in view.findings(rule):
            _note(rule, finding, now)
    watch(now)
    mind(now, learned)


def watch(now: datetime) -> bool:
    """Open an incident of each rule that minds that no scheduler is alive; returns whether that is so."""
    minded = [rule for rule in NoticeRule.objects.filter(enabled=True) if Event.SILENT in rule.events]
    if not minded or health.turning(now):
        return False
    for rule in minded:
        since = silent_since(rule)
        if now - since >= rule.silent_for:
            said = f"No scheduler has turned its loop since {moment(since, place_of(rule))}: nothing is started."
            tell = _teller(rule, OPENED, None, None, now)
            store.sight(rule, Event.SILENT, SUBJECT_OF_SCHEDULER, summary=said, now=now, tell=tell)
    return True


def mind(now: datetime, learned: Learned, *events: Event) -> None:
    """Close the open incidents that are over, and tell again of those that go on; only those of `events`, if named."""
    standing = Incident.objects.open().select_related("rule")
    for incident in standing.filter(event__in=events) if events else standing:
        job = _job_of(incident)
        if unsaid := _given_up(incident, job):
            store.close(incident, unsaid, now=now)
        elif reason := _well(incident, now, learned):
            tell = _teller(incident.rule, CLOSED, _run_of(incident), job, now)
            tell = tell if _end_is_told(incident, now) else silent
            store.close(incident, reason, now=now, tell=tell)
        elif _again(incident, now):
            store.repeat(incident, now=now, tell=_teller(incident.rule, REPEATED, _run_of(incident), job, now))


def _note(rule: NoticeRule, finding: Finding, now: datetime) -> None:
    told = finding.event in rule.events  # a failure is noted for the sake of its recovery, too
    run = finding.runs[-1]
    tell = _teller(rule, OPENED, run, finding.job, now) if told else silent
    summary = finding.summary
    store.sight(rule, finding.event, finding.subject, runs=finding.runs, summary=summary, now=now, tell=tell)


def _teller(rule: NoticeRule, status: str, run: Execution | None, job: Job | None, now: datetime) -> Tell:
    def tell(incident: Incident) -> list[Notice]:
        return words.lines(rule, incident, status, run, job, now)

    return tell


def _job_of(incident: Incident) -> Job | None:
    kind, _, name = incident.subject.partition(":")
    return Job.objects.filter(pk=name).first() if kind == "job" else None


def _run_of(incident: Incident) -> Execution | None:
    """Its last run, unless that has been pruned."""
    return Execution.objects.filter(pk=incident.last_run_id).first() if incident.last_run_id else None


def _given_up(incident: Incident, job: Job | None) -> str:
    """Why nobody minds the incident any more; empty while somebody does."""
    rule = incident.rule
    minded = {*rule.events, *([Event.FAILED] if Event.RECOVERED in rule.events else [])}
    if not rule.enabled:
        return "The rule was switched off."
    if incident.subject.startswith("job:") and job is None:
        return "The job was deleted."
    return "" if incident.event in minded and covers(rule, incident.subject, job) else "The rule was changed."


def _end_is_told(incident: Incident, now: datetime) -> bool:
    """Recovery is told to who asked for it, and to who was told that no scheduler is alive."""
    wanted = incident.event == Event.SILENT or Event.RECOVERED in incident.rule.events
    return wanted and not incident.is_muted(now)


def _again(incident: Incident, now: datetime) -> bool:
    span = incident.rule.repeat_after
    if not span or incident.told_at is None or incident.acknowledged_at or incident.is_muted(now):
        return False
    return now - incident.told_at >= span


# When it is well again


def _well(incident: Incident, now: datetime, learned: Learned) -> str:
    """Why the incident is over; empty while it goes on."""
    asked: dict[str, Callable[[], str]] = {
        Event.FAILED: partial(_succeeded, incident),
        Event.FAILING: partial(_succeeded, incident),
        Event.MISSED: partial(_ran, incident),
        Event.LATE: partial(_on_time, incident),
        Event.LONG: partial(_ended, incident),
        Event.EMPTY: partial(_did_enough, incident, None, now),
        Event.FEW: partial(_did_enough, incident, learned, now),
        Event.SILENT: partial(_alive, now),
    }
    return asked[incident.event]()


def _after(incident: Incident) -> list[Execution]:
    """The latest runs of the same subject after the last one that was seen."""
    later = of_subject(incident.subject).filter(pk__gt=incident.last_run_id or 0, started_at__isnull=False)
    return list(later.light().order_by("-id")[: usual.SAMPLE])


def _succeeded(incident: Incident) -> str:
    run = next((run for run in _after(incident) if run.state == State.SUCCEEDED), None)
    return f"Run #{run.pk} succeeded." if run else ""


def _ran(incident: Incident) -> str:
    run = next(iter(_after(incident)), None)
    return f"Run #{run.pk} was started." if run else ""


def _on_time(incident: Incident) -> str:
    """A run that waited, and was seen doing so, may be the last one seen still."""
    for run in _after(incident):
        if run.lateness is not None and run.lateness <= incident.rule.late_by:
            return f"Run #{run.pk} started {f'{spoken(run.lateness)} late' if run.lateness else 'on time'}."
    return ""


def _ended(incident: Incident) -> str:
    runs = Execution.objects.filter(pk__in=Sighting.objects.filter(incident=incident).values("execution"))
    if runs.filter(state__in=OPEN).exists():
        return ""
    last = runs.order_by("-id").first()
    if last is None:
        return "It ended."
    return f"Run #{last.pk} ended: {last.get_state_display().lower()}, after {spoken(last.duration or timedelta())}."


def _did_enough(incident: Incident, learned: Learned | None, now: datetime) -> str:
    """By what is usual, if that is known; else one item is enough."""
    runs = [run for run in _after(incident) if run.state == State.SUCCEEDED]
    known = learned.of(incident.subject.partition(":")[2], now, items=True) if learned else None
    least = max(usual.too_few(known, incident.rule.factor), 1) if known else 1
    items = items_of([run.pk for run in runs])
    run = next((run for run in runs if items.get(run.pk, 0) >= least), None)
    return f"Run #{run.pk} did {items[run.pk]:,} items." if run else ""


def _alive(now: datetime) -> str:
    found = health.turning(now)
    return f"The scheduler {found[0]} turns." if found else ""
