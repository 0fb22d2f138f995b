"""/records: what tasks say that they did."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.paging import Cursor, cut, cut_within
from scheduling.api.problems import missing, refusals
from scheduling.api.shapes import BIGGEST, RowId, Text, seconds
from scheduling.models import Scope
from scheduling.redact import plain, redact_json
from scheduling.tenants import Person, tenants_of
from tasks.models import LONGEST_TEXT, Status, TaskRecord

router = Router(tags=["records"])

SEE = ("tasks.view_taskrecord",)


class RecordFilter(Schema):
    """Which records to list."""

    task: Text | None = Field(None, max_length=LONGEST_TEXT, description="Of this task, by its path.")
    job: Text | None = Field(None, max_length=100, description="Of runs of this job.")
    label: Text | None = Field(None, max_length=LONGEST_TEXT, description="Of this account or stage.")
    status: list[Status] = Field(default_factory=list, description="With one of these; can be repeated.")
    execution: int | None = Field(None, ge=1, le=BIGGEST, description="Of this run.")

    def narrow(self, rows: QuerySet[TaskRecord]) -> QuerySet[TaskRecord]:
        names = {"task": "task_name", "job": "execution__job", "label": "label", "execution": "execution"}
        given = {names[name]: value for name in names if (value := getattr(self, name)) is not None}
        rows = rows.filter(**given)
        return rows.filter(_with(self.status)) if self.status else rows

    def is_indexed(self, user: Person) -> bool:
        """Whether an index leads to all of the wanted records that `user` sees; or to few enough."""
        searched = (self.job, self.label, tenants_of(user))
        return self.execution is not None or (all(each is None for each in searched) and not self.status)


def _with(wanted: list[Status]) -> Q:
    """Records with one of these; one that a killed run has left open counts as interrupted."""
    left_behind = Q(status=Status.RUNNING, over=True)
    found = Q(status__in=[each for each in wanted if each != Status.RUNNING])
    if Status.INTERRUPTED in wanted:
        found |= left_behind
    if Status.RUNNING in wanted:
        found |= Q(status=Status.RUNNING, over=False)
    return found


class RecordSchema(Schema):
    """What was done in one run for one account or stage."""

    id: int
    task: str = Field(examples=["tasks.audiobooks.tasks.find"])
    execution: int | None = Field(description="The run; null of work outside of any.")
    label: str = Field(description="Which account, which stage.")
    status: Status
    items_processed: int
    items_succeeded: int
    items_failed: int
    progress: float | None = Field(description="From 0 to 1; null while it is not known how much there is.")
    progress_text: str
    started_at: datetime
    finished_at: datetime | None
    duration: float | None = Field(description="Seconds; null while it runs.")

    @staticmethod
    def resolve_task(row: TaskRecord) -> str:
        return row.task_name

    @staticmethod
    def resolve_execution(row: TaskRecord) -> int | None:
        return row.execution_id

    @staticmethod
    def resolve_status(row: Any) -> Status:
        return Status.INTERRUPTED if row.status == Status.RUNNING and row.over else Status(row.status)

    @staticmethod
    def resolve_duration(row: TaskRecord) -> float | None:
        return seconds(row.duration)


class WholeRecord(RecordSchema):
    """A record with its texts; without the secrets."""

    log: str = Field(description="Its lines; the log of the run has more.")
    error: str
    result: Any = Field(description="What the task told at the end, as JSON.")

    @staticmethod
    def resolve_log(row: TaskRecord) -> str:
        return plain(row.log_output)

    @staticmethod
    def resolve_error(row: TaskRecord) -> str:
        return plain(row.error)

    @staticmethod
    def resolve_result(row: TaskRecord) -> Any:
        return redact_json(row.result)


class Records(Schema):
    """A page of records, the newest first."""

    items: list[RecordSchema]
    next: int | None = Field(
        description="Send it as `cursor` for the next page; null at the end. Where no index leads to what is asked "
        "for, a page can hold less than `limit`, even nothing, while `next` leads on.",
    )


@router.get(
    "",
    response={200: Records, **refusals()},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="list_records",
    summary="List records",
)
def listed(request: HttpRequest, wanted: Query[RecordFilter], page: Annotated[Cursor, Query()]) -> dict[str, Any]:
    """Records, the newest first, without their texts: those are told of a single one."""
    seen = TaskRecord.objects.seen_by(request.user).with_over()
    rows = wanted.narrow(seen.defer("log_output", "error", "result"))
    return (cut if wanted.is_indexed(request.user) else cut_within)(rows, page)


@router.get(
    "/{record_id}",
    response={200: WholeRecord, **refusals(404)},
    auth=needs(*SEE, scope=Scope.READ),
    operation_id="get_record",
    summary="Show a record",
)
def one(request: HttpRequest, record_id: RowId) -> TaskRecord:
    """What was done, with its items, its progress, its lines and its result."""
    row = TaskRecord.objects.seen_by(request.user).with_over().filter(pk=record_id).first()
    if row is None:
        raise missing(f"There is no record {record_id}; it goes with its run when that is pruned.")
    return row
