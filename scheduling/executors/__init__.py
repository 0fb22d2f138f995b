"""Where tasks run: each queue has one executor, named in SCHEDULING["QUEUES"]."""

from scheduling.conf import Lane
from scheduling.executors.base import Executor
from scheduling.executors.processes import ProcessExecutor
from scheduling.executors.threads import ThreadExecutor

EXECUTORS: dict[str, type[Executor]] = {"processes": ProcessExecutor, "threads": ThreadExecutor}


def executor_of(lane: Lane) -> Executor:
    """The executor that the configuration names for a queue."""
    return EXECUTORS[lane.executor](lane.slots)
