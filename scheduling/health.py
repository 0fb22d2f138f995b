"""Whether a worker lives and its loop turns, by what it last said of itself."""

import enum
from datetime import datetime, timedelta

from scheduling.conf import options
from scheduling.models import Worker, WorkerState


class Health(enum.StrEnum):
    ALIVE = "alive"
    STALLED = "stalled"  # its heart beats, but its loop does not turn: nothing starts
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
    if worker.state == WorkerState.ALIVE and loop_stalled(worker):
        return Health.STALLED
    return Health(worker.state)


def loop_stalled(worker: Worker) -> bool:
    """Whether its loop stood still at the last heartbeat, which another thread sends.

    Both moments are the worker's own, so that no clock of the beholder has a say. Who is stopping turns no more.
    """
    return worker.heartbeat_at - worker.turned_at > longest_turn()


def longest_turn() -> timedelta:
    """From one turn to the next at most: the longest sleep, and a turn that takes twice as long as a death does."""
    return timedelta(seconds=options().poll + 2 * options().stale_after)


def turning(now: datetime) -> list[Worker]:
    """The schedulers that are at work at `now`: heard of, not stopping, and with a loop that turns."""
    found = Worker.objects.filter(state=WorkerState.ALIVE).order_by("started_at")
    return [worker for worker in found if health(worker, now) is Health.ALIVE]
