"""/jobs: which there are, and each of them made, shown, changed, deleted."""

from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router, Status

from scheduling import store
from scheduling.api.auth import needs, who
from scheduling.api.conditions import IfMatch, IfNoneMatch, is_known
from scheduling.api.jobs_found import done, found, last_seen, shown_with_tag, steered, within_reach
from scheduling.api.problems import Problem, refusals
from scheduling.api.schemas.jobs import (
    JobChange,
    Jobs,
    JobSchema,
    JobsPage,
    JobsWanted,
    NewJob,
    WhyDeleted,
    shown,
)
from scheduling.api.schemas.schedules import naming_the_field
from scheduling.api.shapes import Name
from scheduling.confined import check_calendars, check_change
from scheduling.models import Job, Queue, Scope
from scheduling.store.changes import alike

router = Router(tags=["jobs"])

SEE = ("scheduling.view_job",)


@router.get(
    "",
    response={200: Jobs, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_jobs",
    url_name="jobs",
    summary="List jobs",
)
def listed(request: HttpRequest, wanted: JobsWanted, page: JobsPage) -> dict[str, Any]:
    """Jobs by id, narrowed by what is given; each with its schedule in words, its next run and its last one."""
    rows = wanted.narrow(Job.objects.seen_by(request.user).order_by("id"))
    if page.cursor is not None:
        rows = rows.filter(id__gt=page.cursor)
    jobs = list(rows[: page.limit + 1])
    more, jobs = len(jobs) > page.limit, jobs[: page.limit]
    held = {queue.pk: queue for queue in Queue.objects.paused()}
    last = last_seen(request, jobs)
    items = [shown(job, held.get(job.queue), last.get(job.pk)) for job in jobs]
    return {"items": items, "next": jobs[-1].pk if more else None}


@router.get(
    "/{job_id}",
    response={200: JobSchema, 304: None, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_job",
    url_name="job",
    summary="Show a job",
)
def one(request: HttpRequest, job_id: Name, response: HttpResponse, if_none_match: IfNoneMatch = None) -> Any:
    """All of it, with an ETag: send that as `If-Match` with a change, and nobody else's change is overwritten."""
    told = shown_with_tag(request, found(request, job_id), response)
    return Status(304, None) if is_known(request, response) else told


@router.post(
    "",
    response={201: JobSchema, **refusals(409)},
    auth=needs(*SEE, "scheduling.add_job", scope=Scope.WRITE),
    operation_id="create_job",
    summary="Make a job",
)
def create(request: HttpRequest, body: NewJob, response: HttpResponse) -> Status[dict[str, Any]]:
    """It fires from its next moment on, unless it is made paused. 409 if its id is taken."""
    by, now = who(request), timezone.now()
    job = body.job(by=by, now=now)
    try:
        with naming_the_field(), within_reach():
            store.create(job, by=by, now=now, reason=body.reason)
    except IntegrityError:
        if not Job.objects.filter(pk=body.id).exists():
            raise
        detail = f"There is a job {body.id} already; choose another id, or change that job by PATCH."
        raise Problem(409, "The id is taken.", detail, kind="taken", errors=[("id", detail)]) from None
    response["Location"] = reverse("api:job", args=[body.id])
    return Status(201, shown_with_tag(request, found(request, body.id), response))


@router.patch(
    "/{job_id}",
    response={200: JobSchema, **refusals(404, 412)},
    auth=needs(*SEE, "scheduling.change_job", scope=Scope.WRITE),
    operation_id="change_job",
    summary="Change a job",
)
def change(
    request: HttpRequest, job_id: Name, body: JobChange, response: HttpResponse, if_match: IfMatch = None
) -> dict[str, Any]:
    """Only what is sent changes, also within `schedule`; runs under way go on as they began.

    The next run moves only if the schedule changes. A parked job is armed again. 403 if people of a tenant would
    change what runs, with what, or whose it is.
    """
    by, now = who(request), timezone.now()

    def verb(job: Job) -> None:
        if "calendars" in body.model_fields_set:
            check_calendars(request.user, job, body.calendars)
        if "ping" in body.model_fields_set and body.ping != job.ping:  # before it is said which addresses there are
            check_change(request.user, ["ping"])
        columns = body.columns(job)
        check_change(request.user, [name for name in columns if not alike(columns[name], getattr(job, name))])
        for name, value in columns.items():
            setattr(job, name, value)
        with naming_the_field(), within_reach():
            store.change(job, columns, by=by, now=now, reason=body.reason)

    return steered(request, job_id, if_match, verb, response)


@router.delete(
    "/{job_id}",
    response={204: None, **refusals(404, 412)},
    auth=needs(*SEE, "scheduling.delete_job", scope=Scope.WRITE),
    operation_id="delete_job",
    summary="Delete a job",
)
def delete(request: HttpRequest, job_id: Name, given: Query[WhyDeleted], if_match: IfMatch = None) -> Status[None]:
    """Its history stays; what it queued is cancelled, what runs is told to stop. A job of the code comes back."""
    by, now = who(request), timezone.now()
    done(request, job_id, if_match, lambda job: store.delete(job, by=by, now=now, reason=given.reason))
    return Status(204, None)
