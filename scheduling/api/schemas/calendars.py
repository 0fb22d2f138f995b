"""How the API shows calendars, and what one is made of."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Self

from ninja import Schema
from pydantic import Field

from scheduling.api.shapes import Body, Moment, Text, seconds
from scheduling.calendars import Off, holidays_after, windows_after
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Calendar, Job, Window
from scheduling.models.calendars import LONGEST_WINDOW

AHEAD = 10  # times that are excluded next, of each kind
MOST = 200  # windows


class CalendarWindow(Body):
    """A time in which nothing shall run: once, from `start_at` to `end_at`; or each time of a crontab, for so long."""

    name: Text = Field(
        max_length=200, description="What is said of a moment that it excludes.", examples=["Maintenance"]
    )
    start_at: Moment | None = Field(default=None, description="Once: from this moment")
    end_at: Moment | None = Field(default=None, description="to this one.")
    cron: Text = Field(default="", max_length=200, description="Or each time that it names", examples=["0 22 * * 5"])
    duration: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_WINDOW.total_seconds(),
        allow_inf_nan=False,
        description="for so many seconds.",
        examples=[14_400],
    )

    @classmethod
    def of(cls, window: Window) -> Self:
        told = {name: getattr(window, name) for name in ("name", "start_at", "end_at", "cron")}
        return cls(**told, duration=seconds(window.duration))

    def window(self) -> Window:
        """A row that is not saved yet."""
        given = {name: getattr(self, name) for name in ("name", "start_at", "end_at", "cron")}
        return Window(**given, duration=None if self.duration is None else timedelta(seconds=self.duration))


class CalendarColumns(Body):
    """All of a calendar but its id."""

    name: Text = Field(min_length=1, max_length=200, examples=["Germany"])
    country: Text = Field(
        default="", max_length=10, description="Its public holidays are excluded; empty for none.", examples=["DE"]
    )
    subdivision: Text = Field(
        default="", max_length=20, description="A state or region with holidays of its own.", examples=["BY"]
    )
    timezone: Text = Field(
        default="UTC", max_length=64, description="Where its days begin and end.", examples=["Europe/Berlin"]
    )
    windows: list[CalendarWindow] = Field(default_factory=list, max_length=MOST)

    def calendar(self, pk: str) -> Calendar:
        """A row that is not saved yet."""
        return Calendar(pk=pk, **self.dict(exclude={"windows", "id"}))

    def rows(self) -> list[Window]:
        return [each.window() for each in self.windows]


class NewCalendar(CalendarColumns):
    """A calendar that is to be made."""

    id: Text = Field(min_length=1, max_length=100, description="Jobs name it by this.", examples=["germany"])


class ExcludedTime(Schema):
    """A time in which nothing runs, up to but not including its end."""

    start: datetime
    end: datetime
    name: str = Field(examples=["New Year's Day"])
    all_day: bool


class CalendarSchema(Schema):
    """A calendar."""

    id: str = Field(examples=["germany"])
    name: str = Field(examples=["Germany"])
    country: str = Field(examples=["DE"])
    subdivision: str
    timezone: str = Field(examples=["Europe/Berlin"])
    windows: list[CalendarWindow]
    jobs: list[str] | None = Field(description="The ids of the jobs that keep it; null for who may not see jobs.")

    @classmethod
    def of(cls, calendar: Calendar, jobs: list[Job] | None) -> Self:
        """`calendar`, kept by these jobs, with all else that the class tells."""
        told = {name: getattr(calendar, name) for name in ("name", "country", "subdivision", "timezone")}
        windows = [CalendarWindow.of(window) for window in calendar.windows.all()]
        return cls(id=calendar.pk, **told, windows=windows, jobs=None if jobs is None else [job.pk for job in jobs])


class CalendarAhead(Schema):
    """What a calendar excludes next."""

    holidays: list[ExcludedTime]
    windows: list[ExcludedTime]

    @classmethod
    def of(cls, calendar: Calendar, now: datetime) -> Self:
        """One that cannot be read any more excludes nothing."""
        try:
            holidays = list(islice(holidays_after(calendar, now), AHEAD))
            windows = list(islice(windows_after(calendar.windows.all(), calendar.timezone, now), AHEAD))
        except InvalidTrigger:
            holidays = windows = []
        return cls(holidays=[_excluded(off) for off in holidays], windows=[_excluded(off) for off in windows])


def _excluded(off: Off) -> ExcludedTime:
    return ExcludedTime(**off._asdict())
