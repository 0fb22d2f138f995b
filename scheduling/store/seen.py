"""Changes of what one has seen, and of nothing else: a lost update is refused, not overwritten."""

import json
from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac

from scheduling.exceptions import StaleJob
from scheduling.models import Job, JobQuerySet
from scheduling.store.batch import contested
from scheduling.store.changes import ENGINE

WHATEVER = "*"  # seen by somebody who only wants the job to be there
DIGITS = 20  # of a version, in hexadecimal
MOVED_ON = tuple(name for name in ENGINE if name != "created_at")  # a job that was made anew is another one


def version(job: Job) -> str:
    """Changes with whatever people decide of `job`, its pauses included; not when the engine moves it on.

    Keyed, since the arguments may hold a secret that could be guessed from a plain digest.
    """
    decided = {field.name: getattr(job, field.name) for field in Job._meta.local_fields if field.name not in MOVED_ON}
    return digest(decided)


def digest(value: Any) -> str:
    """A short one of a value, which nobody else can compute."""
    text = json.dumps(value, default=str, sort_keys=True)
    return salted_hmac("scheduling.store.seen", text, algorithm="sha256").hexdigest()[:DIGITS]


def unchanged(is_now: str, seen: Collection[str] | None) -> bool:
    """Whether the version that a row has now is among those seen; None: any will do."""
    return seen is None or WHATEVER in seen or is_now in seen


@contested
def as_seen[R](
    job_id: str, seen: Collection[str] | None, deed: Callable[[Job], R], *, among: JobQuerySet | None = None
) -> R:
    """What `deed` does to the job, whose row is held meanwhile; it is a verb, and joins the transaction.

    `seen` has the versions of which the job must be one; None: any. Raises StaleJob and, unless the job is there and
    `among` those given, Job.DoesNotExist.
    """
    jobs = Job.objects.all() if among is None else among
    with transaction.atomic():
        job = jobs.select_for_update().get(pk=job_id)
        if not unchanged(version(job), seen):
            raise StaleJob(f"The job {job_id} was changed since you looked at it; get it again and repeat the change.")
        return deed(job)
