"""Runs of the pipeline that somebody asks for: one at a time, whoever asks, since all of them are of one job."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from scheduling import store
from scheduling.exceptions import RetryLater
from scheduling.models import OPEN, Execution, Job, State, Why
from tasks.exceptions import NotConfigured, TaskError
from tasks.tickets.conf import options
from tasks.tickets.stages import DAILY, STAGES

PAUSE_ASKED_FOR = f"{RetryLater.__module__}.{RetryLater.__qualname__}"
GAVE_WAY = "It gave way to a run that was asked for."


class AlreadyRunning(TaskError):
    """A run of the pipeline is under way."""

    def __init__(self, run: Execution) -> None:
        doing = f"running{f' ({run.progress_text})' if run.progress_text else ''}"
        if run.state == State.QUEUED:
            doing = f"waiting for its next attempt at {run.run_after:%H:%M} UTC" if run.attempt > 1 else "queued"
        super().__init__(
            f"A run of the pipeline is already under way: #{run.pk} is {doing}. Wait for it, or cancel it."
        )
        self.run = run


class NothingRunning(TaskError):
    """No run of the pipeline is under way."""


def start(
    stages: Sequence[str] = STAGES,
    *,
    now: datetime,
    by: str,
    why: Why = Why.API,
    backfill_days: int | None = None,
    batch_size: int | None = None,
) -> Execution:
    """Queue a run of `stages`. Raises AlreadyRunning, and NotConfigured where the job lacks settings.

    Of two who ask at once the job's row, held meanwhile, lets one be first. A run that failed and waits for its next
    attempt gives way, unless a service has asked it to wait.
    """
    given = {"backfill_days": backfill_days, "batch_size": batch_size}
    arguments = {"stages": list(stages), **{name: value for name, value in given.items() if value is not None}}

    def deed(job: Job) -> Execution:
        if job.parked_reason:
            raise NotConfigured(f"The job {DAILY} cannot run: {job.parked_reason}")
        for run in under_way():
            if not gives_way(run):
                raise AlreadyRunning(run)
            store.cancel(run, by=by, now=now, reason=GAVE_WAY)
        return store.enqueue(job, now=now, by=by, why=why, arguments=arguments)

    try:
        return store.as_seen(DAILY, None, deed)
    except Job.DoesNotExist:
        raise NotConfigured(f"There is no job {DAILY}. {_missing()}") from None


def _missing() -> str:
    lacking = options().missing()
    return f"Set {' and '.join(lacking)}, then run: manage.py syncjobs" if lacking else "Run: manage.py syncjobs"


def cancel(*, by: str, now: datetime, reason: str = "") -> Execution:
    """Stop what is under way, or withdraw what waits; returns that run as it is then. Raises NothingRunning."""
    runs = under_way()
    if not runs:
        raise NothingRunning
    for run in runs:
        store.cancel(run, by=by, now=now, reason=reason)
    runs[0].refresh_from_db()
    return runs[0]


def under_way() -> list[Execution]:
    """The runs that go or wait, those that go first; one that waits for its next attempt too."""
    runs = Execution.objects.filter(job=DAILY, state__in=OPEN).defer("traceback")
    return sorted(runs, key=lambda run: (run.state != State.RUNNING, run.pk))


def gives_way(run: Execution) -> bool:
    """Whether it only waits to be tried again after a failure."""
    if run.state != State.QUEUED or run.why != Why.RETRY:
        return False
    last = attempts(run).filter(attempt=run.attempt - 1).values_list("error_class", flat=True).first()
    return last != PAUSE_ASKED_FOR


def attempts(run: Execution) -> QuerySet[Execution]:
    """All attempts of what `run` is an attempt of, the first one first."""
    root = run.root_id or run.pk
    return Execution.objects.filter(Q(pk=root) | Q(root=root)).order_by("attempt", "id")
