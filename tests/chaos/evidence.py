"""What a campaign leaves behind, as plain values: what the jobs were told, what the ledger says, what the tasks did."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.chaos.effects import Effect
from tests.chaos.rhythms import Rhythm


@dataclass(slots=True)
class Span:
    """While a job followed a rhythm: its moments after `since` and up to `until` are due.

    Between `until` and `settled` the order to change was on its way, and a scheduler may still have gone by
    the old rhythm.
    """

    rhythm: Rhythm
    since: datetime
    until: datetime | None = None
    settled: datetime | None = None


@dataclass(slots=True)
class Story:
    """A job as the campaign made it, and what became of its schedule."""

    job: str
    spans: list[Span] = field(default_factory=list)

    def due(self, now: datetime) -> list[datetime]:
        """The moments that must be accounted for at `now`."""
        moments = [moment for span in self.spans for moment in span.rhythm.due(span.since, span.until or now)]
        return sorted(set(moments))

    def tolerated(self) -> set[datetime]:
        """The moments that may have been fired besides, while an order was on its way."""
        found: set[datetime] = set()
        for span in self.spans:
            if span.until and span.settled:
                found.update(span.rhythm.due(span.until, span.settled))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of the ledger."""

    id: int
    job: str
    moment: datetime | None
    missed: int = 0  # further moments for which the row stands
    state: str = "succeeded"
    why: str = "schedule"
    root: int | None = None
    attempt: int = 1
    fence: int = 1
    begun: bool = True  # a worker has had it
    cancelled: bool = False  # someone has asked for that
    idempotent: bool = False
    max_attempts: int = 1
    max_instances: int | None = 1

    @property
    def chain(self) -> int:
        """The first attempt of those to which it belongs."""
        return self.root or self.id


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the checker goes by."""

    stories: list[Story]
    runs: list[Run]  # at the end, when nothing moved any more
    effects: list[Effect]  # in the order in which they were written
    ended: datetime  # the last moment that must be accounted for
    wall: float = 0.0  # seconds from CLOCK_MONOTONIC to the time of day
    seen: dict[int, Run] = field(default_factory=dict)  # final rows as they were met during the campaign
    workers: list[str] = field(default_factory=list)  # said to live after the end of all
