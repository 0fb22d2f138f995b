"""The schedule that a job had at some time, and its moments around one."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from scheduling.clocks import ONE_DAY
from scheduling.exceptions import SchedulingError
from scheduling.explain.answers import quoted
from scheduling.models import Change, Job
from scheduling.store.jobs import TRIGGER_FIELDS
from scheduling.triggers import TICK, Kind, Schedule, describe, moments_between, next_after

REACHES = (ONE_DAY, 32 * ONE_DAY, 366 * ONE_DAY, 8 * 366 * ONE_DAY)  # how far back is looked, step by step


@dataclass(frozen=True, slots=True)
class Then:
    """A schedule as it was, and the first change of it since; None where it names no moments, or did not change."""

    schedule: Schedule | None
    changed: Change | None

    @property
    def words(self) -> str:
        return quoted(describe(self.schedule)) if self.schedule else "which names none"

    def names(self, moment: datetime) -> bool:
        return self.next(moment - TICK) == moment

    def next(self, moment: datetime) -> datetime | None:
        """The first moment after this one."""
        return next_after(self.schedule, moment) if self.schedule else None

    def last(self, moment: datetime, earliest: datetime) -> datetime | None:
        """The latest moment up to this one; None when there is none since `earliest`."""
        if self.schedule is None:
            return None
        for reach in REACHES:
            first = max(earliest, moment - reach)
            if first <= moment and (found := moments_between(self.schedule, first, moment, 1)[0]):
                return found[-1]
        return None


def schedule_at(job: Job, moment: datetime, changes: QuerySet[Change]) -> Then:
    """The schedule of `job` as it was at `moment`, by its `changes`."""
    columns = {name: getattr(job, name) for name in TRIGGER_FIELDS}
    changed = None
    since = changes.filter(action="changed", at__gt=max(moment, job.created_at))
    for change in since.order_by("-id"):
        if touched := _touched(change):
            changed = change
            columns |= {name: _value(name, change.fields[name][0]) for name in touched}
    anchor = _anchor(job, changed.at, changes) if changed else job.anchored_at
    return Then(_usable(columns, anchor), changed)


def _usable(columns: dict[str, object], anchor: datetime) -> Schedule | None:
    named = {name: value for name, value in columns.items() if name != "trigger"}
    try:
        schedule = Schedule(Kind(columns["trigger"]), anchor=anchor, **named)  # type: ignore[arg-type]
        next_after(schedule, anchor)
    except (SchedulingError, ValueError):  # a schedule that cannot be read names no moments
        return None
    return None if schedule.kind is Kind.MANUAL else schedule


def _anchor(job: Job, before: datetime, changes: QuerySet[Change]) -> datetime:
    """Where the grid of an interval started: with the change of the schedule before that one."""
    earlier = changes.filter(action="changed", at__lt=before, at__gte=job.created_at)
    return next((change.at for change in earlier.order_by("-id") if _touched(change)), job.created_at)


def _touched(change: Change) -> list[str]:
    return [name for name in TRIGGER_FIELDS if name in change.fields]


def _value(name: str, stored: object) -> object:
    """What a change keeps as JSON, as the column has it."""
    return Job._meta.get_field(name).to_python(stored)  # type: ignore[union-attr]
