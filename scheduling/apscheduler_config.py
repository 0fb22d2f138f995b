"""What APScheduler lets a program configure: here the zone and the defaults of jobs, neither stores nor executors."""

from typing import Any, NoReturn

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from django.utils import timezone

from scheduling.exceptions import SchedulingError
from scheduling.executors.base import Executor
from scheduling.jobstore import JobStore

ONE_TABLE = "Jobs are kept in the one table that the admin edits, and no job store is added, replaced or removed: {}."
BY_SETTING = (
    "Executors are the queues of the setting QUEUES, such as default=processes:4, light=threads:8: name them there, "
    "and choose one with add_job(…, executor='light'). {}."
)


class Unused(DebugExecutor):
    """What APScheduler wants to have at its start where no queue is called default; no run is given to it."""


class Configured(BaseScheduler):
    """APScheduler's scheduler with a store and executors that are not a program's to choose."""

    _job_defaults: dict[str, Any]

    def _configure(self, config: dict[str, Any]) -> None:
        """As APScheduler's, but that what is not named is the project's: TIME_ZONE, and the defaults of the settings.

        Raises SchedulingError for job stores and executors.
        """
        if config.get("jobstores"):
            raise SchedulingError(ONE_TABLE.format("leave `jobstores` out"))
        if config.get("executors"):
            raise SchedulingError(BY_SETTING.format("Leave `executors` out"))
        stores, executors = dict(self._jobstores), dict(self._executors)
        named = config.get("job_defaults") or {}
        zone = config.get("timezone") or timezone.get_default_timezone()
        super()._configure({**config, "timezone": zone, "job_defaults": named, "jobstores": {}, "executors": {}})
        self._jobstores.update(stores)
        self._executors.update(executors)
        self._job_defaults = {name: value for name, value in self._job_defaults.items() if name in named}

    def add_jobstore(self, jobstore: Any, alias: str = "default", **jobstore_opts: Any) -> None:
        """The table's own, once."""
        if not isinstance(jobstore, JobStore) or self._jobstores:
            raise SchedulingError(ONE_TABLE.format("leave add_jobstore() out"))
        super().add_jobstore(jobstore, alias)

    def remove_jobstore(self, alias: str, shutdown: bool = True) -> NoReturn:
        """Not APScheduler's: there is one table."""
        raise SchedulingError(ONE_TABLE.format("to remove all jobs, call remove_all_jobs()"))

    def add_executor(self, executor: Any, alias: str = "default", **executor_opts: Any) -> None:
        """Those of the queues; they come from the settings."""
        if not isinstance(executor, Executor | Unused):
            raise SchedulingError(BY_SETTING.format("Leave add_executor() out"))
        super().add_executor(executor, alias)

    def remove_executor(self, alias: str, shutdown: bool = True) -> NoReturn:
        """Not APScheduler's: a queue is paused, or goes from the settings."""
        raise SchedulingError(BY_SETTING.format("Leave remove_executor() out; a queue can be paused in the admin"))

    def _create_default_executor(self) -> Unused:
        return Unused()
