"""APScheduler's job store over our Job rows: no pickle, nothing deleted because its code is gone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Self

from apscheduler.job import Job as APJob
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from django.db.models import F
from django.utils import timezone
from django_apscheduler.jobstores import DjangoJobStore

from scheduling import registry, store
from scheduling.models import Job, Origin
from scheduling.registry import Declaration
from scheduling.store.jobs import TRIGGER_FIELDS
from scheduling.sync import Synced, bring, columns_of
from scheduling.triggers import Kind, schedule_of, trigger_of

BY = "APScheduler"


class Call:
    """A task as APScheduler wants it: something to call. A call queues a run."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.__name__ = path.rpartition(".")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return registry.get(self.path).enqueue(*args, **kwargs)


class TableJob(APJob):
    """A row as APScheduler's Job. It shows the row as it was read, or as the last of its own calls has left it.

    `next_run_time` is told in the project's time zone.
    """

    __slots__ = ("state",)  # scheduled, paused, parked (it cannot run), or finished (its schedule names no moment)

    state: str

    def pause(self) -> Self:
        return self._as_left(self._scheduler.pause_job(self.id))

    def resume(self, missed: str = "none") -> Self:
        """`missed` says which of the moments of the pause run after all: none, latest or all."""
        return self._as_left(self._scheduler.resume_job(self.id, missed=missed))

    def modify(self, **changes: Any) -> Self:
        return self._as_left(self._scheduler.modify_job(self.id, **changes))

    def reschedule(self, trigger: Any, **trigger_args: Any) -> Self:
        return self._as_left(self._scheduler.reschedule_job(self.id, trigger=trigger, **trigger_args))

    def _as_left(self, other: Self) -> Self:
        for name in SHOWN:
            setattr(self, name, getattr(other, name))
        return self


class JobStore(DjangoJobStore):
    """`add_job`, `get_jobs`, `reschedule_job` and the like, on rows that the admin edits too."""

    def start(self, scheduler: Any, alias: str) -> None:
        """Not the parent's: its listeners write histories of their own."""
        BaseJobStore.start(self, scheduler, alias)

    def shutdown(self) -> None:
        """Not the parent's: the connection that it closes belongs to the thread that asks."""

    def lookup_job(self, job_id: str) -> TableJob | None:
        row = Job.objects.filter(pk=job_id).first()
        return self._job(row, store.paused_queues()) if row else None

    def get_due_jobs(self, now: datetime) -> list[TableJob]:
        return self._jobs(Job.objects.due(now))

    def get_next_run_time(self) -> datetime | None:
        return Job.objects.armed().order_by("next_run_time").values_list("next_run_time", flat=True).first()

    def get_all_jobs(self) -> list[TableJob]:
        """In the order of their next run, those without one last."""
        return self._jobs(Job.objects.order_by(F("next_run_time").asc(nulls_last=True), "id"))

    def add_job(self, job: APJob) -> Synced:
        """Create the job, or bring in what the code changed of it: never its next run, pause, or staff's edits."""
        return bring(_declaration(job), timezone.now(), Origin.API)

    def update_job(self, job: APJob) -> None:
        """What `modify_job` and `reschedule_job` changed."""
        row = self.row(job.id)
        columns = columns_of(_declaration(job))
        for name in OWN_COLUMNS:
            setattr(row, name, columns[name])
        store.change(row, OWN_COLUMNS, by=BY, now=timezone.now())

    def remove_job(self, job_id: str) -> None:
        store.delete(self.row(job_id), by=BY, now=timezone.now())

    def remove_all_jobs(self) -> None:
        for row in Job.objects.all():
            store.delete(row, by=BY, now=timezone.now())

    def row(self, job_id: str) -> Job:
        """The row of that id. Raises JobLookupError."""
        row = Job.objects.filter(pk=job_id).first()
        if row is None:
            raise JobLookupError(job_id)
        return row

    def _jobs(self, rows: Any) -> list[TableJob]:
        held = store.paused_queues()
        return [self._job(row, held) for row in rows]

    def _job(self, row: Job, held: Collection[str]) -> TableJob:
        """`row` as APScheduler's Job, made without `Job._modify`, which would refuse a task that is gone."""
        args, kwargs = registry.split(row.arguments)
        grace = row.misfire_grace_time
        job = object.__new__(TableJob)
        for name, value in {
            "id": row.pk,
            "name": row.name,
            "func": Call(row.task),
            "func_ref": ":".join(row.task.rsplit(".", 1)),
            "trigger": trigger_of(row.schedule, row.jitter),
            "executor": row.queue,
            "args": tuple(args),
            "kwargs": kwargs,
            "misfire_grace_time": None if grace is None else int(grace.total_seconds()),
            "coalesce": row.coalesce,
            "max_instances": row.max_instances,
            "next_run_time": row.next_run_time and timezone.localtime(row.next_run_time, self._scheduler.timezone),
            "state": _state(row, held),
            "_scheduler": self._scheduler,
            "_jobstore_alias": self._alias,
        }.items():
            setattr(job, name, value)
        return job


SHOWN = [name for name in (*APJob.__slots__, *TableJob.__slots__) if name != "__weakref__"]
OWN_COLUMNS = (
    *(*TRIGGER_FIELDS, "jitter"),
    *("name", "task", "arguments", "queue", "misfire_grace_time", "coalesce", "max_instances"),
)


def _state(row: Job, held: Collection[str]) -> str:
    if row.parked_reason:
        return "parked"
    if row.paused_at or row.queue in held:
        return "paused"
    return "scheduled" if row.next_run_time or row.trigger == Kind.MANUAL else "finished"


def _declaration(job: APJob) -> Declaration:
    """What APScheduler's Job says, as a declaration. Raises InvalidTrigger and UnknownTask."""
    schedule, jitter = schedule_of(job.trigger, str(timezone.get_default_timezone()))
    grace = job.misfire_grace_time
    options = {
        "name": job.name,
        "arguments": registry.joined(job.args, job.kwargs),
        "queue": job.executor,
        "coalesce": job.coalesce,
        "max_instances": job.max_instances,
        "jitter": jitter,
        "misfire_grace_time": None if grace is None else timedelta(seconds=grace),
    }
    return Declaration(job.id, job.func.path, schedule, options)
