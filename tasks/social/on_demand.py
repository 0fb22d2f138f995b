"""Syncs that somebody asks for: while one goes or waits no second one is queued; the one that is there is told."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from scheduling import store
from scheduling.backends import execution_of
from scheduling.exceptions import RetryLater
from scheduling.models import OPEN, Execution, Job, State, Why
from tasks.exceptions import NotConfigured, TaskError
from tasks.social.conf import options
from tasks.social.models import Business
from tasks.social.schedule import job_of
from tasks.social.tasks import ALL, sync_business_job

TASK = sync_business_job.module_path
PAUSE_ASKED_FOR = f"{RetryLater.__module__}.{RetryLater.__qualname__}"
GAVE_WAY = "It gave way to a run that was asked for."


class NotActive(TaskError):
    """This business is not active, so that it is not synced."""


class Asked(NamedTuple):
    """The run that does what was asked for, and whether it is new."""

    run: Execution
    is_new: bool

    @property
    def words(self) -> str:
        """ "Run #12 is queued.", "Run #12 is under way already: running, 45/50 posts.\""""
        if self.is_new:
            return f"Run #{self.run.pk} is queued."
        return f"Run #{self.run.pk} is under way already: {_doing(self.run)}."


def sync_all(*, by: str, now: datetime, why: Why = Why.API) -> Asked:
    """The run that syncs all businesses: a new one of the hourly job, or the one that is under way.

    Of two who ask at once the job's row, held meanwhile, lets one be first. Raises NotConfigured.
    """

    def deed(job: Job) -> Asked:
        _check(job)
        going = _under_way(Execution.objects.filter(job=ALL), by=by, now=now)
        return Asked(going, False) if going else Asked(store.enqueue(job, now=now, by=by, why=why), True)

    try:
        return store.as_seen(ALL, None, deed)
    except Job.DoesNotExist:
        raise NotConfigured(f"There is no job {ALL}. {_missing()}") from None


@transaction.atomic
def sync_one(business: Business, *, by: str, now: datetime, why: Why = Why.API) -> Asked:
    """The run that syncs `business`: of its own job if it has one, or a run that is of no job.

    Raises NotActive and NotConfigured.
    """
    held = Business.objects.select_for_update().get(pk=business.pk)  # of two who ask at once, one comes first
    if not held.is_active:
        raise NotActive(f"{held} is not active, so that it is not synced; make it active first.")
    job = job_of(held)
    _check(job)
    mine = Execution.objects.filter(task=TASK, tenant=held.tenant)
    if going := _under_way(mine, by=by, now=now):
        return Asked(going, False)
    if job is not None:
        given = {"business_id": held.pk}  # whatever staff have made of the arguments of the job
        return Asked(store.enqueue(job, now=now, by=by, why=why, arguments=given), True)
    wanted = execution_of(sync_business_job, [], {"business_id": held.pk}, by=by, tenant=held.tenant)
    wanted.why = why
    return Asked(store.enqueue_task([wanted])[0], True)


def _under_way(runs: QuerySet[Execution], *, by: str, now: datetime) -> Execution | None:
    """The run that goes or waits. One that only waits to be tried again gives way: it is asked for now."""
    rows = runs.filter(state__in=OPEN).defer("traceback")
    found = sorted(rows, key=lambda run: (run.state != State.RUNNING, run.pk))
    for run in found:
        if not _gives_way(run):
            return run
        store.cancel(run, by=by, now=now, reason=GAVE_WAY)
    return None


def _gives_way(run: Execution) -> bool:
    """Whether it waits after a failure; after a pause that a platform has asked for it keeps its place."""
    if run.state != State.QUEUED or run.why != Why.RETRY:
        return False
    attempts = Execution.objects.filter(Q(pk=run.root_id) | Q(root=run.root_id), attempt=run.attempt - 1)
    return attempts.values_list("error_class", flat=True).first() != PAUSE_ASKED_FOR


def _check(job: Job | None) -> None:
    """Raises NotConfigured."""
    if options().missing():
        raise NotConfigured(f"Nothing can be synced yet. {_missing()}")
    if job is not None and job.parked_reason:
        raise NotConfigured(f"The job {job.pk} cannot run: {job.parked_reason}")


def _missing() -> str:
    lacking = options().missing()
    return f"Set {' and '.join(lacking)}, then run: manage.py syncjobs" if lacking else "Run: manage.py syncjobs"


def _doing(run: Execution) -> str:
    if run.state == State.RUNNING:
        return f"running{f', {run.progress_text}' if run.progress_text else ''}"
    return f"waiting for its next attempt at {run.run_after:%H:%M} UTC" if run.attempt > 1 else "queued"
