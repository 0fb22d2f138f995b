"""Workers: their start, heartbeat and end, and the rescue of what a dead one held."""

import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from django.db import transaction
from django.db.models import F

from scheduling.conf import options
from scheduling.models import Cause, Execution, State, Worker, WorkerState
from scheduling.states import RESCUE
from scheduling.store.batch import announce, contested, insert_rows
from scheduling.store.figures import fold, told_losses, with_own
from scheduling.store.finish import rescued
from scheduling.store.moves import move
from scheduling.tally import Figures

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
    fold()
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


def heartbeat(
    worker: UUID, *, turned_at: datetime, running: int, now: datetime, figures: Figures | None = None
) -> bool:
    """Say that `worker` lives, and what it counted if that is new; False when it was declared dead and must stop."""
    said: dict[str, Any] = {"heartbeat_at": now, "turned_at": turned_at, "running": running}
    this = Worker.objects.filter(pk=worker, state__in=LIVING)
    if figures is None:
        return bool(this.update(heartbeat=F("heartbeat") + 1, **said))
    with transaction.atomic():
        return bool(this.update(heartbeat=F("heartbeat") + 1, figures=with_own(worker, figures), **said))


def stopping(worker: UUID) -> None:
    """`worker` takes no new runs."""
    Worker.objects.filter(pk=worker, state=WorkerState.ALIVE).update(state=WorkerState.STOPPING)


@contested
def retire(worker: UUID, now: datetime, figures: Figures | None = None) -> None:
    """`worker` has ended well, having counted `figures`; what still bears its name is given up as lost."""
    with transaction.atomic():
        said: dict[str, Any] = {"state": WorkerState.STOPPED, "stopped_at": now, "running": 0}
        if figures is not None:
            said["figures"] = with_own(worker, figures)
        if Worker.objects.filter(pk=worker, state__in=LIVING).update(**said):
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
    again = {row.pk: run for row in lost if (run := rescued(row, now)) is not None}
    insert_rows(list(again.values()))
    told_losses(lost, cause, again)
    announce()
    return lost
