"""How the latest run of the pipeline stands, as a whole and stage by stage: the same for every door."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from scheduling.models import UNWELL, Execution, State
from scheduling.redact import plain, redact_json
from tasks.models import Status as RecordStatus
from tasks.models import TaskRecord
from tasks.tickets.on_demand import attempts, gives_way, under_way
from tasks.tickets.stages import DAILY, STAGES


class PipelineStanding(enum.StrEnum):
    """How the pipeline stands, in the words of the system that it comes from."""

    IDLE = "idle"  # nothing has run, or the last was cancelled before it began
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class StageStanding(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    LEFT_OUT = "left out"  # the run ended before it


OF_RECORDS = {
    RecordStatus.RUNNING: StageStanding.RUNNING,
    RecordStatus.SUCCEEDED: StageStanding.COMPLETED,
    RecordStatus.FAILED: StageStanding.FAILED,
    RecordStatus.CANCELLED: StageStanding.CANCELLED,
    RecordStatus.INTERRUPTED: StageStanding.INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class StageStatus:
    name: str
    status: StageStanding
    progress: float | None = None  # from 0 to 1; None: not known how much there is
    processed: int = 0
    failed: int = 0
    message: str = ""  # the error that ended it
    record: int | None = None


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    status: PipelineStanding
    progress: float | None = None  # of the whole, from 0 to 1
    message: str = ""
    stage: str | None = None  # the one that goes on
    stages: list[StageStatus] = field(default_factory=list)
    execution: int | None = None
    job: str | None = None
    task: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Any = None
    error: str = ""

    @property
    def is_running(self) -> bool:
        return self.status is PipelineStanding.RUNNING

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def latest_run() -> Execution | None:
    """The run that goes, or waits, or was the last; a moment that had none says nothing."""
    if going := under_way():
        return going[0]
    return Execution.objects.filter(job=DAILY).exclude(state=State.SKIPPED).order_by("-id").first()


def pipeline_status() -> PipelineStatus:
    run = latest_run()
    return PipelineStatus(PipelineStanding.IDLE) if run is None else status_of(run)


def status_of(run: Execution) -> PipelineStatus:
    """How `run` stands, with what its earlier attempts have done."""
    every = list(attempts(run).defer("traceback"))
    stages = _stages(run, [each.pk for each in every])
    standing = _standing(run)
    error = "" if standing is PipelineStanding.COMPLETED else _error(run, every)
    return PipelineStatus(
        status=standing,
        progress=run.progress,
        message=_message(run, standing, error),
        stage=next((each.name for each in stages if each.status is StageStanding.RUNNING), None),
        stages=stages,
        execution=run.pk,
        job=run.job_id,
        task=run.task,
        started_at=run.started_at,
        finished_at=run.finished_at,
        result=redact_json(run.result),
        error=error,
    )


def wanted_stages(arguments: Mapping[str, Any]) -> list[str]:
    """The stages that a run was asked for."""
    named = arguments.get("stages")
    return [stage for stage in STAGES if not isinstance(named, list) or stage in named]


def _standing(run: Execution) -> PipelineStanding:
    if not run.is_final:
        return PipelineStanding.FAILED if gives_way(run) else PipelineStanding.RUNNING
    if run.state in UNWELL or (run.state == State.CANCELLED and run.started_at):
        return PipelineStanding.FAILED
    return PipelineStanding.COMPLETED if run.state == State.SUCCEEDED else PipelineStanding.IDLE


def _error(run: Execution, every: list[Execution]) -> str:
    """What ended the last attempt that has ended."""
    ended = [each for each in every if each.is_final and each.state != State.SUCCEEDED and each.pk <= run.pk]
    return plain(ended[-1].error_message or ended[-1].reason) if ended else ""


def _message(run: Execution, standing: PipelineStanding, error: str) -> str:
    if run.state == State.RUNNING:
        return plain("Stopping." if run.cancel_requested_at else run.progress_text or "Started.")
    if run.state == State.QUEUED and run.attempt > 1:
        return f"To be tried again at {run.run_after:%H:%M} UTC. {error}".strip()
    if run.state == State.QUEUED:
        return "Waits for a scheduler to take it."
    return "" if standing is PipelineStanding.COMPLETED else error


def _stages(run: Execution, executions: list[int]) -> list[StageStatus]:
    rows = TaskRecord.objects.with_over().filter(execution__in=executions).defer("log_output", "result").order_by("id")
    latest = {row.label: row for row in rows}
    return [_stage(name, latest.get(name), run) for name in wanted_stages(run.arguments)]


def _stage(name: str, row: Any, run: Execution) -> StageStatus:
    if row is None:
        return StageStatus(name, StageStanding.LEFT_OUT if run.is_final else StageStanding.WAITING)
    status = OF_RECORDS[RecordStatus(row.status)]
    if status is StageStanding.RUNNING and row.over:  # its process was killed
        status = StageStanding.INTERRUPTED
    progress = 1.0 if status is StageStanding.COMPLETED else row.progress
    return StageStatus(name, status, progress, row.items_processed, row.items_failed, plain(row.error), row.pk)
