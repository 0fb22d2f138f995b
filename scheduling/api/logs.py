"""The log of a run, from the beginning or from where one stopped reading, while the run goes on."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.executions import SEE
from scheduling.api.problems import missing, refusals
from scheduling.api.shapes import BIGGEST, RowId
from scheduling.models import Execution, ExecutionQuerySet, LogChunk, Scope, State
from scheduling.redact import plain

router = Router(tags=["executions"])

AT_ONCE = 200  # chunks in one answer
PLAIN = "text/plain"

After = Annotated[int, Query(ge=0, le=BIGGEST, description="`next` of the answer before; 0 for the beginning.")]


class LogTail(Schema):
    """What a run has logged since."""

    text: str = Field(examples=["2026-11-21 02:00:01,204 INFO    tasks.imports: 250 of 4,000 rows\n"])
    next: int = Field(description="Send it as `after` to go on.", examples=[1204])
    more: bool = Field(description="There is more already: ask again at once.")
    done: bool = Field(description="The run has ended, and this is the end of its log.")
    state: State


@router.get(
    "/{execution_id}/log",
    response={200: LogTail, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_execution_log",
    url_name="execution_log",
    summary="Read the log of a run",
    openapi_extra={"responses": {200: {"content": {PLAIN: {"schema": {"type": "string"}}}}}},
)
def log(request: HttpRequest, execution_id: RowId, after: After = 0) -> dict[str, Any] | HttpResponse:
    """What the run has logged after the place `after`. To follow it, go on until `done`, a second apart.

    With `Accept: text/plain` the lines alone, and a `Link` with `rel="next"` to go on; without it that was the end.
    """
    found = tail(Execution.objects.seen_by(request.user), execution_id, after)
    return _plain(execution_id, found) if request.get_preferred_type(["application/json", PLAIN]) == PLAIN else found


def tail(runs: ExecutionQuerySet, execution_id: int, after: int) -> dict[str, Any]:
    """The log of that one of `runs`. Raises Problem."""
    run = runs.only("state").filter(pk=execution_id).first()  # first: nothing is logged after the end
    if run is None:
        raise missing(f"There is no run {execution_id}; it may have been pruned.")
    new = LogChunk.objects.filter(execution=execution_id, id__gt=after).order_by("id")
    chunks = list(new.values_list("id", "text")[: AT_ONCE + 1])
    more = len(chunks) > AT_ONCE
    chunks = chunks[:AT_ONCE]
    return {
        "text": plain("".join(text for _, text in chunks)),
        "next": chunks[-1][0] if chunks else after,
        "more": more,
        "done": run.is_final and not more,
        "state": run.state,
    }


def _plain(execution_id: int, found: dict[str, Any]) -> HttpResponse:
    response = HttpResponse(found["text"], content_type=f"{PLAIN}; charset=utf-8")
    if not found["done"]:
        address = reverse("api:execution_log", args=[execution_id], query={"after": found["next"]})
        response["Link"] = f'<{address}>; rel="next"'
    return response
