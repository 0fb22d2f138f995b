"""Would it fire at the same moments? What the old scheduler would do in the coming days, beside what Rota will."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from scheduling.transfer.takeover import Drafted
from scheduling.triggers import TICK, Schedule, next_after

MOST = 50_000  # moments of one job; a comparison ends there


@dataclass(frozen=True, slots=True)
class Compared:
    """The moments of one job in both schedulers, in order."""

    draft: Drafted
    there: tuple[datetime, ...]
    here: tuple[datetime, ...]
    until: datetime  # as far as both were counted

    @property
    def moments(self) -> list[tuple[datetime, bool, bool]]:
        """Each moment of either: whether it fires there, and whether here."""
        there, here = set(self.there), set(self.here)
        return [(moment, moment in there, moment in here) for moment in sorted(there | here)]

    @property
    def only_there(self) -> int:
        return len(set(self.there) - set(self.here))

    @property
    def only_here(self) -> int:
        return len(set(self.here) - set(self.there))

    @property
    def same(self) -> bool:
        return self.there == self.here


def compare(draft: Drafted, first: datetime, days: int) -> Compared:
    """The moments from `first` on, for so many days. Both know no pause, no calendar and no chance."""
    until = first + timedelta(days=days)
    there = list(islice(draft.found.moments(first, until), MOST)) if draft.found.moments else []
    here = list(islice(_ours(draft.job_row.schedule, first, until), MOST))
    until = min([until, *(moments[-1] + TICK for moments in (there, here) if len(moments) == MOST)])
    there, here = ([moment for moment in moments if moment < until] for moments in (there, here))
    return Compared(draft, tuple(there), tuple(here), until)


def _ours(schedule: Schedule, first: datetime, until: datetime) -> Iterator[datetime]:
    moment = next_after(schedule, first - TICK)
    while moment and moment < until:
        yield moment
        moment = next_after(schedule, moment)
