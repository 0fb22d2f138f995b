"""What the doors of /jobs have in common: the job is found, a verb is done to it as seen, and what came of it told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from django.http import HttpRequest, HttpResponse

from scheduling import store
from scheduling.api.conditions import seen, tag
from scheduling.api.problems import Problem, missing
from scheduling.api.schemas.jobs import shown
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Change, Execution, Job, Queue
from scheduling.recent import last_runs
from scheduling.tenants import tenants_of


def found(request: HttpRequest, job_id: str) -> Job:
    """Raises Problem, also for a job that is not for who asks."""
    job = Job.objects.seen_by(request.user).filter(pk=job_id).first()
    if job is None:
        raise no_job(request, job_id)
    return job


def no_job(request: HttpRequest, job_id: str) -> Problem:
    """With who deleted it, which is not for people of a tenant, or with those that may have been meant."""
    gone = Change.objects.filter(job=job_id, action="deleted").order_by("-id").first()
    if gone is not None and tenants_of(request.user) is None:
        told = f"The job {job_id} was deleted by {gone.by or 'the system'} at {gone.at:%Y-%m-%d %H:%M:%S} UTC."
        return missing(f"{told} {gone.reason}".strip())
    near = get_close_matches(job_id, Job.objects.seen_by(request.user).values_list("pk", flat=True), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return missing(f"There is no job {job_id!r}.{meant}")


def shown_with_tag(request: HttpRequest, job: Job, response: HttpResponse) -> dict[str, Any]:
    """All that is told of `job`, whose ETag goes into `response`."""
    held = Queue.objects.paused().filter(pk=job.queue).first()
    told = shown(job, held, last_seen(request, [job]).get(job.pk))
    response["ETag"] = tag(store.version(job), told)
    return told


def last_seen(request: HttpRequest, jobs: Sequence[Job]) -> dict[str, Execution]:
    """The last run of each of `jobs`, for those who may see runs."""
    seeing = request.user.has_perm("scheduling.view_execution")
    return last_runs([job.pk for job in jobs], request.user) if seeing else {}


def done[R](request: HttpRequest, job_id: str, if_match: str | None, verb: Callable[[Job], R]) -> R:
    """What `verb` does to the job, if that is still as the sender has seen it. Raises Problem and StaleJob."""
    try:
        return store.as_seen(job_id, seen(if_match), verb, among=Job.objects.seen_by(request.user))
    except Job.DoesNotExist:
        raise no_job(request, job_id) from None


def steered(
    request: HttpRequest, job_id: str, if_match: str | None, verb: Callable[[Job], Any], response: HttpResponse
) -> dict[str, Any]:
    """The same, and what the job is like after it."""
    done(request, job_id, if_match, verb)
    return shown_with_tag(request, found(request, job_id), response)


@contextmanager
def within_reach() -> Iterator[None]:
    """Spans that lead beyond the calendar are the sender's mistake."""
    try:
        yield
    except OverflowError:
        raise InvalidTrigger("Its moments lie beyond the calendar.", field="start_at") from None
