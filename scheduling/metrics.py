"""What Prometheus is shown: the figures that all workers have counted, and how things stand in the database now."""

import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from math import isinf

from django import get_version
from django.db import connection
from django.db.models import Count, Max, Min, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from scheduling import tally
from scheduling.conf import options
from scheduling.health import Health, health
from scheduling.models import Backfill, Cause, Execution, Job, Queue, State, Worker
from scheduling.store.figures import total
from scheduling.store.workers import LIVING
from scheduling.tally import BEYOND, BUCKETS, SUM, Figures

COUNTERS = {
    tally.RUNS: (
        "rota_runs",
        "Runs that ended, and due moments that had none; one that failed is retried while a further attempt follows, "
        "and one that a deploy has ended is interrupted.",
        ("job", "task", "state", "cause"),
    ),
    tally.RUN_SECONDS: ("rota_run_seconds", "How long runs have taken, in all.", ("job", "task")),
    tally.DATABASE_ERRORS: ("rota_database_errors", "Times that the database did not answer a scheduler.", ("where",)),
    tally.FAILED_TURNS: ("rota_loop_failed_turns", "Turns of a scheduler's loop that an error of its own ended.", ()),
}
AWAITED = (  # states and causes that someone may want to be called for
    *((str(state), "") for state in (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.LOST)),
    (str(State.SKIPPED), str(Cause.MISSED)),
)
HISTOGRAMS = {
    tally.DURATION: ("rota_run_duration_seconds", "How long a run took, from start to end.", ("queue",)),
    tally.LATENESS: (
        "rota_run_lateness_seconds",
        "How long after its moment, or after it was asked for, a run started.",
        ("queue",),
    ),
    tally.TURN: ("rota_loop_turn_seconds", "How long a turn of a scheduler's loop took, without its sleep.", ()),
}


def exposition(accept: str, now: datetime) -> tuple[bytes, str]:
    """All metrics as of `now` in the format that the Accept header asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(RotaCollector(now))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class RotaCollector(Collector):
    """Looks once, when it is asked."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        figures = _with_zeros(total())
        for name in COUNTERS:
            yield _counter(name, figures)
        for name in HISTOGRAMS:
            yield _histogram(name, figures)
        for look in LOOKS:
            yield from look(self.now)


def _with_zeros(figures: Figures) -> Figures:
    """Also what has not happened yet: to Prometheus a series that begins with one has never risen."""
    ran = {series[1:3] for series in figures if series[0] == tally.RUNS}
    pairs = {*ran, *Job.objects.order_by("pk").values_list("pk", "task")[: tally.MOST_JOBS]}
    zeros: Figures = {(tally.RUNS, *pair, *end): 0 for pair in pairs for end in AWAITED}
    return {**zeros, **{(tally.DATABASE_ERRORS, where): 0 for where in ("heartbeat", "loop")}, **figures}


def _counter(name: str, figures: Figures) -> Metric:
    family = CounterMetricFamily(*COUNTERS[name][:2], labels=COUNTERS[name][2])
    if not COUNTERS[name][2]:
        family.add_metric([], figures.get((name,), 0))
    for (kind, *labels), value in sorted(figures.items()):
        if kind == name and len(labels) == len(COUNTERS[name][2]) > 0:
            family.add_metric(labels, value)
    return family


def _histogram(name: str, figures: Figures) -> Metric:
    """Its buckets, each with what is in the smaller ones; a limit of another version goes to the next of ours."""
    family = HistogramMetricFamily(*HISTOGRAMS[name][:2], labels=HISTOGRAMS[name][2])
    counts: defaultdict[tuple[str, ...], Counter[float]] = defaultdict(Counter)
    for (kind, *labels), value in figures.items():
        if kind == name:
            counts[tuple(labels[:-1])][float(labels[-1])] += int(value)
    if not HISTOGRAMS[name][2]:
        counts.setdefault((), Counter())
    for labelled, by_limit in sorted(counts.items()):
        buckets = [
            (BEYOND if isinf(limit) else str(float(limit)), sum(n for at, n in by_limit.items() if at <= limit))
            for limit in (*BUCKETS[name], float(BEYOND))
        ]
        family.add_metric(labelled, buckets, sum_value=figures.get((f"{name}{SUM}", *labelled), 0))
    return family


