"""How full each queue is, and who serves it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count

from scheduling.conf import options
from scheduling.health import turning
from scheduling.models import OPEN, Execution, Job, State


@dataclass(slots=True)
class Load:
    """What happens in one queue."""

    places: int = 0
    workers: int = 0
    jobs: int = 0
    runs: Mapping[str, int] = field(default_factory=dict)  # by state

    @property
    def running(self) -> int:
        return self.runs.get(State.RUNNING, 0)

    @property
    def waiting(self) -> int:
        return self.runs.get(State.QUEUED, 0)


def loads(now: datetime) -> dict[str, Load]:
    """The load of each queue by its name, in three queries."""
    found: dict[str, Load] = {lane.name: Load() for lane in options().queues}
    for worker in turning(now):
        for name, slots in worker.queues.items():
            load = found.setdefault(name, Load())
            load.workers, load.places = load.workers + 1, load.places + slots
    runs = Execution.objects.filter(state__in=OPEN).order_by().values("queue", "state").annotate(count=Count("id"))
    counted: dict[str, Counter[str]] = {}
    for row in runs:
        counted.setdefault(row["queue"], Counter())[row["state"]] += row["count"]
    jobs = dict(Job.objects.order_by().values_list("queue").annotate(Count("id")))
    for name in {*counted, *jobs} - set(found):  # of a queue that is not configured any more
        found[name] = Load()
    for name, load in found.items():
        load.runs, load.jobs = counted.get(name, Counter()), jobs.get(name, 0)
    return found
