"""What someone who is confined to tenants does not do even with a job of his own: make it do another thing.

He says when it runs and under which policies. What runs, with what, in whose name and where, others have decided.
"""

from collections.abc import Iterable
from typing import Any

from scheduling.exceptions import Confined
from scheduling.models import Execution, Job
from scheduling.store.changes import alike
from scheduling.tenants import Person, tenants_of

FIXED = ("task", "arguments", "queue", "ping", "tenant")  # columns of a job


def check_change(user: Person, columns: Iterable[str]) -> None:
    """Raise Confined if `user` may not change one of the `columns` of a job that he sees."""
    if tenants_of(user) is None:
        return
    fixed = [name for name in FIXED if name in set(columns)]
    if fixed:
        raise Confined(f"The {' and the '.join(fixed)} of a job can be changed by people of the installation only.")


def check_arguments(user: Person, job: Job, arguments: dict[str, Any] | None) -> None:
    """Raise Confined if `user` may not run `job` with these `arguments`; None: its own."""
    if arguments is not None and tenants_of(user) is not None and not alike(arguments, job.arguments):
        raise Confined("Only people of the installation run a job with other arguments than its own.")


def check_rerun(user: Person, run: Execution) -> None:
    """Raise Confined if the job of `run`, which `user` sees, is somebody else's by now."""
    if tenants_of(user) is None or run.job_id is None:
        return
    job = Job.objects.filter(pk=run.job_id)
    if job.exists() and not job.seen_by(user).exists():
        raise Confined("The job of this run has been given to others since.")
