"""/executions: the history of all runs; cancel one, run it again, and why it went as it did."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from scheduling import store
from scheduling.api.auth import needs, who
from scheduling.api.keys import Key, queued
from scheduling.api.paging import Bookmark, cut, cut_by, cut_merged, cut_within, numbered
from scheduling.api.problems import Problem, missing, refusals
from scheduling.api.schemas.executions import (
    Executions,
    ExecutionSchema,
    RetryRequest,
    RunsWanted,
    WholeExecution,
)
from scheduling.api.shapes import Explanation, RowId, WithReason
from scheduling.confined import check_rerun
from scheduling.explain import explain_run
from scheduling.models import Execution, Scope, State, Why
from scheduling.models.executions import has_tenant_index
from scheduling.tenants import tenants_of

router = Router(tags=["executions"])

SEE = ("scheduling.view_execution",)


@router.get(
    "",
    response={200: Executions, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_executions",
    summary="List runs",
)
def listed(request: HttpRequest, wanted: RunsWanted, page: Query[Bookmark]) -> dict[str, Any]:
    """Runs, the newest first, narrowed by what is given.

    Without arguments, results and errors: those are told of a single run.
    """
    runs = wanted.narrow(Execution.objects.seen_by(request.user).light())
    if wanted.by_end:
        return cut_by(runs, "finished_at", page)
    place = numbered(page)
    if not wanted.is_indexed or (tenants_of(request.user) is not None and not has_tenant_index()):
        found = cut_within(runs, place)
    else:
        found = cut_merged(runs, wanted.parts, place) if wanted.parts else cut(runs, place)
    return {**found, "next": found["next"] and str(found["next"])}


@router.get(
    "/{execution_id}",
    response={200: WholeExecution, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_execution",
    url_name="execution",
    summary="Show a run",
)
def one(request: HttpRequest, execution_id: RowId) -> Execution:
    """All that is known of a run: its times, its attempts, its result or its error."""
    return found_run(request, execution_id)


@router.get(
    "/{execution_id}/explain",
    response={200: Explanation, **refusals(404)},
    auth=needs(*SEE, "scheduling.view_job", scope=Scope.READ),
    operation_id="explain_execution",
    summary="Explain a run",
)
def explained(request: HttpRequest, execution_id: RowId) -> Explanation:
    """In sentences: when it started and why then, what it waits for, how it ended, what followed."""
    return Explanation.of(explain_run(found_run(request, execution_id), timezone.now(), request.user))


@router.post(
    "/{execution_id}/cancel",
    response={200: ExecutionSchema, **refusals(404, 409)},
    auth=needs(*SEE, "scheduling.cancel_execution", scope=Scope.RUN),
    operation_id="cancel_execution",
    summary="Cancel a run",
)
def cancel(request: HttpRequest, execution_id: RowId, body: WithReason | None = None) -> Execution:
    """A run that waits is cancelled; one that runs is told to stop, which takes two seconds at most.

    To cancel again what was cancelled changes nothing. 409 if it has ended in another way.
    """
    run, given = found_run(request, execution_id), body or WithReason()
    done = store.cancel(run, by=who(request), now=timezone.now(), reason=given.reason)
    run.refresh_from_db()
    if done is None and run.is_final and run.state != State.CANCELLED:
        detail = f"Run #{run.pk} ended before it could be cancelled: it is {run.get_state_display().lower()}."
        raise Problem(409, "It has ended.", detail, kind="ended")
    return run


@router.post(
    "/{execution_id}/retry",
    response={200: ExecutionSchema, 201: ExecutionSchema, **refusals(404, 409, 410)},
    auth=needs(*SEE, "scheduling.run_job", scope=Scope.RUN),
    operation_id="retry_execution",
    summary="Run it again",
)
def retry(
    request: HttpRequest,
    execution_id: RowId,
    response: HttpResponse,
    body: RetryRequest | None = None,
    key: Key = None,
) -> Status[Execution]:
    """Queue a new run of the same task, with the same arguments and limits; the old one stays as it is.

    201 with the new run; 200 if the key has queued it before. 409 if the old one has not ended, unless
    `even_if_open`.
    """
    given, by, now = body or RetryRequest(), who(request), timezone.now()

    def again() -> Execution:
        run = found_run(request, execution_id)
        if not (run.is_final or given.even_if_open):
            detail = f"Run #{run.pk} is {run.get_state_display().lower()}: cancel it first, or send `even_if_open`."
            raise Problem(409, "It has not ended.", detail, kind="open")
        check_rerun(request.user, run)
        return store.rerun(run, by=by, now=now, why=Why.API, reason=given.reason)

    return queued(request, key, f"retry {execution_id} {given.model_dump_json()}", again, response, now)


def found_run(request: HttpRequest, execution_id: int) -> Execution:
    """With all its texts. Raises Problem."""
    run = Execution.objects.seen_by(request.user).filter(pk=execution_id).first()
    if run is None:
        raise missing(f"There is no run {execution_id}; it may have been pruned.")
    return run
