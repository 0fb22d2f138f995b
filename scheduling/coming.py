"""The coming moments of a schedule, each with what clocks and calendars have to say about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduling import crontab, triggers
from scheduling.calendars import load
from scheduling.clocks import SECOND
from scheduling.planning import spoken
from scheduling.triggers import Kind, Schedule, shown_in


@dataclass(frozen=True, slots=True)
class Coming:
    """One moment of a schedule."""

    at: datetime
    local: datetime  # on the clock of the schedule
    notes: tuple[str, ...]
    runs: bool  # False: a calendar excludes it


def coming(schedule: Schedule, calendars: Sequence[str], count: int, after: datetime) -> Iterator[Coming]:
    """The next `count` moments after `after`. Raises InvalidTrigger."""
    loaded = load(calendars)
    before = shown_in(schedule, after)
    for moment in triggers.preview(schedule, count, after):
        local = shown_in(schedule, moment)
        excluded = loaded.excludes(list(calendars), moment)
        notes = [*_of_clocks(schedule, before, local), *([f"skipped: {excluded}"] if excluded else [])]
        yield Coming(moment, local, tuple(notes), runs=not excluded)
        before = local


def _of_clocks(schedule: Schedule, before: datetime, local: datetime) -> Iterator[str]:
    """What a change of the clocks does to the moment `local`, after the one `before`."""
    change = (local.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    if change:
        yield f"the clocks have gone {'forward' if change > timedelta() else 'back'} by {spoken(abs(change))}"
    if schedule.kind is not Kind.CRON:
        return
    wall = local.replace(tzinfo=None, fold=0)
    expression = crontab.read(schedule.cron)
    if next(expression.within(wall, wall + SECOND), None) is None:
        yield "in place of a time that the clocks skip"
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset() and not _is_gap(local):
        yield f"{local:%H:%M} comes twice: this is the {'second' if local.fold else 'first'}" + (
            ", and the only run" if expression.fixed else ""
        )


def _is_gap(local: datetime) -> bool:
    """Whether the two readings of a wall are those of one that is skipped."""
    return (local.replace(fold=0).utcoffset() or timedelta()) < (local.replace(fold=1).utcoffset() or timedelta())
