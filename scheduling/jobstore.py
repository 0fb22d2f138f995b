"""APScheduler's job store over our Job rows: no pickle, nothing deleted because its code is gone."""

from datetime import datetime, timedelta
from typing import Any

from apscheduler.job import Job as APJob
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from django.db.models import F
from django.utils import timezone
from django_apscheduler.jobstores import DjangoJobStore

from scheduling import registry, store
from scheduling.models import Job, Origin
from scheduling.registry import Declaration
from scheduling.store.jobs import TRIGGER_FIELDS
from scheduling.sync import bring, columns_of
from scheduling.triggers import ScheduleTrigger, schedule_of, trigger_of

BY = "APScheduler"


class Call:
    """A task as APScheduler wants it: something to call. A call queues a run."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.__name__ = path.rpartition(".")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return registry.get(self.path).enqueue(*args, **kwargs)


class JobStore(DjangoJobStore):
    """`add_job`, `get_jobs`, `reschedule_job` and the like, on rows that the admin edits too."""

    def start(self, scheduler: Any, alias: str) -> None:
        """Not the parent's: its listeners write histories of their own."""
        BaseJobStore.start(self, scheduler, alias)

    def shutdown(self) -> None:
        """Not the parent's: the connection that it closes belongs to the thread that asks."""

    def lookup_job(self, job_id: str) -> APJob | None:
        row = Job.objects.filter(pk=job_id).first()
        return self._ap_job(row) if row else None

    def get_due_jobs(self, now: datetime) -> list[APJob]:
        return [self._ap_job(row) for row in Job.objects.due(now)]

    def get_next_run_time(self) -> datetime | None:
        return Job.objects.armed().order_by("next_run_time").values_list("next_run_time", flat=True).first()

    def get_all_jobs(self) -> list[APJob]:
        """In the order of their next run, those without one last."""
        return [self._ap_job(row) for row in Job.objects.order_by(F("next_run_time").asc(nulls_last=True), "id")]

    def add_job(self, job: APJob) -> None:
        """Create the job, or bring in what the code changed of it: never its next run, pause, or staff's edits."""
        bring(_declaration(job), timezone.now(), Origin.API)

    def update_job(self, job: APJob) -> None:
        """What `modify_job` and `reschedule_job` changed."""
        row = Job.objects.filter(pk=job.id).first()
        if row is None:
            raise JobLookupError(job.id)
        columns = columns_of(_declaration(job))
        names = OWN_COLUMNS if isinstance(job.trigger, ScheduleTrigger) else (*TRIGGER_COLUMNS, *OWN_COLUMNS)
        for name in names:
            setattr(row, name, columns[name])
        store.change(row, names, by=BY, now=timezone.now())

    def remove_job(self, job_id: str) -> None:
        row = Job.objects.filter(pk=job_id).first()
        if row is None:
            raise JobLookupError(job_id)
        store.delete(row, by=BY, now=timezone.now())

    def remove_all_jobs(self) -> None:
        for row in Job.objects.all():
            store.delete(row, by=BY, now=timezone.now())

    def _ap_job(self, row: Job) -> APJob:
        """`row` as APScheduler's Job, made without `Job._modify`, which would refuse a task that is gone."""
        args, kwargs = registry.split(row.arguments)
        grace = row.misfire_grace_time
        job = object.__new__(APJob)
        for name, value in {
            "id": row.pk,
            "name": row.name,
            "func": Call(row.task),
            "func_ref": ":".join(row.task.rsplit(".", 1)),
            "trigger": trigger_of(row.schedule),
            "executor": row.queue,
            "args": tuple(args),
            "kwargs": kwargs,
            "misfire_grace_time": None if grace is None else int(grace.total_seconds()),
            "coalesce": row.coalesce,
            "max_instances": row.max_instances,
            "next_run_time": row.next_run_time,
            "_scheduler": self._scheduler,
            "_jobstore_alias": self._alias,
        }.items():
            setattr(job, name, value)
        return job


TRIGGER_COLUMNS = (*TRIGGER_FIELDS, "jitter")  # those of the row's own trigger are as the row has them
OWN_COLUMNS = ("name", "task", "arguments", "queue", "misfire_grace_time", "coalesce", "max_instances")


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
