"""When the campaign's jobs are due, in arithmetic of its own: what checks the engine shares no code with it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Rhythm(Protocol):
    """A schedule as the columns of a Job, and as a list of moments."""

    @property
    def columns(self) -> dict[str, Any]:
        """The trigger's columns."""

    def due(self, after: datetime, until: datetime) -> list[datetime]:
        """The moments later than `after` and no later than `until`, in order."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Some seconds of every minute, as a cron names them."""

    cron: str
    seconds: frozenset[int]

    @property
    def columns(self) -> dict[str, Any]:
        return {"trigger": "cron", "cron": self.cron, "interval": None}

    def due(self, after: datetime, until: datetime) -> list[datetime]:
        whole = range(int(after.timestamp()) + 1, int(until.timestamp()) + 1)
        return [datetime.fromtimestamp(number, UTC) for number in whole if number % 60 in self.seconds]


@dataclass(frozen=True, slots=True)
class Grid:
    """Every so often, beginning one interval after `anchor`."""

    every: timedelta
    anchor: datetime

    @property
    def columns(self) -> dict[str, Any]:
        return {"trigger": "interval", "cron": "", "interval": self.every}

    def due(self, after: datetime, until: datetime) -> list[datetime]:
        first = max((after - self.anchor) // self.every + 1, 1)
        last = (until - self.anchor) // self.every
        return [self.anchor + number * self.every for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Never:
    """Only by hand."""

    @property
    def columns(self) -> dict[str, Any]:
        return {"trigger": "manual", "cron": "", "interval": None}

    def due(self, after: datetime, until: datetime) -> list[datetime]:
        return []


EVERY_SECOND = Seconds("* * * * * *", frozenset(range(60)))
CRONS = [  # each with the seconds that it means, told by hand
    EVERY_SECOND,
    Seconds("*/2 * * * * *", frozenset(range(0, 60, 2))),
    Seconds("1-59/3 * * * * *", frozenset(range(1, 60, 3))),
    Seconds("10-50/5,7,11 * * * * *", frozenset({10, 15, 20, 25, 30, 35, 40, 45, 50, 7, 11})),
    Seconds("* * * * *", frozenset({0})),
]
