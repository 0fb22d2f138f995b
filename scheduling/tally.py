"""What this process counts for the metrics, in memory, until someone takes it to where it is kept.

Everything in here is a number by a name and its labels, and can only grow: figures of several processes and of past
ones are added up, whatever they count.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Series = tuple[str, ...]  # the name, then the values of its labels
Figures = dict[Series, float]

RUNS = "runs"  # that ended: job, task, state, cause
RUN_SECONDS = "run_seconds"  # that runs have taken: job, task
DURATION = "duration"  # of runs: queue
LATENESS = "lateness"  # of starts: queue
TURN = "turn"  # of the scheduler's loop
DATABASE_ERRORS = "database_errors"  # where: loop or heartbeat
FAILED_TURNS = "failed_turns"

SUM = "_sum"  # beside the buckets of a histogram, what was observed in all
BEYOND = "+Inf"  # the bucket without a limit
BUCKETS: Mapping[str, tuple[float, ...]] = {  # seconds
    DURATION: (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600),
    LATENESS: (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 900, 3600),
    TURN: (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
}
BY_JOB = (RUNS, RUN_SECONDS)
MOST_JOBS = 1000  # with a series of their own; whoever makes a job for each request shall not fill the memory
OTHERS = "(others)"  # the job and task of all beyond


class Tally:
    """Counts what threads tell it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: Figures = {}
        self._keepers = 0

    def count(self, *series: str, by: float = 1) -> None:
        """Let `series` grow."""
        with self._lock:
            self._figures[series] = self._figures.get(series, 0) + by

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """One more value of the histogram `name`."""
        self.count(name, *labels, _bucket(name, seconds))
        self.count(f"{name}{SUM}", *labels, by=max(seconds, 0.0))

    def take(self) -> Figures:
        """All that was counted since this was last asked; whoever takes it must keep it."""
        with self._lock:
            taken, self._figures = self._figures, {}
        return taken

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Meanwhile someone in this process takes the figures from time to time."""
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1

    @property
    def has_keeper(self) -> bool:
        return self._keepers > 0


tally = Tally()


def added(to: Figures, more: Figures) -> Figures:
    """The sums of both, `to` being changed; jobs beyond the first thousand share a series."""
    known = {series[1:3] for series in to if series[0] in BY_JOB}
    for series, value in more.items():
        if series[0] in BY_JOB and series[1:3] not in known:
            if len(known) >= MOST_JOBS:
                series = (series[0], OTHERS, OTHERS, *series[3:])
            else:
                known.add(series[1:3])
        to[series] = to.get(series, 0) + value
    return to


def as_rows(figures: Figures) -> list[list[Any]]:
    """As JSON: a list for each series, its value last."""
    return [[*series, round(value, 6)] for series, value in sorted(figures.items())]


def from_rows(rows: Iterable[Any]) -> Figures:
    """What `as_rows` made; what is none of it, as another version may have left it, is passed over."""
    found: Figures = {}
    for row in rows:
        if isinstance(row, list) and len(row) > 1 and isinstance(row[-1], int | float):
            series = tuple(map(str, row[:-1]))
            found[series] = found.get(series, 0) + row[-1]
    return found


def _bucket(name: str, seconds: float) -> str:
    limits = BUCKETS[name]
    place = bisect_left(limits, seconds)
    return f"{limits[place]:g}" if place < len(limits) else BEYOND
