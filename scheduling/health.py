"""Whether a worker lives, by what it last said of itself."""

import enum
from datetime import datetime, timedelta

from scheduling.conf import options
from scheduling.models import Worker, WorkerState


class Health(enum.StrEnum):
    ALIVE = "alive"
    SILENT = "silent"  # says that it lives, but has not been heard of
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEAD = "dead"


def health(worker: Worker, now: datetime) -> Health:
    """What the worker's row and the age of its heartbeat say together."""
    if worker.state not in (WorkerState.ALIVE, WorkerState.STOPPING):
        return Health(worker.state)
    if now - worker.heartbeat_at > timedelta(seconds=options().stale_after):
        return Health.SILENT
    return Health(worker.state)
