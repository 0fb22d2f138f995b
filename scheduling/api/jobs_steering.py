"""/jobs/{id}/…: run it now, let it stand still, let it go on, skip its next run, put its schedule right."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Status

from scheduling import store, sync
from scheduling.api.auth import needs, who
from scheduling.api.conditions import IfMatch
from scheduling.api.jobs_found import done, found, shown_with_tag, steered
from scheduling.api.keys import Key, queued, without_key
from scheduling.api.pausing import Pause, Resume
from scheduling.api.problems import Problem, refusals
from scheduling.api.schemas.executions import ExecutionSchema
from scheduling.api.schemas.jobs import JobSchema, RunRequest, Skipped
from scheduling.api.schemas.schedules import refused
from scheduling.api.shapes import Name, WithReason
from scheduling.confined import check_change, check_run
from scheduling.models import Execution, Job, Scope, Why

router = Router(tags=["jobs"])

SEE = ("scheduling.view_job",)
RUN = needs(*SEE, "scheduling.run_job", scope=Scope.RUN)
STEER = needs(*SEE, "scheduling.pause_job", scope=Scope.RUN)
CHANGE = needs(*SEE, "scheduling.change_job", scope=Scope.WRITE)


@router.post(
    "/{job_id}/run",
    response={200: ExecutionSchema, 201: ExecutionSchema, **refusals(404, 409, 410, 412)},
    auth=RUN,
    operation_id="run_job",
    summary="Run a job now",
)
def run(
    request: HttpRequest,
    job_id: Name,
    response: HttpResponse,
    body: RunRequest | None = None,
    key: Key = None,
    if_match: IfMatch = None,
) -> Status[Execution]:
    """Queue a run, also of a job that is paused. 201 with the run; 200 if the key has queued it before.

    403 if people of a tenant send other arguments than the job's own, 409 if they ask while a run of it is under way.
    """
    given, by, now = RunRequest.of(body), who(request), timezone.now()

    def verb(job: Job) -> Execution:
        check_run(request.user, job, given.arguments)
        later, said = given.run_after, given.reason
        return store.enqueue(job, now=now, by=by, why=Why.API, arguments=given.arguments, run_after=later, reason=said)

    fingerprint = f"run {job_id} {given.model_dump_json()}"
    return queued(request, key, fingerprint, lambda: done(request, job_id, if_match, verb), response, now)


@router.post(
    "/{job_id}/pause",
    response={200: JobSchema, **refusals(404, 412)},
    auth=STEER,
    operation_id="pause_job",
    summary="Pause a job",
)
def pause(
    request: HttpRequest,
    job_id: Name,
    response: HttpResponse,
    body: Pause | None = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """It does not fire, and what it queued and has not started is skipped; each moment that passes gets a row.

    For good, or until a moment. A job that is paused already takes the new end and reason.
    """
    return _paused(request, job_id, response, body or Pause(), if_match)


@router.post(
    "/{job_id}/snooze",
    response={200: JobSchema, **refusals(404, 412)},
    auth=STEER,
    operation_id="snooze_job",
    summary="Snooze a job",
)
def snooze(
    request: HttpRequest, job_id: Name, body: Pause, response: HttpResponse, if_match: IfMatch = None
) -> dict[str, Any]:
    """A pause with an end: one of `for` and `until` is needed. Then it goes on by itself."""
    if body.lasts is None and body.until is None:
        raise refused("for", "Say for how many seconds, or `until` when; a pause without an end is /pause.")
    return _paused(request, job_id, response, body, if_match)


@router.post(
    "/{job_id}/resume",
    response={200: JobSchema, **refusals(404, 409, 412)},
    auth=STEER,
    operation_id="resume_job",
    summary="Resume a job",
)
def resume(
    request: HttpRequest,
    job_id: Name,
    response: HttpResponse,
    body: Resume | None = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """It fires again from its next moment on; nothing changes if it was not paused.

    409 if the moments that passed are too many to run all of them.
    """
    given, by, now = body or Resume(), who(request), timezone.now()

    def verb(job: Job) -> None:
        store.resume(job, by=by, now=now, reason=given.reason, missed=given.missed)

    return steered(request, job_id, if_match, verb, response)


@router.post(
    "/{job_id}/skip",
    response={200: Skipped, **refusals(404, 409, 412)},
    auth=STEER,
    operation_id="skip_next_run",
    summary="Skip the next run",
)
def skip(
    request: HttpRequest,
    job_id: Name,
    response: HttpResponse,
    body: WithReason | None = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Its row says so at once; the run after it is the next one then. 409 if there is none to skip."""
    without_key(request, "Send If-Match with the ETag of the job.")
    given, by, now = body or WithReason(), who(request), timezone.now()
    moment = done(request, job_id, if_match, lambda job: store.skip_next(job, by=by, now=now, reason=given.reason))
    return {**shown_with_tag(request, found(request, job_id), response), "skipped": moment}


@router.post(
    "/{job_id}/recompute",
    response={200: JobSchema, **refusals(404, 412)},
    auth=CHANGE,
    operation_id="recompute_job",
    summary="Recompute the schedule",
)
def recompute(
    request: HttpRequest,
    job_id: Name,
    response: HttpResponse,
    body: WithReason | None = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """The next run becomes the first moment from now on, as after a clock that was wrong."""
    given, by, now = body or WithReason(), who(request), timezone.now()
    return steered(
        request, job_id, if_match, lambda job: store.recompute(job, by=by, now=now, reason=given.reason), response
    )


@router.post(
    "/{job_id}/back-to-code",
    response={200: JobSchema, **refusals(404, 409, 412)},
    auth=CHANGE,
    operation_id="give_job_back_to_code",
    summary="Give it back to the code",
)
def back_to_code(
    request: HttpRequest, job_id: Name, response: HttpResponse, if_match: IfMatch = None
) -> dict[str, Any]:
    """Every column in which it was edited gets the value of the code. 409 if no code defines it."""
    by, now = who(request), timezone.now()

    def verb(job: Job) -> None:
        if not job.code_definition:
            raise Problem(409, "No code defines it.", f"The job {job_id} was not made by code.", kind="no-code")
        check_change(request.user, sync.edited(job))
        sync.back_to_code(job, by=by, now=now)

    return steered(request, job_id, if_match, verb, response)


def _paused(
    request: HttpRequest, job_id: str, response: HttpResponse, given: Pause, if_match: str | None
) -> dict[str, Any]:
    by, now = who(request), timezone.now()
    until = given.end(now)
    if until is not None and until <= now:
        raise refused("until", "The end of the pause has passed; choose a later one.")
    return steered(
        request,
        job_id,
        if_match,
        lambda job: store.pause(job, by=by, now=now, reason=given.reason, until=until),
        response,
    )
