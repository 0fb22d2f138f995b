"""What jobs and queues take alike when they are to stand still, and when they are to go on."""

from datetime import datetime, timedelta
from typing import Self

from ninja import Schema
from pydantic import Field, model_validator

from scheduling.api.shapes import Body, Moment, Reason
from scheduling.planning import Missed

LONGEST = 366 * 86_400.0  # seconds; whoever means longer names a moment, or none


class Pause(Body):
    """Until when, and why; for good unless one of `until` and `for` is given."""

    reason: Reason = ""
    until: Moment | None = Field(default=None, description="Then it goes on by itself.")
    lasts: float | None = Field(
        default=None, alias="for", gt=0, le=LONGEST, allow_inf_nan=False, description="The same in seconds from now."
    )

    @model_validator(mode="after")
    def _only_one(self) -> Self:
        if self.until and self.lasts:
            raise ValueError("Give either `until` or `for`, not both.")
        return self

    def end(self, now: datetime) -> datetime | None:
        """When it goes on by itself; None for never."""
        return now + timedelta(seconds=self.lasts) if self.lasts else self.until


class Resume(Body):
    """What becomes of the moments that passed meanwhile, and why it goes on."""

    reason: Reason = ""
    missed: Missed = Field(
        default=Missed.NONE,
        description="Which of the moments that passed run after all: none of them, the latest, or all, by a backfill.",
    )


class Standstill(Schema):
    """A pause: since when and until when, by whom and why."""

    since: datetime
    until: datetime | None
    by: str
    reason: str