def _waiting(now: datetime) -> Iterator[Metric]:
    due, oldest = Count("id", filter=Q(run_after__lte=now)), Min("run_after")
    rows = Execution.objects.queued().order_by().values("queue").annotate(count=Count("id"), due=due, oldest=oldest)
    running = Execution.objects.running().order_by().values("queue").annotate(count=Count("id"))
    found = {row["queue"]: (row["count"], row["due"], row["oldest"]) for row in rows}
    going = {row["queue"]: row["count"] for row in running}
    depth = GaugeMetricFamily(
        "rota_queue_runs",
        "Runs that have not ended: due ones may start now, those for later wait for their time.",
        labels=("queue", "state"),
    )
    age = GaugeMetricFamily(
        "rota_queue_oldest_due_seconds", "For how long the oldest run that may start has waited.", labels=("queue",)
    )
    for queue in sorted(_configured() | found.keys() | going.keys()):
        count, may_start, first = found.get(queue, (0, 0, now))
        depth.add_metric((queue, "due"), may_start)
        depth.add_metric((queue, "later"), count - may_start)
        depth.add_metric((queue, "running"), going.get(queue, 0))
        age.add_metric((queue,), max((now - first).total_seconds(), 0.0))
    yield from (depth, age)


def _places(now: datetime) -> Iterator[Metric]:
    slots, held = _slots(now), set(Queue.objects.paused().values_list("name", flat=True))
    places = GaugeMetricFamily("rota_queue_slots", "Places for runs, of all living schedulers.", labels=("queue",))
    paused = GaugeMetricFamily("rota_queue_paused", "1 while nothing of the queue starts.", labels=("queue",))
    for queue in sorted(_configured() | slots.keys() | held):
        places.add_metric((queue,), slots[queue])
        paused.add_metric((queue,), queue in held)
    yield from (places, paused)


def _configured() -> set[str]:
    return {lane.name for lane in options().queues}


def _slots(now: datetime) -> Counter[str]:
    found: Counter[str] = Counter()
    for worker in Worker.objects.filter(state__in=LIVING).defer("figures"):
        if health(worker, now) is Health.ALIVE:
            found.update({name: int(slots) for name, slots in worker.queues.items()})
    return found


def _workers(now: datetime) -> Iterator[Metric]:
    states = Counter(health(worker, now) for worker in Worker.objects.filter(state__in=LIVING).defer("figures"))
    workers = GaugeMetricFamily(
        "rota_workers", "Schedulers that have not ended; an alive one beats, and its loop turns.", labels=("state",)
    )
    for state in (Health.ALIVE, Health.STALLED, Health.SILENT, Health.STOPPING):
        workers.add_metric((state.value,), states[state])
    yield workers
    turn = GaugeMetricFamily(
        "rota_loop_last_turn_seconds", "Since when no loop of any scheduler has turned; none if none ever did."
    )
    last = Worker.objects.aggregate(last=Max("turned_at"))["last"]
    if last is not None:
        turn.add_metric([], max((now - last).total_seconds(), 0.0))
    yield turn


def _jobs(now: datetime) -> Iterator[Metric]:
    parked, paused = ~Q(parked_reason=""), Q(parked_reason="", paused_at__isnull=False)
    firing = Q(next_run_time__isnull=False)
    counts = Job.objects.aggregate(
        parked=Count("pk", filter=parked), paused=Count("pk", filter=paused), armed=Count("pk", filter=firing)
    )
    jobs = GaugeMetricFamily(
        "rota_jobs", "Jobs that fire by themselves, and those that a pause or a fault keeps from it.", labels=("state",)
    )
    for state, count in counts.items():
        jobs.add_metric((state,), count)
    yield jobs
    held = Queue.objects.paused().values("name")
    due = Job.objects.armed().exclude(queue__in=held).aggregate(first=Min("next_run_time"))["first"] or now
    yield GaugeMetricFamily(
        "rota_next_due_lag_seconds",
        "How long ago a moment was due for which no scheduler has decided yet; 0 if there is none.",
        max((now - due).total_seconds(), 0.0),
    )
    yield GaugeMetricFamily("rota_backfills", "Backfills that go on.", Backfill.objects.going().count())


def _build(now: datetime) -> Iterator[Metric]:
    labels = {
        "version": options().version,
        "instance_name": options().instance,
        "database": connection.vendor,
        "django": get_version(),
        "python": platform.python_version(),
    }
    build = GaugeMetricFamily("rota_build_info", "What runs here.", labels=tuple(labels))
    build.add_metric(tuple(labels.values()), 1)
    yield build


LOOKS: tuple[Callable[[datetime], Iterator[Metric]], ...] = (_waiting, _places, _workers, _jobs, _build)
