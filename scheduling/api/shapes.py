"""What requests and answers are made of: texts and moments that every database takes, spans in seconds."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from ninja import Path, Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from scheduling.explain import Answer
from scheduling.models import LONGEST_REASON
from scheduling.triggers import FIRST_YEAR, LAST_YEAR

BIGGEST = 2**63 - 1  # of an id


def storable(text: str) -> str:
    """`text`, unless it holds what PostgreSQL keeps in no column."""
    if "\x00" in text:
        raise ValueError("A text may not hold the character NUL.")
    return text


def reachable(moment: datetime) -> datetime:
    """`moment` in UTC, unless it lies where no calendar reaches."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"The year {moment.year} is out of reach: {FIRST_YEAR} to {LAST_YEAR}.")
    return moment.astimezone(UTC)


def seconds(span: timedelta | None) -> float | None:
    """A span as answers tell it."""
    return None if span is None else span.total_seconds()


Text = Annotated[str, AfterValidator(storable)]
Moment = Annotated[AwareDatetime, AfterValidator(reachable), Field(examples=["2026-11-21T02:00:00Z"])]
Reason = Annotated[Text, Field(max_length=LONGEST_REASON, examples=["The provider is down for maintenance."])]
RowId = Annotated[int, Path(ge=1, le=BIGGEST)]  # in an address
Name = Annotated[Text, Path(max_length=100)]  # in an address: an id that is a text


class Body(Schema):
    """What a request brings: a field that is not known is refused, so that no misspelt one is passed over."""

    model_config = ConfigDict(extra="forbid")


class WithReason(Body):
    """Why something is done; it goes into the history."""

    reason: Reason = ""


class Explanation(Schema):
    """What became of a moment or a run, in sentences."""

    verdict: str = Field(examples=["Missed"])
    severity: str = Field(description="good, open (not decided yet), notable or bad.", examples=["bad"])
    sentences: list[str] = Field(examples=[["No scheduler was running from 01:50 to 02:20."]])
    moment: datetime | None = Field(description="The due moment that it speaks of.")
    executions: list[int] = Field(description="The runs that the sentences call #id.")

    @classmethod
    def of(cls, answer: Answer) -> "Explanation":
        return cls(
            verdict=answer.verdict,
            severity=answer.tone.value,
            sentences=list(answer.sentences),
            moment=answer.moment,
            executions=list(answer.executions),
        )
