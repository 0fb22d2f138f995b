"""Workers: their start, heartbeat and end, and the rescue of what a dead one held."""

import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psutil
from django.db import transaction
from django.db.models import F

from scheduling.conf import options
from scheduling.models import Cause, Execution, State, Worker, WorkerState
from scheduling.states import RESCUE
from scheduling.store.batch import announce, contested, insert_rows
from scheduling.store.finish import rescued
from scheduling.store.moves import move

INTERRUPTED = "Interrupted by deploy: its scheduler was stopped."
LIVING = (WorkerState.ALIVE, WorkerState.STOPPING)


def boot_id() -> str:
    """Where a pid means the same process as here: this start of this kernel, and on it this container.

    On Linux random(4) and pid_namespaces(7) tell; elsewhere the host's name stands for both.
    """
    if sys.platform != "linux":
        return socket.gethostname()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def process_start(pid: int) -> float:
    """When that process started, in seconds that no setting of a clock moves. Raises psutil.NoSuchProcess."""
    if sys.platform != "linux":
        return psutil.Process(pid).create_time()
    try:
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), the name being the second


def register(queues: dict[str, int], now: datetime) -> Worker:
    """A row for this process, as a new worker."""
    return Worker.objects.create(
        host=socket.gethostname(),
        pid=os.getpid(),
        pid_started=process_start(os.getpid()),
        boot_id=boot_id(),
        version=options().version,
        queues=queues,
        slots=sum(queues.values()),
        heartbeat_at=now,
        turned_at=now,
        started_at=now,
    )


def heartbeat(worker: UUID, *, turned_at: datetime, running: int, now: datetime) -> bool:
    """Say that `worker` lives; False when it has been declared dead and must stop."""
    return bool(
        Worker.objects.filter(pk=worker, state__in=LIVING).update(
            heartbeat=F("heartbeat") + 1, heartbeat_at=now, turned_at=turned_at, running=running
        )
    )


def stopping(worker: UUID) -> None:
    """`worker` takes no new runs."""
    Worker.objects.filter(pk=worker, state=WorkerState.ALIVE).update(state=WorkerState.STOPPING)


@contested
def retire(worker: UUID, now: datetime) -> None:
    """`worker` has ended well; what still bears its name is given up as lost."""
    with transaction.atomic():
        if Worker.objects.filter(pk=worker, state__in=LIVING).update(
            state=WorkerState.STOPPED, stopped_at=now, running=0
        ):
            _give_up(worker, INTERRUPTED, now, Cause.INTERRUPTED)


@contested
def rescue(worker: Worker, now: datetime, *, why: str) -> list[Execution] | None:
    """Declare `worker` dead and take over its runs; None when it moved meanwhile, or someone was first.

    Each of its runs becomes LOST, and those of idempotent tasks are queued again. Returns the lost runs.
    """
    with transaction.atomic():
        as_seen = Worker.objects.filter(pk=worker.pk, state__in=LIVING, heartbeat=worker.heartbeat)
        if not as_seen.update(state=WorkerState.DEAD, stopped_at=now, running=0):
            return None
        return _give_up(worker.pk, f"Lost: its worker {worker} {why}.", now)


def _give_up(worker: UUID, reason: str, now: datetime, cause: str = "") -> list[Execution]:
    lost = list(Execution.objects.running().select_for_update().filter(worker=worker))
    rows = Execution.objects.filter(pk__in=[row.pk for row in lost])
    move(rows, RESCUE, State.LOST, cause=cause, reason=reason, finished_at=now, instance=None)
    again = [run for row in lost if (run := rescued(row, now)) is not None]
    insert_rows(again)
    announce()
    return lost
