"""jobs show: all that a person needs to know of one job."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone
from rich.text import Text

from scheduling.admin.job_doors import edited
from scheduling.exceptions import SchedulingError
from scheduling.explain import teller
from scheduling.management.composed import add_deed
from scheduling.management.executions.rows import brief_json, drawn
from scheduling.management.finding import find_job
from scheduling.management.jobs import moments
from scheduling.management.jobs.listing import words
from scheduling.management.jobs.policies import policies
from scheduling.management.telling import STANDINGS, STATES, facts, heading, indented, is_roomy, put, put_json
from scheduling.models import Execution, Job, Origin, Queue, State
from scheduling.redact import redact_json
from scheduling.registry import JOB_OPTIONS
from scheduling.standing import Standing, because, standing
from scheduling.store.jobs import TRIGGER_FIELDS
from scheduling.sync import plain

COMING, PAST = 10, 10  # moments and runs that are shown
COUNTED = timedelta(days=7)


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "show", act, "show a job: its schedule and policies, what comes, and what became of it")
    parser.add_argument("job", help="the id of the job")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    job = find_job(given["job"])
    held = Queue.objects.paused().filter(pk=job.queue).first()
    runs = list(Execution.objects.light().filter(job=job.pk).order_by("-id")[:PAST])
    counts = _counts(job, now)
    if given["json"]:
        put_json(out, _as_json(job, held, runs, counts, now))
        return
    how = standing(job, held)
    title = Text(f"{job.name} ({job.pk})" if job.name != job.pk else job.pk, "bold")
    put(out, title, Text.assemble((how.value, STANDINGS[how]), (_why(job, held), "dim")))
    if job.description:
        put(out, Text(job.description))
    put(out, Text(), facts(_facts(job)), heading("Policies"), indented(facts(policies(job))))
    put(out, heading("Coming"), indented(_coming(job, how, now)))
    put(
        out,
        heading("Last runs"),
        indented(drawn(runs, now, of_job=True, roomy=is_roomy(out)) if runs else Text("none yet")),
    )
    if counts:
        put(out, heading("In the last 7 days"), indented(_told(counts)))


def _why(job: Job, held: Queue | None) -> str:
    said = because(job, held)
    return f"  {said}" if said else ""


def _facts(job: Job) -> Iterator[tuple[str, Text]]:
    yield "Task", Text(job.task)
    if job.arguments:
        yield "Arguments", Text(json.dumps(redact_json(job.arguments), ensure_ascii=False))
    yield "Schedule", Text.assemble(words(job), (f"  {job.cron}" if job.cron else "", "dim"))
    if job.calendars:
        yield "Calendars", Text(", ".join(job.calendars))
    yield "Queue", Text(f"{job.queue}{f', priority {job.priority}' if job.priority else ''}")
    if job.tenant:
        yield "Tenant", Text(job.tenant)
    if job.tags:
        yield "Tags", Text(", ".join(map(str, job.tags)))
    yield "Comes from", Text(_origin(job))
    place = teller(job, job.updated_at)
    yield "Changed", Text(f"{place.at(job.updated_at)}; made {place.at(job.created_at)}", "dim")


def _origin(job: Job) -> str:
    origin = str(Origin(job.origin).label).lower()
    differing = [label for label, *_ in edited(job)]
    return f"{origin}; edited since: {', '.join(differing).lower()}" if differing else origin


def _coming(job: Job, how: Standing, now: datetime) -> Any:
    """The next moments, as far as it fires; of one that stands still, those it would have."""
    begin = max(now, job.paused_until or now)
    try:
        found = list(moments.coming(job.schedule, job.calendars, COMING, begin))
    except SchedulingError as error:
        return Text(str(error))
    if not found:
        return Text("no moment")
    if how is Standing.ARMED or job.paused_until:
        return moments.drawn(found, now)
    note = facts([("", Text("It stands still; its schedule would name:", "yellow"))])
    note.add_row("", moments.drawn(found, now))
    return note


def _counts(job: Job, now: datetime) -> Counter[str]:
    """The outcomes of the last days, by state."""
    ended = Execution.objects.filter(job=job.pk, finished_at__gte=now - COUNTED).order_by()
    return Counter(dict(ended.values_list("state").annotate(Count("id"))))


def _told(counts: Counter[str]) -> Text:
    parts = [Text(f"{counts[each]:,} {each.label.lower()}", STATES[each]) for each in State if counts[each]]
    return Text(", ").join(parts)


def _as_json(
    job: Job, held: Queue | None, runs: list[Execution], counts: Counter[str], now: datetime
) -> dict[str, Any]:
    decided = {name: getattr(job, name) for name in sorted({"task", *TRIGGER_FIELDS, *JOB_OPTIONS})}
    try:
        upcoming = [moments.as_json(each) for each in moments.coming(job.schedule, job.calendars, COMING, now)]
    except SchedulingError:  # a schedule that cannot be read names none
        upcoming = []
    return {
        "id": job.pk,
        **redact_json(plain(decided)),
        "schedule": words(job),
        "state": standing(job, held).value,
        "because": because(job, held),
        "next_run_time": job.next_run_time,
        "paused_at": job.paused_at,
        "paused_until": job.paused_until,
        "origin": job.origin,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "upcoming": upcoming,
        "runs": [brief_json(run) for run in runs],
        "counts": dict(counts),
    }
