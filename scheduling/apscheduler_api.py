"""APScheduler's calls on the table of jobs: each takes effect at once, whoever runs the jobs, and wherever."""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn, TextIO
from uuid import uuid4

from apscheduler.job import Job as APJob
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.triggers.base import BaseTrigger
from apscheduler.util import convert_to_datetime, undefined
from django.db import transaction
from django.tasks.base import Task
from django.utils import timezone

from scheduling import events, registry, store
from scheduling.apscheduler_config import Configured
from scheduling.conf import options
from scheduling.coroutines import anywhere
from scheduling.exceptions import SchedulingError, UnknownTask
from scheduling.jobstore import BY, Call, JobStore, TableJob
from scheduling.models import Change, Job
from scheduling.planning import Missed
from scheduling.store.batch import contested
from scheduling.sync import edited
from scheduling.triggers import Kind, schedule_of, trigger_of

logger = logging.getLogger(__name__)

TABLE = "default"  # the alias of the one job store there is
ADDED_PAUSED = "Added as paused (next_run_time=None)."


class MadeElsewhere(ConflictingIdError):
    """A job of this id runs another task, and was not made by a program: it is not replaced unseen."""

    def __init__(self, row: Job) -> None:
        super().__init__(row.pk)
        made = Change.objects.filter(job=row.pk, action="created").values_list("by", flat=True).first()
        told = f"The job {row.pk} was made by {made or row.get_origin_display()} and runs {row.task}"
        self.args = (f"{told}: take another id, or remove it first with remove_job({row.pk!r}).",)


