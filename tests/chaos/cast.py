"""The campaign's jobs, of every policy, and the orders that are given to them while it goes on."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils import timezone

from scheduling import store
from scheduling.models import OPEN, Execution, Job, Overlap, Queue
from scheduling.planning import Missed
from tests.chaos.evidence import Span, Story
from tests.chaos.rhythms import CRONS, EVERY_SECOND, Grid, Never, Rhythm

BY = "chaos"
PATIENCE = 120.0  # seconds for the database to answer again
PAUSED_AT_ONCE = 4
A_WHILE = timedelta(seconds=4)
QUEUES = ("light", "default")
LIGHT, HEAVY = 40, 6  # jobs in threads and in processes

POLICIES = list(
    product(Overlap.values, (True, False), (1, 2), (True, False))
)  # overlap, coalesce, instances, idempotent
GRACES = [None, timedelta(minutes=15), timedelta(seconds=5)]
BRIEF, SECONDS = 0.03, [0.0, 0.03, 0.1, 0.4]  # of a run, on average
INTERVALS = [timedelta(seconds=1), timedelta(seconds=2.5)]


class Cast:
    """Makes the jobs, steers them, and remembers what it told them."""

    def __init__(self, chance: random.Random, effects: str) -> None:
        self.chance = chance
        self.effects = effects
        self.stories: dict[str, Story] = {}
        self.paused: list[str] = []
        self.steered = 0

    def enter(self) -> None:
        """Create all jobs."""
        names = [("light", number) for number in range(LIGHT)] + [("default", number) for number in range(HEAVY)]
        for queue, number in names:
            now = timezone.now()
            rhythm = self._rhythm(now, often=queue == "light" and number < LIGHT * 0.8)
            job = self._job(f"{queue}-{number:02}", queue, number, rhythm)
            store.create(job, by=BY, now=now)
            self.stories[job.pk] = Story(job.pk, [Span(rhythm, now)])

    def leave(self) -> None:
        """Let nothing become due any more."""
        for name in QUEUES:
            insist(lambda name=name: store.resume_queue(Queue(name=name), by=BY, now=timezone.now()))  # type: ignore[misc]
        for job in list(self.paused):
            self._resume(job, Missed.NONE)
        for job in self.stories:
            self._follow(job, Never(), timezone.now())

    def steer(self) -> None:
        """One order at random, as staff would give it."""
        orders = [self._pause, self._pause_queue, self._change, self._cancel, self._enqueue]
        if len(self.paused) >= PAUSED_AT_ONCE or (self.paused and self.chance.random() < 0.3):
            self._resume(self.chance.choice(self.paused), Missed(self.chance.choice(Missed.values)))
        else:
            self.chance.choice(orders)()
        self.steered += 1

    def _job(self, name: str, queue: str, number: int, rhythm: Rhythm) -> Job:
        overlap, coalesce, instances, idempotent = POLICIES[number % len(POLICIES)]
        brief = overlap == Overlap.QUEUE_ALL  # or what has queued up would take longer than the campaign
        work = {"seconds": BRIEF if brief else self.chance.choice(SECONDS), "failing": 0.05, "hanging": 0.005}
        return Job(
            id=name,
            name=name,
            task="tests.chaos.tasks.work",
            arguments={"path": self.effects, **work},
            queue=queue,
            overlap=overlap,
            coalesce=coalesce,
            max_instances=instances,
            idempotent=idempotent,
            max_attempts=self.chance.choice([1, 1, 3]),
            backoff=timedelta(seconds=0.5),
            timeout=timedelta(seconds=2),
            misfire_grace_time=self.chance.choice(GRACES),
            priority=self.chance.choice([-10, 0, 10]),
            **rhythm.columns,
        )

    def _rhythm(self, now: datetime, *, often: bool) -> Rhythm:
        if often:
            return EVERY_SECOND
        rhythms: list[Rhythm] = [*CRONS, *(Grid(every, now) for every in INTERVALS)]
        return self.chance.choice(rhythms)

    def _follow(self, job_id: str, rhythm: Rhythm, now: datetime) -> None:
        """Change the schedule; one that the job has already is no change, and leaves its grid where it was."""
        if rhythm.columns == self.stories[job_id].spans[-1].rhythm.columns:
            return
        insist(lambda: store.change(_with(job_id, rhythm), rhythm.columns, by=BY, now=now))
        last = self.stories[job_id].spans[-1]
        last.until, last.settled = now, timezone.now() + timedelta(seconds=1)
        self.stories[job_id].spans.append(Span(rhythm, now))

    def _change(self) -> None:
        """Another rhythm, for a paused job as well."""
        now = timezone.now()
        self._follow(self.chance.choice(sorted(self.stories)), self._rhythm(now, often=self.chance.random() < 0.7), now)

    def _pause(self) -> None:
        job = self.chance.choice([job for job in self.stories if job not in self.paused])
        now = timezone.now()
        until = self.chance.choice([None, now + A_WHILE])
        insist(lambda: store.pause(Job.objects.get(pk=job), by=BY, now=now, until=until))
        self.paused.append(job)

    def _resume(self, job: str, missed: Missed) -> None:
        """Let a job go on, unless its pause has ended by itself."""
        now = timezone.now()
        insist(lambda: store.resume(Job.objects.get(pk=job), by=BY, now=now, missed=missed))
        self.paused.remove(job)

    def _pause_queue(self) -> None:
        """For a while, which the schedulers end."""
        now = timezone.now()
        queue = Queue(name=self.chance.choice(QUEUES))
        insist(lambda: store.pause_queue(queue, by=BY, now=now, until=now + A_WHILE))

    def _cancel(self) -> None:
        for run in insist(lambda: list(Execution.objects.filter(state__in=OPEN).order_by("-id")[:3])):
            insist(lambda run=run: store.cancel(run, by=BY, now=timezone.now()))  # type: ignore[misc]

    def _enqueue(self) -> None:
        for job in self.chance.sample(sorted(self.stories), 3):
            insist(lambda job=job: store.enqueue(Job.objects.get(pk=job), now=timezone.now(), by=BY))  # type: ignore[misc]


def _with(job_id: str, rhythm: Rhythm) -> Job:
    job = Job.objects.get(pk=job_id)
    for name, value in rhythm.columns.items():
        setattr(job, name, value)
    return job


def insist[T](verb: Callable[[], T]) -> T:
    """What `verb` gives as soon as the database answers: an order given twice for one `now` is obeyed once."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return verb()
        except DatabaseFailure:
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
