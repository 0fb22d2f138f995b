"""What someone who is confined to tenants does not do even with a job of his own: make it do another thing.

He says when it runs and what becomes of moments that are missed. What runs, with what, in whose name and where, and
how much it takes of what all share, others have decided. He has one run of it at a time.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from scheduling.exceptions import Confined, UnderWay
from scheduling.models import OPEN, Execution, Job
from scheduling.store.changes import alike
from scheduling.tenants import Person, tenants_of

SHARED = ("priority", "timeout", "max_instances", "overlap", "max_attempts")  # how much it takes of workers
FIXED = ("task", "arguments", "queue", "ping", "tenant", *SHARED)  # columns of a job


def check_change(user: Person, columns: Iterable[str]) -> None:
    """Raise Confined if `user` may not change one of the `columns` of a job that he sees."""
    if tenants_of(user) is None:
        return
    fixed = [name for name in FIXED if name in set(columns)]
    if fixed:
        raise Confined(f"The {' and the '.join(fixed)} of a job can be changed by people of the installation only.")


def calendars_of(user: Person) -> set[str] | None:
    """The ids of the calendars that `user` knows of, those of his jobs; None: all."""
    if tenants_of(user) is None:
        return None
    jobs = Job.objects.seen_by(user).exclude(calendars=[])
    return {each for ids in jobs.values_list("calendars", flat=True) for each in ids}


def check_calendars(user: Person, job: Job, wanted: Iterable[str]) -> None:
    """Raise Confined if `user` may not have `job` keep the `wanted` calendars: he only takes off what it has."""
    if tenants_of(user) is not None and not set(wanted) <= set(job.calendars):
        raise Confined("The calendars of a job are chosen by people of the installation.")


def check_run(user: Person, job: Job, arguments: dict[str, Any] | None = None) -> None:
    """Raise Confined if `user` may not run `job` with these `arguments`, None being its own; or UnderWay."""
    if tenants_of(user) is None:
        return
    if arguments is not None and not alike(arguments, job.arguments):
        raise Confined("Only people of the installation run a job with other arguments than its own.")
    _check_idle(Execution.objects.filter(job=job.pk))


def check_rerun(user: Person, run: Execution) -> None:
    """Raise Confined if the job of `run`, which `user` sees, is somebody else's by now; or UnderWay."""
    if tenants_of(user) is None:
        return
    if run.job_id is None:
        _check_idle(Execution.objects.filter(job=None, task=run.task, tenant=run.tenant))
        return
    job = Job.objects.filter(pk=run.job_id)
    if job.exists() and not job.seen_by(user).exists():
        raise Confined("The job of this run has been given to others since.")
    _check_idle(Execution.objects.filter(job=run.job_id))


def _check_idle(runs: QuerySet[Execution]) -> None:
    """Raises UnderWay."""
    going = runs.filter(state__in=OPEN).only("pk", "state").order_by("pk").first()
    if going:
        told = f"Run #{going.pk} is {going.get_state_display().lower()}; wait for its end, or cancel it."
        raise UnderWay(told)
