"""The ledger's rows as plain values: the only place where the checker's side meets the engine's tables."""

from collections.abc import Iterable

from scheduling.models import FINAL, OPEN, Backfill, Execution, Worker
from scheduling.store.workers import LIVING
from tests.chaos.evidence import Run

COLUMNS = {
    "id": "id",
    "job": "job_id",
    "moment": "scheduled_for",
    "missed": "missed_count",
    "state": "state",
    "why": "why",
    "root": "root_id",
    "attempt": "attempt",
    "fence": "fence",
    "idempotent": "idempotent",
    "max_attempts": "max_attempts",
    "max_instances": "max_instances",
    "begun": "started_at",
    "cancelled": "cancel_requested_at",
}


def runs(jobs: Iterable[str], *, after: int = 0, final: bool = False) -> list[Run]:
    """The rows of `jobs` with ids greater than `after`; only those that have ended if `final`."""
    rows = Execution.objects.filter(job__in=list(jobs), pk__gt=after).order_by("id")
    if final:
        rows = rows.filter(state__in=FINAL)
    return [_run(row) for row in rows.values_list(*COLUMNS.values()).iterator()]


def _run(row: tuple[object, ...]) -> Run:
    values = dict(zip(COLUMNS, row, strict=True))
    values["begun"] = values["begun"] is not None
    values["cancelled"] = values["cancelled"] is not None
    return Run(**values)  # type: ignore[arg-type]


def unsettled() -> int:
    """How many runs have not ended, and backfills that will bring more."""
    return Execution.objects.filter(state__in=OPEN).count() + Backfill.objects.going().count()


def living() -> list[int]:
    """The processes of the workers that are said to live."""
    return list(Worker.objects.filter(state__in=LIVING).values_list("pid", flat=True))
