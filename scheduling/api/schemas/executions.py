"""How the API shows runs, and what a list of them can be narrowed by."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from ninja import Query, Schema
from pydantic import Field

from scheduling.api.shapes import BIGGEST, Moment, Text, WithReason, seconds
from scheduling.models import LONGEST_TENANT, Cause, Execution, State, Why
from scheduling.models.executions import has_tenant_index
from scheduling.redact import plain, redact_json

A_ROW = Annotated[int, Field(ge=1, le=BIGGEST)]


class RunFilter(Schema):
    """Which runs to list; of a parameter that can be repeated, each value adds to what is listed."""

    job: Text | None = Field(None, max_length=100, description="Of this job.", examples=["nightly-import"])
    task: Text | None = Field(None, max_length=200, description="Of this task, by its path.")
    state: list[State] = Field(default_factory=list, description="In one of these states; can be repeated.")
    cause: list[Cause] = Field(default_factory=list, description="With one of these causes; can be repeated.")
    why: list[Why] = Field(default_factory=list, description="Asked for in one of these ways; can be repeated.")
    queue: Text | None = Field(None, max_length=50, description="In this queue.")
    tenant: Text | None = Field(
        None, max_length=LONGEST_TENANT, description="Of this tenant; empty: the installation's own."
    )
    worker: UUID | None = Field(None, description="Run by this worker.")
    backfill: A_ROW | None = Field(None, description="Of this backfill.")
    root: A_ROW | None = Field(None, description="This run and all further attempts of it.")
    scheduled_since: Moment | None = Field(None, description="Due at this moment or later.")
    scheduled_until: Moment | None = Field(None, description="Due before this moment.")
    started_since: Moment | None = Field(None, description="Started at this moment or later.")
    started_until: Moment | None = Field(None, description="Started before this moment.")
    finished_since: Moment | None = Field(
        None, description="Ended at this moment or later; the list then goes by the end, the latest first."
    )
    finished_until: Moment | None = Field(None, description="Ended before this moment; the list then goes by the end.")

    @property
    def by_end(self) -> bool:
        """Whether the list goes by the end of the runs, for which there is an index, too."""
        return bool(self.finished_since or self.finished_until)

    @property
    def is_indexed(self) -> bool:
        """Whether an index leads to all of the wanted runs; or to few enough."""
        searched = (self.cause, self.why, self.queue, self.worker, self.scheduled_since, self.scheduled_until)
        if self.tenant and not (self.backfill or self.root or self.job or has_tenant_index()):
            return False
        return bool(self.backfill or self.root) or not any((*searched, self.started_since, self.started_until))

    @property
    def parts(self) -> list[Q]:
        """The states one by one, where an index has the runs of each in order, and no other leads to them."""
        led = any((self.job, self.task, self.backfill, self.root))
        return [Q(state=each) for each in dict.fromkeys(self.state)] if len(self.state) > 1 and not led else []

    def narrow(self, runs: QuerySet[Execution]) -> QuerySet[Execution]:
        """Those of `runs` that are asked for."""
        return runs.filter(*self._conditions())

    def _conditions(self) -> Iterable[Q]:
        for name in ("job", "task", "queue", "tenant", "worker", "backfill"):
            if (value := getattr(self, name)) is not None:
                yield Q(**{name: value})
        for name in ("state", "cause", "why"):
            if values := getattr(self, name):
                yield Q(**{f"{name}__in": values})
        if self.root is not None:
            yield Q(pk=self.root) | Q(root=self.root)
        for name, column in (("scheduled", "scheduled_for"), ("started", "started_at"), ("finished", "finished_at")):
            if since := getattr(self, f"{name}_since"):
                yield Q(**{f"{column}__gte": since})
            if until := getattr(self, f"{name}_until"):
                yield Q(**{f"{column}__lt": until})


RunsWanted = Annotated[RunFilter, Query()]


class RetryRequest(WithReason):
    """Why, and whether also beside the run itself."""

    even_if_open: bool = Field(default=False, description="Also if the run has not ended: then there are two.")


class ExecutionSchema(Schema):
    """A run, or the reason why a due moment had none."""

    id: int = Field(examples=[4711])
    job: str | None = Field(description="Its id; null of a run that code enqueued.", examples=["nightly-import"])
    task: str = Field(examples=["tasks.imports.tasks.import_all"])
    state: State = Field(examples=["succeeded"])
    cause: str = Field(description="Why it did not run, or not at its time, in a word; empty otherwise.")
    reason: str = Field(description="The same in a sentence.")
    why: Why = Field(description="What asked for it.")
    requested_by: str = Field(description="Who asked for it; empty: the system.")
    scheduled_for: datetime | None = Field(description="The due moment; null when none was due.")
    stands_for: datetime | None = Field(description="The moment that it makes up for.")
    missed_count: int = Field(description="So many further moments have no row but this one.")
    run_after: datetime = Field(description="It does not start before.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    lateness: float | None = Field(description="Seconds from the due moment, or the request, to the start.")
    duration: float | None = Field(description="Seconds from the start to the end.")
    attempt: int = Field(examples=[1])
    max_attempts: int = Field(examples=[3])
    root: int | None = Field(description="Of a further attempt: the first one.")
    backfill: int | None
    queue: str = Field(examples=["default"])
    priority: int
    tenant: str = Field(description="Whose it is; empty: the installation's own.", examples=["acme"])
    worker: UUID | None = Field(description="Who runs it, or ran it.")
    progress: float | None = Field(description="From 0 to 1, as the task tells it; null if it does not.")
    progress_text: str
    error_class: str = Field(examples=["builtins.ValueError"])
    cancel_requested_at: datetime | None
    cancel_requested_by: str

    @staticmethod
    def resolve_job(run: Execution) -> str | None:
        return run.job_id

    @staticmethod
    def resolve_root(run: Execution) -> int | None:
        return run.root_id

    @staticmethod
    def resolve_backfill(run: Execution) -> int | None:
        return run.backfill_id

    @staticmethod
    def resolve_worker(run: Execution) -> UUID | None:
        return run.worker_id

    @staticmethod
    def resolve_lateness(run: Execution) -> float | None:
        return seconds(run.lateness)

    @staticmethod
    def resolve_duration(run: Execution) -> float | None:
        return seconds(run.duration)


class Executions(Schema):
    """A page of runs, the newest first."""

    items: list[ExecutionSchema]
    next: str | None = Field(
        description="Send it as `cursor` for the next page; null at the end. Where no index leads to what is asked "
        "for, a page can hold less than `limit`, even nothing, while `next` leads on.",
    )


class Attempt(Schema):
    """One of several attempts of a run."""

    id: int
    attempt: int
    why: Why
    state: State
    started_at: datetime | None
    finished_at: datetime | None
    error_class: str


class Failure(Schema):
    """The error that ended a run."""

    type: str = Field(examples=["builtins.ValueError"])
    message: str
    traceback: str


class WholeExecution(ExecutionSchema):
    """A run with all that is known of it; without the secrets."""

    arguments: dict[str, Any]
    result: Any = Field(description="What the task returned; null while there is nothing.")
    error: Failure | None
    timeout: float | None = Field(description="Seconds after which it is stopped.")
    start_deadline: datetime | None = Field(description="If it has not started by then, it is skipped.")
    is_final: bool = Field(description="Whether it has ended.")
    attempts: list[Attempt] = Field(description="All attempts, this one included; empty while it is the only one.")

    @staticmethod
    def resolve_arguments(run: Execution) -> Any:
        return redact_json(run.arguments)

    @staticmethod
    def resolve_result(run: Execution) -> Any:
        return redact_json(run.result)

    @staticmethod
    def resolve_error(run: Execution) -> dict[str, str] | None:
        if not (run.error_class or run.error_message):
            return None
        return {"type": run.error_class, "message": plain(run.error_message), "traceback": plain(run.traceback)}

    @staticmethod
    def resolve_timeout(run: Execution) -> float | None:
        return seconds(run.timeout)

    @staticmethod
    def resolve_attempts(run: Execution) -> list[Execution]:
        """All attempts of what this run is an attempt of."""
        root = run.root_id or run.pk
        rows = Execution.objects.light().filter(Q(pk=root) | Q(root=root), tenant=run.tenant).order_by("attempt", "id")
        found = list(rows[:ATTEMPTS])
        return found if len(found) > 1 else []


ATTEMPTS = 100  # shown at most; no more are allowed to a run
