"""What an explanation is, and how it tells moments and spans."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from django.db.models import QuerySet

from scheduling.clocks import on_clock, zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Change, Execution, ExecutionQuerySet, Job
from scheduling.planning import spoken
from scheduling.tenants import Person, tenants_of


class Tone(enum.StrEnum):
    """How an operator should take it."""

    GOOD = "good"
    OPEN = "open"  # not decided yet: it waits, or runs
    NOTABLE = "notable"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and the sentences that give its grounds and what an operator can do."""

    verdict: str  # in a few words, without a full stop
    tone: Tone
    sentences: tuple[str, ...]
    moment: datetime | None = None  # the due moment that it speaks of
    executions: tuple[int, ...] = ()  # the runs that the sentences call #id

    def after(self, preface: Iterable[str]) -> "Answer":
        """The same, with some sentences said first."""
        return replace(self, sentences=(*preface, *self.sentences))


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells moments on the clock of a job, and as seen from `now`; and of rows only those that its listener may see."""

    place: tzinfo
    now: datetime
    to: Person | None = None  # None: the installation itself

    @property
    def is_discreet(self) -> bool:
        """Whether nothing is told of what people of the installation said, and of its hosts."""
        return tenants_of(self.to) is not None

    @property
    def runs(self) -> ExecutionQuerySet:
        return Execution.objects.seen_by(self.to)

    def changes(self, job: Job) -> QuerySet[Change]:
        return Change.objects.of_job(job.pk, self.to)

    def at(self, moment: datetime) -> str:
        """ "Sat 21 Nov 2026 02:00 CET"; the seconds where there are any."""
        local = self.local(moment)
        return f"{local:%a} {local.day} {local:%b %Y} {clock(local)} {local:%Z}"

    def local(self, moment: datetime) -> datetime:
        return on_clock(moment, self.place)

    def since(self, moment: datetime) -> str:
        """ "12 min ago", "in 3 h"."""
        away = moment - self.now
        if abs(away) < timedelta(seconds=1):
            return "now"
        told = span(abs(away))
        return f"in {told}" if away > timedelta() else f"{told} ago"


def teller(job: Job, now: datetime, to: Person | None = None) -> Teller:
    """Of a job whose zone is not known, in UTC."""
    try:
        return Teller(zone(job.timezone), now, to)
    except InvalidTrigger:
        return Teller(UTC, now, to)


def clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def span(value: timedelta) -> str:
    """ "3 min 5 s"; from ten seconds on without fractions."""
    return spoken(value if value < timedelta(seconds=10) else timedelta(seconds=round(value.total_seconds())))


def person(name: str) -> str:
    return name or "the system"


def quoted(words: str) -> str:
    return f"“{words}”"


def because(reason: str) -> str:
    """The reason that somebody gave, to follow a statement; a full stop where none was given."""
    said = reason.strip()
    if not said:
        return "."
    return f": {said}" if said[-1] in ".!?" else f": {said}."
