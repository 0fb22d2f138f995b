"""What is looked at: the rows of this installation, each asked for once, when it is wanted first."""

from collections import Counter
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from django.db.models import Count, Min
from django.utils import timezone

from scheduling.clocks import on_clock
from scheduling.health import Health, health
from scheduling.models import Execution, Job, Queue, Worker
from scheduling.planning import spoken
from scheduling.store.workers import LIVING


class Waiting(NamedTuple):
    """Runs that are due and wait, of one job (or of none) in one queue."""

    queue: str
    job: str | None
    max_instances: int | None
    runs: int
    since: datetime
    first: int  # id of one of them


class Sight:
    """The installation as it is at `now`, a moment on the database's clock."""

    def __init__(self, now: datetime, behind: timedelta = timedelta()) -> None:
        self.now = now
        self.behind = behind  # by how much this host's clock is behind the database's

    def ago(self, moment: datetime) -> str:
        """ "since Sun 2026-11-22 07:10:00 UTC (12 min)"."""
        local = on_clock(moment, timezone.get_default_timezone())
        return f"since {local:%a %Y-%m-%d %H:%M:%S %Z} ({self.span(moment)})"

    def span(self, moment: datetime) -> str:
        """How long ago that is, to the second."""
        return spoken(timedelta(seconds=round(max(self.now - moment, timedelta()).total_seconds())))

    @cached_property
    def workers(self) -> list[Worker]:
        """Those that live by their own word."""
        return list(Worker.objects.filter(state__in=LIVING).order_by("started_at"))

    @cached_property
    def at_work(self) -> list[Worker]:
        return self.who(Health.ALIVE)

    def who(self, how: Health) -> list[Worker]:
        return [worker for worker in self.workers if health(worker, self.now) is how]

    @cached_property
    def served(self) -> set[str]:
        """The queues of which something may start."""
        return {name for worker in self.at_work for name in worker.queues}

    @cached_property
    def jobs(self) -> list[Job]:
        wanted = ("id", "task", "queue", "timezone", "exclusive", "parked_reason", "paused_at", "next_run_time")
        return list(Job.objects.only(*wanted).order_by("id"))

    @cached_property
    def paused_queues(self) -> dict[str, Queue]:
        return {queue.pk: queue for queue in Queue.objects.paused()}

    @cached_property
    def waiting(self) -> list[Waiting]:
        """What is due and has not started."""
        due = Execution.objects.queued().due(self.now).order_by().values_list("queue", "job_id", "max_instances")
        return [Waiting(*row) for row in due.annotate(Count("id"), Min("run_after"), Min("id"))]

    @cached_property
    def going(self) -> "Counter[str]":
        """How many runs of each job are running."""
        running = Execution.objects.running().filter(job__isnull=False).order_by().values_list("job_id")
        return Counter(dict(running.annotate(Count("id"))))
