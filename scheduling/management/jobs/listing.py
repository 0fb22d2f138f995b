"""jobs list: which jobs there are, when each runs next, how its last run ended, and how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone
from rich.text import Text

from scheduling.exceptions import InvalidTrigger
from scheduling.explain import teller
from scheduling.management.composed import add_deed
from scheduling.management.telling import (
    NOTHING,
    STANDINGS,
    away,
    id_width,
    is_roomy,
    on,
    plural,
    put,
    put_json,
    state,
    table,
)
from scheduling.models import Execution, Job, JobQuerySet, Queue
from scheduling.recent import last_runs
from scheduling.standing import CONDITIONS, Standing, because, standing


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "list", act, "list jobs in the order of their next runs")
    parser.add_argument("--state", choices=[each.value for each in Standing], help="only those that stand so")
    parser.add_argument("--tag", help="only those with this tag")
    parser.add_argument("--queue", help="only those of this queue")
    parser.add_argument("--tenant", help="only those of this tenant; '': only the installation's own")
    parser.add_argument("--search", metavar="WORD", help="only those with it in their id, name, task or description")


def act(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    jobs = list(chosen(given))
    held = {queue.pk: queue for queue in Queue.objects.paused()}
    runs = last_runs([job.pk for job in jobs])
    if given["json"]:
        put_json(out, [as_json(job, held.get(job.queue), runs.get(job.pk)) for job in jobs])
        return
    if not jobs:
        put(out, Text("No job fits." if Job.objects.exists() else "There is no job yet."))
        return
    widths = {"Job": id_width(job.pk for job in jobs), "State": max(map(len, Standing))}
    roomy = is_roomy(out)
    columns = ("Job", "Schedule", "Next run", *([""] if roomy else []), "Last run", "State")
    shown = table(*columns, wraps=("Schedule", "Job"), least=widths)
    for job in jobs:
        shown.add_row(*_row(job, held.get(job.queue), runs.get(job.pk), now, roomy=roomy))
    put(out, shown, Text(f"\n{_counted(jobs, held)}", "dim"))


def chosen(given: dict[str, Any]) -> JobQuerySet:
    """The jobs that fit what was asked for."""
    jobs = Job.objects.order_by(F("next_run_time").asc(nulls_last=True), "id")
    if given["state"]:
        jobs = jobs.filter(CONDITIONS[Standing(given["state"])])
    if given["queue"]:
        jobs = jobs.filter(queue=given["queue"])
    if given["tenant"] is not None:
        jobs = jobs.filter(tenant=given["tenant"])
    if given["search"]:
        jobs = jobs.mentioning(given["search"])
    if given["tag"]:
        jobs = jobs.tagged(given["tag"])
    return jobs


def words(job: Job) -> str:
    """The schedule in a sentence, or what is wrong with it."""
    try:
        return job.words
    except InvalidTrigger as error:
        return str(error)


def as_json(job: Job, held: Queue | None, last: Execution | None) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.name,
        "task": job.task,
        "queue": job.queue,
        "tags": job.tags,
        "tenant": job.tenant,
        "trigger": job.trigger,
        "schedule": words(job),
        "timezone": job.timezone,
        "next_run_time": job.next_run_time,
        "state": standing(job, held).value,
        "because": because(job, held),
        "last_run": last and {"id": last.pk, "state": last.state, "cause": last.cause, "finished_at": last.finished_at},
    }


def _row(job: Job, held: Queue | None, last: Execution | None, now: datetime, *, roomy: bool) -> list[Text]:
    how = standing(job, held)
    upcoming = job.next_run_time
    return [
        Text(job.pk, "bold"),
        Text(words(job)),
        Text(away(upcoming, now)),
        *([Text(on(teller(job, now).place, upcoming, now) if upcoming else "", "dim")] if roomy else []),
        Text(NOTHING, "dim") if last is None else state(last) + Text(f" {away(last.finished_at, now)}"),
        Text(how.value, STANDINGS[how]),
    ]


def _counted(jobs: Sequence[Job], held: dict[str, Queue]) -> str:
    """ "12 jobs: 9 armed, 2 paused, 1 parked"."""
    hows = [standing(job, held.get(job.queue)) for job in jobs]
    counts = ", ".join(f"{hows.count(each)} {each.value}" for each in Standing if each in hows)
    return f"{plural(len(jobs), 'job')}: {counts}"
