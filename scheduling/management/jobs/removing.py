"""jobs remove: delete jobs; their history stays."""

from typing import Any

from django.utils import timezone

from scheduling import store
from scheduling.management.asking import make_sure
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import find_job
from scheduling.management.pausing import ask_reason
from scheduling.management.telling import plural, put_json
from scheduling.models import OPEN, Execution, Job
from scheduling.registry import declarations

DECLARED = (
    "The code declares it, so the next start of a scheduler brings it back; to be rid of it, "
    "take its @scheduled out of the code, or pause it."
)


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "remove", act, "delete jobs; what they queued is cancelled, their history stays")
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="the id of a job")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    ask_reason(parser)


def act(given: dict[str, Any], out: Any) -> None:
    jobs = [find_job(wanted) for wanted in given["jobs"]]
    question = f"{'\n'.join(_about(job) for job in jobs)}\nRemove {plural(len(jobs), 'job')}?"
    make_sure(question, yes=given["yes"], otherwise="Nothing was removed")
    removed = []
    for job in jobs:
        name, declared = job.pk, job.pk in declarations()
        going = Execution.objects.filter(job=name, state__in=OPEN).count()
        store.delete(job, by=by(), now=timezone.now(), reason=given["reason"])
        removed.append({"job": name, "cancelled": going, "declared": declared})
        if not given["json"]:
            cancelled = f" {plural(going, 'run')} of it cancelled." if going else ""
            out.write(f"{name}: removed.{cancelled}{f' {DECLARED}' if declared else ''}")
    if given["json"]:
        put_json(out, removed)


def _about(job: Job) -> str:
    declared = f" {DECLARED}" if job.pk in declarations() else ""
    return f"{job.pk}: {job.name}.{declared}"
