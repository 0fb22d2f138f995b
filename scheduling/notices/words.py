"""What is said: one line for what became of an incident, and one message out of the lines that are due together."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from django.urls import reverse

from scheduling.clocks import on_clock, zone
from scheduling.conf import options
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Cause, Event, Execution, Incident, Job, Notice, NoticeRule, State
from scheduling.notices.channels import Message
from scheduling.notices.quiet import quiet_until
from scheduling.planning import spoken
from scheduling.redact import plain

LONGEST_ERROR = 300  # characters
IN_FULL = 5  # lines of a message; of more, each is one sentence
LISTED = 30  # such sentences
SUBJECT_OF_SCHEDULER = "scheduler"
OPENED, REPEATED, CLOSED = "open", "repeated", "closed"
HEADS = {  # the title of a line, after the name of the job
    Event.FAILED: "failed",
    Event.FAILING: "keeps failing",
    Event.MISSED: "was missed",
    Event.LATE: "is late",
    Event.LONG: "takes too long",
    Event.EMPTY: "succeeded with nothing done",
    Event.FEW: "did far less than usual",
}
ADVICE = {
    Event.FAILED: "Read the log and the traceback on the page of the run; once the cause is gone, press Retry there.",
    Event.MISSED: "Ask Why? on the page of the job; a backfill there makes up for the moment.",
    Event.LATE: "Look at the page of its queue: whether all places are taken, or no scheduler serves it.",
    Event.LONG: "Look at its progress and log on the page of the run; Cancel stops it.",
    Event.EMPTY: "Read its log: did its source answer, and with what?",
    Event.SILENT: "Start one with: python manage.py runscheduler. If one is running, its log says why it stands still.",
}
ADVICE |= {Event.FAILING: ADVICE[Event.FAILED], Event.FEW: ADVICE[Event.EMPTY]}
MORE_ADVICE = {
    State.TIMED_OUT: "Its log says how far it came; the time-out is on the page of the job.",
    State.LOST: "Its process or its machine has gone: look whether memory ran out, or what ended it; then press Retry.",
}


def lines(
    rule: NoticeRule, incident: Incident, status: str, run: Execution | None, job: Job | None, now: datetime
) -> list[Notice]:
    """A line for each channel of `rule`, which may be sent once its quiet hours are over."""
    due = quiet_until(rule, incident.event, now) or now + timedelta(seconds=options().notice_together)
    title = plain(_title(incident, status, run, job))[:300]
    text = plain("\n".join(filter(None, _text(rule, incident, status, run))))
    facts = _facts(rule, incident, status, run, job)
    return [
        Notice(
            channel=channel,
            rule=rule,
            incident=incident,
            title=title,
            text=text,
            facts=facts,
            created_at=now,
            due_at=due,
        )
        for channel in rule.channels
    ]


def test_line(channel: str, by: str, now: datetime) -> Notice:
    """What a person sends to see whether the channel works."""
    text = f"{by or 'Somebody'} asked for this test: notices of {options().instance!r} reach you here."
    facts = {"event": "test", "status": "test", "summary": text}
    return Notice(
        channel=channel, title="Rota: a test message", text=text, facts=facts, created_at=now, due_at=now, message=None
    )


def message(id: UUID, notices: Sequence[Notice]) -> Message:
    """One message out of all `notices`: in full if they are few."""
    if len(notices) == 1:
        title, text = notices[0].title, notices[0].text
    elif len(notices) <= IN_FULL:
        title, text = _count(notices), "\n\n".join(f"{each.title}\n{each.text}" for each in notices)
    else:
        told = [f"• {each.title}: {each.facts.get('summary', '')}" for each in notices[:LISTED]]
        rest = len(notices) - len(told)
        more = [f"… and {rest:,} more."] if rest else []
        title, text = _count(notices), "\n".join([*told, *more, *filter(None, [link("incident", None)])])
    return Message(id, title, text, [each.facts for each in notices])


def link(model: str, pk: int | None) -> str:
    """The address of the page of a row, or of the list; empty where SITE_URL is not set."""
    if not options().site_url:
        return ""
    name = f"admin:scheduling_{model}_{'changelist' if pk is None else 'change'}"
    return f"{options().site_url}{reverse(name, args=() if pk is None else (pk,))}"


def moment(value: datetime, place: tzinfo) -> str:
    local = on_clock(value, place)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"


def place_of(rule: NoticeRule) -> tzinfo:
    try:
        return zone(rule.timezone)
    except InvalidTrigger:
        return UTC


def error_of(run: Execution) -> str:
    """The class and the message of its error, or the reason of its end."""
    name = run.error_class.rpartition(".")[2]
    said = (run.error_message or run.reason).strip()
    told = plain(f"{name}: {said}" if name and said else name or said)
    return told if len(told) <= LONGEST_ERROR else f"{told[:LONGEST_ERROR]}…"


def _title(incident: Incident, status: str, run: Execution | None, job: Job | None) -> str:
    if incident.event == Event.SILENT:
        return "A scheduler is alive again" if status == CLOSED else "No scheduler is alive"
    name = str(job) if job else incident.subject.partition(":")[2]
    if status == CLOSED:
        return f"{name} is well again"
    if incident.event == Event.FAILED and run and run.state != State.FAILED:
        head = "was lost" if run.state == State.LOST else "timed out"
    else:
        head = HEADS[Event(incident.event)]
    return f"{name} {'still ' if status == REPEATED else ''}{head}"


def _text(rule: NoticeRule, incident: Incident, status: str, run: Execution | None) -> list[str]:
    place = place_of(rule)
    if status == CLOSED:
        since = moment(incident.opened_at, place)
        return [incident.closed_reason, f"It was not well since {since}{_times(incident.count)}.", _page(run)]
    event = Event(incident.event)
    advice = ADVICE[event]
    if event in (Event.FAILED, Event.FAILING) and run and run.cause != Cause.INTERRUPTED:
        advice = MORE_ADVICE.get(State(run.state), advice)
    again = f"It goes on since {moment(incident.opened_at, place)}{_times(incident.count)}."
    return [
        incident.summary,
        _when(run, place) if run else "",
        again if status == REPEATED else "",
        _page(run),
        f"What to do: {advice}",
        f"Rule: {rule}.",
    ]


def _when(run: Execution, place: tzinfo) -> str:
    """When it was due, started and ended, how late it was, and which attempt it is."""
    told = []
    due = run.scheduled_for or run.stands_for
    if due:
        told.append(f"due {moment(due, place)}")
    if run.started_at:
        late = run.lateness or timedelta()
        told.append(
            f"started {moment(run.started_at, place)}{f', {spoken(late)} late' if late >= timedelta(seconds=1) else ''}"
        )
    if run.finished_at and run.started_at:
        told.append(f"ended {moment(run.finished_at, place)}")
    if run.max_attempts > 1:
        told.append(f"attempt {run.attempt} of {run.max_attempts}")
    return f"Run #{run.pk}: {'; '.join(told)}." if told else ""


def _page(run: Execution | None) -> str:
    return link("execution", run.pk) if run else ""


def _times(count: int) -> str:
    return f", {count:,} times" if count > 1 else ""


def _count(notices: Sequence[Notice]) -> str:
    firsts = list(dict.fromkeys(each.title for each in notices))
    told = ", ".join(firsts[:2])
    return f"{len(notices):,} notices: {told}{', …' if len(firsts) > 2 else ''}"[:250]


def _facts(rule: NoticeRule, incident: Incident, status: str, run: Execution | None, job: Job | None) -> dict[str, Any]:
    return {
        "event": incident.event,
        "status": status,
        "rule": plain(rule.name),
        "incident": incident.pk,
        "count": incident.count,
        "subject": incident.subject,
        "summary": plain(incident.closed_reason if status == CLOSED else incident.summary),
        "opened_at": _iso(incident.opened_at),
        "closed_at": _iso(incident.closed_at),
        "job": job.pk if job else None,
        "job_name": plain(job.name) if job else None,
        "tags": [plain(str(tag)) for tag in job.tags] if job else [],
        **_facts_of_run(run),
    }


def _facts_of_run(run: Execution | None) -> dict[str, Any]:
    if run is None:
        return {"run": None, "url": None}
    return {
        "task": run.task,
        "run": run.pk,
        "state": run.state,
        "attempt": run.attempt,
        "scheduled_for": _iso(run.scheduled_for),
        "started_at": _iso(run.started_at),
        "finished_at": _iso(run.finished_at),
        "late_seconds": round(run.lateness.total_seconds(), 3) if run.lateness is not None else None,
        "error_class": run.error_class or None,
        "error_message": plain(run.error_message)[:LONGEST_ERROR] or None,
        "url": link("execution", run.pk) or None,
    }


def _iso(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
