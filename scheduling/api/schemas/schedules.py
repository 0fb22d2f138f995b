"""How the API takes and shows the schedule of a job, and the moments that one names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.conf import settings
from ninja import Schema
from pydantic import Field

from scheduling.api.problems import Problem
from scheduling.api.shapes import Body, Moment, Text, seconds
from scheduling.coming import Coming
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Job
from scheduling.store.jobs import EMPTY, OWN_FIELDS, TRIGGER_FIELDS
from scheduling.triggers import LONGEST, SHORTEST, Kind

NOT_SENT: Any = Field(default_factory=lambda: None)  # of a field that a body leaves out; the schema shows none

Cron = Annotated[Text, Field(max_length=200, examples=["0 2 * * *"])]
Interval = Annotated[
    float, Field(ge=SHORTEST.total_seconds(), le=LONGEST.total_seconds(), allow_inf_nan=False, examples=[900])
]
Zone = Annotated[Text, Field(max_length=64, examples=["Europe/Berlin"])]


class ScheduleSchema(Schema):
    """When a job runs, as typed fields; those of other triggers are empty."""

    trigger: Kind = Field(examples=["cron"])
    cron: str = Field(description="Crontab text.", examples=["0 2 * * *"])
    interval: float | None = Field(description="Seconds from one run to the next.", examples=[None])
    run_at: datetime | None = Field(description="The one moment of a date trigger.", examples=[None])
    timezone: str = Field(description="Whose clock it follows.", examples=["Europe/Berlin"])
    start_at: datetime | None = Field(description="No run before it.", examples=[None])
    end_at: datetime | None = Field(description="No run after it.", examples=[None])


class ScheduleChange(Body):
    """What to change of a schedule; with another `trigger`, the fields that it does not have are emptied."""

    trigger: Annotated[Kind, Field(description="What it goes by; manual: it runs only when asked.")] = NOT_SENT
    cron: Annotated[Cron | None, Field(description="5 fields as in a crontab, or 6 with seconds first.")] = NOT_SENT
    interval: Annotated[Interval | None, Field(description="Seconds from one run to the next.")] = NOT_SENT
    run_at: Annotated[Moment | None, Field(description="The one moment of a date trigger.")] = NOT_SENT
    timezone: Annotated[Zone, Field(description="Whose clock it follows.")] = NOT_SENT
    start_at: Annotated[Moment | None, Field(description="No run before it; an interval begins with it.")] = NOT_SENT
    end_at: Annotated[Moment | None, Field(description="No run after it.")] = NOT_SENT

    def columns(self, present: Mapping[str, Any]) -> dict[str, Any]:
        """All columns of the trigger of a job whose `present` ones these are. Raises InvalidTrigger."""
        sent = self.model_dump(include=self.model_fields_set)
        kind = Kind(sent.get("trigger", present["trigger"]))
        for name in EMPTY.keys() - set(OWN_FIELDS[kind]):
            if sent.get(name):
                takes = ", ".join(OWN_FIELDS[kind]) or "none of them"
                raise InvalidTrigger(f"It does not go with the trigger {kind}, which takes {takes}.", field=name)
            sent[name] = EMPTY[name]
        if sent.get("interval") is not None:
            sent["interval"] = timedelta(seconds=sent["interval"])
        if "cron" in sent:
            sent["cron"] = sent["cron"] or ""
        return {**present, **sent, "trigger": kind.value}


class NewSchedule(ScheduleChange):
    """When something shall run; without `timezone` on the clock of the setting TIME_ZONE."""

    trigger: Annotated[Kind, Field(description="What it goes by; manual: it runs only when asked.")]

    def new_columns(self) -> dict[str, Any]:
        """The columns of the trigger of a new job. Raises InvalidTrigger."""
        return self.columns({**EMPTY, "trigger": self.trigger, "timezone": settings.TIME_ZONE})


class ComingMoment(Schema):
    """One moment of a schedule."""

    moment: datetime
    local: str = Field(
        description="The same on the clock of the schedule, ISO 8601.", examples=["2026-11-21T02:00:00+01:00"]
    )
    runs: bool = Field(description="False: it will be skipped, and a note says why.")
    notes: list[str] = Field(
        description="What changes of the clocks and calendars have to say.",
        examples=[["the clocks have gone back by 1 h"]],
    )


class Preview(Schema):
    """The coming moments of a schedule; the engine goes by the same."""

    words: str = Field(examples=["At 02:00, every day (Europe/Berlin)"])
    timezone: str = Field(examples=["Europe/Berlin"])
    moments: list[ComingMoment]


def schedule_of_row(job: Job) -> dict[str, Any]:
    columns = {name: getattr(job, name) for name in TRIGGER_FIELDS}
    return {**columns, "interval": seconds(job.interval)}


def told(words: str, timezone: str, moments: list[Coming]) -> dict[str, Any]:
    """What `Preview` shows."""
    shown = [
        {"moment": each.at, "local": each.local.isoformat(), "runs": each.runs, "notes": list(each.notes)}
        for each in moments
    ]
    return {"words": words, "timezone": timezone, "moments": shown}


@contextmanager
def naming_the_field() -> Iterator[None]:
    """Have what is wrong with a trigger name the field of the body in which it stands."""
    try:
        yield
    except InvalidTrigger as error:
        field = f"schedule.{'trigger' if error.field == 'kind' else error.field}"
        raise InvalidTrigger(str(error), field=field) from None


def refused(field: str, detail: str) -> Problem:
    """The `field` of a body has a value that cannot be taken."""
    return Problem(422, "The request is not as it must be.", detail, kind="invalid-request", errors=[(field, detail)])
