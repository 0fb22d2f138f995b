"""/jobs/{id}/…: when it will run, why it did not, and what was done to it."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_duration
from ninja import Query, Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.jobs_found import found, no_job
from scheduling.api.paging import Cursor, cut
from scheduling.api.problems import refusals
from scheduling.api.schemas.schedules import Preview, refused, told
from scheduling.api.shapes import Explanation, Moment, Name, Text
from scheduling.coming import Coming, coming
from scheduling.exceptions import InvalidTrigger
from scheduling.explain import FORMS, asked, explain, outlook
from scheduling.models import Change, Execution, Job, Scope
from scheduling.redact import redact_json
from scheduling.registry import SPANS
from scheduling.tenants import tenants_of

router = Router(tags=["jobs"])

SEE = ("scheduling.view_job",)
SEE_RUNS = "scheduling.view_execution"
MOST = 200  # moments of a preview: of a rare one, such as each 29 February, they take a second
ON_RECORD = "decided already"  # instead of the reason, for those who may not see runs
Count = Annotated[int, Query(ge=1, le=MOST, description="How many moments.")]


class JobExplanation(Schema):
    """What became of the moment that was asked about, and what is to come."""

    job: str
    answer: Explanation | None = Field(description="Of the moment `at`; null if none was asked about.")
    outlook: Explanation = Field(description="When it will run next, and why not before.")


class Difference(Schema):
    """A value before and after; null where there was none, or is none."""

    old: Any
    new: Any


class ChangeSchema(Schema):
    """What somebody did to a job, through whichever door."""

    id: int
    at: datetime
    by: str = Field(description="Who; empty: the system.")
    action: str = Field(examples=["changed"])
    reason: str
    fields: dict[str, Difference] = Field(
        description="What changed; spans in seconds.", examples=[{"cron": {"old": "0 2 * * *", "new": "0 3 * * *"}}]
    )


class Changes(Schema):
    """A page of the history of a job, the newest first."""

    items: list[ChangeSchema]
    next: int | None = Field(description="Send it as `cursor` for the next page; null at the end.")


@router.get(
    "/{job_id}/preview",
    response={200: Preview, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="preview_job",
    summary="Preview a job",
)
def preview(
    request: HttpRequest, job_id: Name, count: Count = 10, after: Annotated[Moment | None, Query()] = None
) -> dict[str, Any]:
    """Its next moments from now on, or after a moment: as the schedule has them, be it paused or not.

    A note says where clocks change, and which moments calendars or people take out; the reasons of people are told
    to those who may see runs.
    """
    job, begin = found(request, job_id), after or timezone.now()
    moments = _with_skipped(request, job, list(coming(job.schedule, job.calendars, count, begin)))
    return told(job.words, job.timezone, moments)


@router.get(
    "/{job_id}/explain",
    response={200: JobExplanation, **refusals(404)},
    auth=needs(*SEE, SEE_RUNS, scope=Scope.READ),
    operation_id="explain_job",
    summary="Explain a job",
)
def explained(
    request: HttpRequest,
    job_id: Name,
    at: Annotated[
        Text | None,
        Query(
            max_length=100,
            description=f"The moment to ask about, on the clock of the job: {FORMS}.",
            examples=["yesterday 02:00"],
        ),
    ] = None,
) -> dict[str, Any]:
    """In sentences: why it did not run at a moment, or how it did; and when it will run next."""
    job, now = found(request, job_id), timezone.now()
    answer = None
    if at is not None:
        try:
            moment, note = asked(at, job.timezone, now)
        except (ValueError, InvalidTrigger) as error:
            raise refused("at", str(error)) from None
        answer = Explanation.of(explain(job, moment, now, request.user).after([note] if note else []))
    return {"job": job.pk, "answer": answer, "outlook": Explanation.of(outlook(job, now, request.user))}


@router.get(
    "/{job_id}/changes",
    response={200: Changes, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_changes_of_job",
    summary="List changes of a job",
)
def changes(request: HttpRequest, job_id: Name, page: Annotated[Cursor, Query()]) -> dict[str, Any]:
    """Who did what to it, when and why, with old and new values; also of a job that was deleted."""
    there = Job.objects.seen_by(request.user).filter(pk=job_id).exists()
    if not there and tenants_of(request.user) is not None:
        raise no_job(request, job_id)
    rows = Change.objects.of_job(job_id, request.user)
    cut_out = cut(rows, page)
    if not cut_out["items"] and not there and not rows.exists():
        raise no_job(request, job_id)
    return {**cut_out, "items": [_told(change) for change in cut_out["items"]]}


def _with_skipped(request: HttpRequest, job: Job, moments: list[Coming]) -> list[Coming]:
    """Those that have a row already, as one that was skipped beforehand has, do not run; why, for who sees the row."""
    rows = Execution.objects.filter(job=job.pk, scheduled_for__in=[each.at for each in moments])
    decided = dict.fromkeys(rows.values_list("scheduled_for", flat=True), ON_RECORD)
    if request.user.has_perm(SEE_RUNS):
        decided |= dict(rows.seen_by(request.user).values_list("scheduled_for", "reason"))
    return [
        Coming(each.at, each.local, (*each.notes, decided[each.at]), runs=False) if each.at in decided else each
        for each in moments
    ]


def _told(change: Change) -> dict[str, Any]:
    shown = {name: getattr(change, name) for name in ("id", "at", "by", "action", "reason")}
    return {**shown, "fields": {name: _pair(name, pair) for name, pair in redact_json(change.fields).items()}}


def _pair(name: str, pair: Any) -> dict[str, Any]:
    old, new = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
    if name in (*SPANS, "interval"):
        old, new = _in_seconds(old), _in_seconds(new)
    return {"old": old, "new": new}


def _in_seconds(value: Any) -> Any:
    """The history has spans in ISO 8601."""
    span = parse_duration(value) if isinstance(value, str) else None
    return span.total_seconds() if isinstance(span, timedelta) else value