class TableAPI(Configured):
    """APScheduler's own calls, made on rows that the admin edits too; they need no scheduler that runs.

    Nothing is ever pending, and a moment without a zone is one of the project's (TIME_ZONE).
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs = JobStore()
        self.add_jobstore(self.jobs, TABLE)
        self.jobs.start(self, TABLE)

    @anywhere
    def add_job(
        self,
        func: Task | str | Callable[..., Any],
        trigger: BaseTrigger | str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,
        name: str | None = None,
        misfire_grace_time: Any = undefined,
        coalesce: Any = undefined,
        max_instances: Any = undefined,
        next_run_time: Any = undefined,
        jobstore: str = TABLE,
        executor: str = "default",
        replace_existing: bool = False,
        **trigger_args: Any,
    ) -> TableJob:
        """As APScheduler's: `func` is a registered task, its function, or its path; `executor` names a queue.

        A job that is there is updated like one of the code's (`replace_existing`): its next run, a pause and what staff
        changed stay. So `next_run_time` is that of a new job: a moment is its first run, None adds it paused. Without a
        trigger it runs once, at `run_date` or now. Raises SchedulingError and ConflictingIdError.
        """
        self._lookup_jobstore(jobstore)
        chosen = {"misfire_grace_time": misfire_grace_time, "coalesce": coalesce, "max_instances": max_instances}
        when = self._create_trigger(trigger, trigger_args)
        call = {"args": tuple(args or ()), "kwargs": dict(kwargs or {}), "executor": executor, "trigger": when}
        job = self._made(task_path(func), id, name, call, chosen)
        return self._added(job, self._moment(next_run_time), replace_existing)

    @anywhere
    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> TableJob:
        """As APScheduler's; `next_run_time` is a moment, from which the trigger goes on, or None, which pauses."""
        moment = self._moment(changes.pop("next_run_time", undefined))
        if "func" in changes:
            changes["func"] = Call(task_path(changes["func"]))
        job = self._shown(job_id)
        job._modify(**dict(changes))
        self._write(job, moment, "trigger" in changes)
        events.modified(self, job_id)
        self.wakeup()
        return self._shown(job_id)

    def reschedule_job(
        self, job_id: str, jobstore: str | None = None, trigger: Any = None, **trigger_args: Any
    ) -> TableJob:
        """As APScheduler's, but that a paused job stays paused."""
        return self.modify_job(job_id, jobstore, trigger=self._create_trigger(trigger, trigger_args))

    @anywhere
    def pause_job(self, job_id: str, jobstore: str | None = None) -> TableJob:
        store.pause(self.jobs.row(job_id), by=BY, now=timezone.now())
        events.modified(self, job_id)
        return self._shown(job_id)

    @anywhere
    def resume_job(self, job_id: str, jobstore: str | None = None, missed: str = "none") -> TableJob:
        """As APScheduler's; `missed` says which of the moments of the pause run after all: none, latest or all.

        A job whose schedule has ended meanwhile stays, as finished.
        """
        store.resume(self.jobs.row(job_id), by=BY, now=timezone.now(), missed=missed_of(missed))
        events.modified(self, job_id)
        self.wakeup()
        return self._shown(job_id)

    @anywhere
    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        self.jobs.remove_job(job_id)
        events.removed(self, job_id)

    @anywhere
    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Also those that were made in the admin; those that the code declares come back when a scheduler starts."""
        self.jobs.remove_all_jobs()
        events.all_removed(self)

    @anywhere
    def get_job(self, job_id: str, jobstore: str | None = None) -> Any:
        """The job, as a TableJob, or None."""
        return self.jobs.lookup_job(job_id)

    @anywhere
    def get_jobs(self, jobstore: str | None = None, pending: bool | None = None) -> list[TableJob]:
        """All jobs in the order of their next run, those without one last; none is ever pending."""
        return [] if pending else self.jobs.get_all_jobs()

    def print_jobs(self, jobstore: str | None = None, out: TextIO | None = None) -> None:
        lines = [f"    {job}" for job in self.get_jobs()] or ["    No scheduled jobs"]
        (out or sys.stdout).write("\n".join([f"Jobstore {TABLE}:", *lines, ""]))

    def export_jobs(self, outfile: Any, jobstore: str | None = None) -> NoReturn:
        """Not APScheduler's: it writes pickles."""
        raise SchedulingError("APScheduler's export holds pickles; use `manage.py jobs export` instead.")

    def import_jobs(self, infile: Any, jobstore: str = TABLE) -> NoReturn:
        """Not APScheduler's: it runs what the pickles of a file say."""
        raise SchedulingError("APScheduler's export holds pickles; use `manage.py jobs import` instead.")

    # Helpers

    def _create_trigger(self, trigger: Any, trigger_args: dict[str, Any]) -> BaseTrigger:
        """APScheduler's way to read a trigger, which our schedules replace. Raises InvalidTrigger."""
        trigger_args = {name: value for name, value in trigger_args.items() if value is not None}
        zone = str(trigger_args.pop("timezone", self.timezone))
        if trigger is None:
            trigger = "date"
        if trigger == Kind.DATE:
            trigger_args.setdefault("run_date", timezone.now())
        return trigger_of(*schedule_of(trigger, zone, **trigger_args))

    def _made(self, path: str, id: str | None, name: str | None, call: dict[str, Any], chosen: dict[str, Any]) -> APJob:
        """The job as APScheduler has it, called like its task where it has no name."""
        called = path.rpartition(".")[2]
        job = APJob(
            self,
            id or f"{called}-{uuid4().hex[:8]}",
            func=Call(path),
            name=name or called.replace("_", " ").capitalize(),
            **call,
            **{option: value for option, value in chosen.items() if value is not undefined},
        )
        for option in [option for option, value in chosen.items() if value is undefined]:
            setattr(job, option, self._job_defaults.get(option, _default(option)))
        return job

    def _added(self, job: APJob, first: Any, replace_existing: bool) -> TableJob:
        self._bring(job, first, replace_existing)
        events.added(self, job.id)
        self.wakeup()
        return self._shown(job.id)

    @contested
    def _bring(self, job: APJob, first: Any, replace_existing: bool) -> None:
        row = Job.objects.filter(pk=job.id).first()
        if row and not replace_existing:
            raise ConflictingIdError(job.id)
        adopted = row is not None and row.code_definition is None
        if row and adopted and row.task != job.func.path:
            raise MadeElsewhere(row)
        with transaction.atomic():
            brought = self.jobs.add_job(job)
            if brought.deed == "created":
                self._appoint(job.id, first, ADDED_PAUSED)
            elif brought.deed == "changed" and "run_at" in brought.columns:
                self._appoint(job.id, undefined)
        if adopted and (kept := edited(self.jobs.row(job.id))):
            told = "It was made elsewhere and keeps its %s; 'Back to code' in the admin takes what add_job() says."
            logger.warning(told, ", ".join(kept), extra={"job": job.id})

    @contested
    def _write(self, job: APJob, moment: Any, rescheduled: bool) -> None:
        with transaction.atomic():
            self.jobs.update_job(job)
            if rescheduled or moment is not undefined:
                self._appoint(job.id, moment)

    def _appoint(self, job_id: str, moment: Any, reason: str = "") -> None:
        """The next run at `moment`; where none is named, at that of a date which has passed: APScheduler runs it."""
        row, now = self.jobs.row(job_id), timezone.now()
        passed = row.trigger == Kind.DATE and row.run_at is not None and row.run_at <= now
        if moment is undefined:
            moment = row.run_at if passed and not row.paused_at else undefined
        if moment is None:
            store.pause(row, by=BY, now=now, reason=reason)
        elif moment is not undefined:
            store.appoint(row, moment, by=BY, now=now)

    def _moment(self, given: Any) -> datetime | Any:
        """`given` as a moment; None and APScheduler's `undefined` stay what they are."""
        return given if given is undefined else convert_to_datetime(given, self.timezone, "next_run_time")

    def _shown(self, job_id: str) -> TableJob:
        """The job as it is now. Raises JobLookupError."""
        job = self.jobs.lookup_job(job_id)
        if job is None:
            raise JobLookupError(job_id)
        return job


def task_path(func: Task | str | Callable[..., Any]) -> str:
    """The path of a registered task. Raises UnknownTask, which says what to do about a function that is none."""
    try:
        return registry.path_of(func)
    except (AttributeError, UnknownTask):
        shown = func if isinstance(func, str) else getattr(func, "__qualname__", repr(func))
        place = "in the module `tasks` of an installed app"
        if isinstance(func, Task):
            raise UnknownTask(f"Schedulers look for tasks {place}; {func.module_path} is not there: move it.") from None
        raise UnknownTask(
            f"{shown!r} is no registered task: write `@task` (from django.tasks) above its function, {place}."
        ) from None


def missed_of(word: str) -> Missed:
    """The choice of that name. Raises ValueError."""
    if word not in Missed.values:
        raise ValueError(f"`missed` is one of {', '.join(Missed.values)}, not {word!r}.")
    return Missed(word)


def _default(option: str) -> Any:
    grace: timedelta = options().misfire_grace_time
    return {"misfire_grace_time": grace.total_seconds(), "coalesce": True, "max_instances": 1}[option]
