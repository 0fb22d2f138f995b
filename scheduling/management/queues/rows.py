"""What each queue holds: one table, for `scheduler status` and `queues list`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from rich.table import Table
from rich.text import Text

from scheduling.conf import Lane, options
from scheduling.loads import loads
from scheduling.management.telling import NOTHING, away, table
from scheduling.models import Execution, Queue


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue holds."""

    name: str
    lane: Lane | None  # None: it is not configured
    places: int  # of the schedulers at work
    running: int
    due: int  # wait for a place
    later: int  # wait for their time
    oldest: datetime | None  # since when the first of those that are due waits
    held: Queue | None  # if it is paused


def found(now: datetime) -> list[Load]:
    """Of the configured queues, and of those in which something waits or runs all the same."""
    due = Execution.objects.queued().due(now).order_by().values_list("queue")
    waiting = {name: (count, oldest) for name, count, oldest in due.annotate(Count("id"), Min("run_after"))}
    held = {queue.pk: queue for queue in Queue.objects.paused()}
    lanes = options()
    queues = []
    for name, load in loads(now).items():
        count, oldest = waiting.get(name, (0, None))
        later = max(load.waiting - count, 0)  # counted a little earlier
        queues.append(
            Load(name, lanes.lane(name), load.places, load.running, count, later, oldest, held.get(name)),
        )
    return queues


def drawn(queues: Sequence[Load], now: datetime, *, at_work: bool) -> Table:
    """For people; `at_work` says whether a scheduler is, so that a queue without places is an oddity."""
    columns = ("Queue", "Executor", "Running", "Waiting", "Later", "Oldest", "")
    made = table(*columns, wraps=("",), right=("Running", "Waiting", "Later"))
    for load in queues:
        made.add_row(
            Text(load.name, "bold"),
            f"{load.lane.executor} ({load.lane.slots})" if load.lane else NOTHING,
            f"{load.running} of {load.places}",
            f"{load.due:,}",
            f"{load.later:,}",
            away(load.oldest, now),
            Text(*_standing(load, now, at_work=at_work)),
        )
    return made


def as_json(load: Load) -> dict[str, Any]:
    return {
        "name": load.name,
        "executor": load.lane and load.lane.executor,
        "slots": load.lane and load.lane.slots,
        "places": load.places,
        "running": load.running,
        "due": load.due,
        "later": load.later,
        "oldest_due": load.oldest,
        "paused_at": load.held and load.held.paused_at,
        "paused_until": load.held and load.held.paused_until,
        "paused_by": load.held and load.held.paused_by,
        "paused_reason": load.held and load.held.paused_reason,
    }


def _standing(load: Load, now: datetime, *, at_work: bool) -> tuple[str, str]:
    """What keeps a queue from going on, and its colour."""
    if load.held:
        said = f": {load.held.paused_reason}" if load.held.paused_reason else ""
        return f"paused {away(load.held.paused_at, now)} by {load.held.paused_by or 'the system'}{said}", "yellow"
    if load.lane is None:
        return "not configured", "red"
    if at_work and not load.places:
        return "no scheduler serves it", "red"
    return "" if load.places else NOTHING, "dim"
