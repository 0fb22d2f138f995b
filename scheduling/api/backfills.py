"""/backfills: which there are and how far each is; begin one, after a look at what it would run; stop one."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from scheduling import store
from scheduling.api.auth import needs, who
from scheduling.api.keys import without_key
from scheduling.api.paging import Cursor, cut
from scheduling.api.problems import Problem, missing, refusals
from scheduling.api.schemas.backfills import BackfillSchema, BackfillSurvey, NewBackfill, StopBackfill, found_as, shown
from scheduling.api.shapes import RowId, Text
from scheduling.models import Backfill, BackfillState, Job, Scope
from scheduling.survey import progress_of, survey

router = Router(tags=["backfills"])

SEE = ("scheduling.view_backfill",)
BEGIN = ("scheduling.view_job", "scheduling.add_backfill", "scheduling.run_job")


class BackfillFilter(Schema):
    """Which backfills to list."""

    job: Text | None = Field(None, max_length=100, description="Of this job.")
    state: list[BackfillState] = Field(default_factory=list, description="In one of these states; can be repeated.")


class Backfills(Schema):
    """A page of backfills, the newest first."""

    items: list[BackfillSchema]
    next: int | None = Field(description="Send it as `cursor` for the next page; null at the end.")


@router.get(
    "",
    response={200: Backfills, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_backfills",
    summary="List backfills",
)
def listed(request: HttpRequest, wanted: Query[BackfillFilter], page: Annotated[Cursor, Query()]) -> dict[str, Any]:
    """Backfills and how far each is, the newest first."""
    rows = Backfill.objects.light()
    rows = rows.filter(job=wanted.job) if wanted.job is not None else rows
    rows = rows.filter(state__in=wanted.state) if wanted.state else rows
    found = cut(rows, page)
    progress = progress_of(found["items"])
    return {**found, "items": [shown(each, progress[each.pk]) for each in found["items"]]}


@router.get(
    "/{backfill_id}",
    response={200: BackfillSchema, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_backfill",
    url_name="backfill",
    summary="Show a backfill",
)
def one(request: HttpRequest, backfill_id: RowId) -> dict[str, Any]:
    """How far it is. Its runs: `/api/v1/executions?backfill=…`, with `&state=failed` those that failed."""
    return _answer(_backfill(backfill_id))


@router.post(
    "",
    response={200: BackfillSurvey, 201: BackfillSchema, **refusals(409)},
    auth=needs(*BEGIN, scope=Scope.RUN),
    operation_id="create_backfill",
    summary="Begin a backfill",
)
def begin(request: HttpRequest, body: NewBackfill, response: HttpResponse) -> Status[Any]:
    """Run the moments of a job in a range, once more or for the first time, little by little.

    With `dry_run` nothing is begun: the answer has the moments, what became of each, and which would run.
    """
    without_key(request, f"See first whether it has begun: /api/v1/backfills?job={body.job}")
    now = timezone.now()
    wanted = body.row(_job(body.job), now)
    if body.dry_run:
        found = survey(wanted.job, wanted.first_at, wanted.last_at, now)
        return Status(200, found_as(wanted, found, runs=request.user.has_perm("scheduling.view_execution")))
    begun = store.backfill(wanted, by=who(request), now=now)
    response["Location"] = reverse("api:backfill", args=[begun.pk])
    return Status(201, _answer(begun))


@router.post(
    "/{backfill_id}/stop",
    response={200: BackfillSchema, **refusals(404, 409)},
    auth=needs(*SEE, "scheduling.stop_backfill", scope=Scope.RUN),
    operation_id="stop_backfill",
    summary="Stop a backfill",
)
def stop(request: HttpRequest, backfill_id: RowId, body: StopBackfill | None = None) -> dict[str, Any]:
    """What waits is cancelled and no further run starts; those under way end, or are told to stop if `running`.

    It cannot go on later. To stop again what was stopped changes nothing. 409 if it is done.
    """
    row, given = _backfill(backfill_id), body or StopBackfill()
    by, now = who(request), timezone.now()
    done = store.stop_backfill(row, by=by, now=now, running=given.running, reason=given.reason)
    if not done and row.state == BackfillState.DONE:
        raise Problem(409, "It has ended.", f"{row} is done: there is nothing to stop.", kind="ended")
    return _answer(row)


def _answer(row: Backfill) -> dict[str, Any]:
    return shown(row, progress_of([row])[row.pk])


def _backfill(backfill_id: int) -> Backfill:
    row = Backfill.objects.light().filter(pk=backfill_id).first()
    if row is None:
        raise missing(f"There is no backfill {backfill_id}.")
    return row


def _job(wanted: str) -> Job:
    job = Job.objects.filter(pk=wanted).first()
    if job is None:
        detail = f"There is no job {wanted!r}; /api/v1/jobs lists those that there are."
        raise Problem(422, "There is no such job.", detail, kind="invalid-request", errors=[("job", detail)])
    return job
