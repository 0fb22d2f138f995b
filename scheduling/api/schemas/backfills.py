"""How the API shows backfills, what one is begun with, and what it would run."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from scheduling.api.shapes import Body, Moment, Reason, Text
from scheduling.models import Backfill, BackfillState, Job, State
from scheduling.survey import Progress, Survey

SMALL, WHOLE = 32_767, 2**31 - 1  # what the columns hold
OPTIONS = ("first_at", "last_at", "again", "newest_first", "at_once", "alongside", "per_minute", "reason")
TOLD = ("state", "requested_by", "created_at", "ended_at", "ended_by", "ended_reason")


class NewBackfill(Body):
    """Which moments of which job, and how."""

    job: Text = Field(max_length=100, description="Its id.", examples=["nightly-import"])
    first_at: Moment = Field(description="No moment before it.")
    last_at: Moment | None = Field(default=None, description="No moment after it; without it, up to now.")
    again: bool = Field(default=False, description="Also the moments that have a successful run.")
    newest_first: bool = False
    at_once: int = Field(default=1, ge=1, le=SMALL, description="How many of its runs may go at the same time.")
    alongside: bool = Field(default=False, description="Its runs do not count among those that the job may have.")
    per_minute: int | None = Field(
        default=None, ge=1, le=WHOLE, description="At most so many starts a minute; without it, as fast as they end."
    )
    reason: Reason = ""
    dry_run: bool = Field(default=False, description="Only tell what would run.")

    def row(self, job: Job, now: datetime) -> Backfill:
        """A row that is not saved yet."""
        given = {name: getattr(self, name) for name in OPTIONS}
        return Backfill(job=job, **{**given, "last_at": self.last_at or now})


class StopBackfill(Body):
    """Why, and whether those that run are stopped, too."""

    reason: Reason = ""
    running: bool = Field(default=False, description="Also stop the runs that go on now; otherwise they may end.")


class BackfillProgress(Schema):
    """What became of its moments: each counts once, by its last attempt."""

    total: int
    ended: int
    passed: int = Field(description="They needed no run: one had succeeded, or still went.")
    to_come: int
    succeeded: int
    failed: int
    cancelled: int
    running: int
    waiting: int
    forgotten: int = Field(description="Their runs are not kept any more.")


class BackfillSchema(Schema):
    """A backfill."""

    id: int
    job: str
    state: BackfillState
    first_at: datetime
    last_at: datetime
    again: bool
    newest_first: bool
    at_once: int
    alongside: bool
    per_minute: int | None
    reason: str
    requested_by: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: str
    ended_reason: str
    progress: BackfillProgress


class SurveyedMoment(Schema):
    """A moment, and the row that counts for it."""

    moment: datetime
    runs: bool = Field(description="Whether the backfill runs it.")
    state: State | None = Field(description="Of the run that counts for it; null without any.")
    run: int | None = Field(description="Its id, for who may see runs.")
    reason: str = Field(description="Of that run, for who may see runs.")


class BackfillSurvey(Schema):
    """What a backfill would find, the oldest moment first."""

    job: str
    total: int
    settled: int = Field(description="So many have succeeded, or still go.")
    to_run: int = Field(description="So many would run.")
    excluded: int = Field(description="So many more are excluded by calendars, and not listed.")
    moments: list[SurveyedMoment]


def shown(row: Backfill, progress: Progress) -> dict[str, Any]:
    """`row` as the API tells of it."""
    told = {name: getattr(row, name) for name in (*OPTIONS, *TOLD)}
    return {**told, "id": row.pk, "job": row.job_id, "progress": {**asdict(progress), "ended": progress.ended}}


def found_as(wanted: Backfill, found: Survey, *, runs: bool) -> dict[str, Any]:
    """What `wanted` would find; with the ids of runs, and their reasons, only if `runs`."""
    return {
        "job": wanted.job_id,
        "total": len(found.moments),
        "settled": found.settled,
        "to_run": len(found.to_run(again=wanted.again)),
        "excluded": found.excluded,
        "moments": [
            {
                "moment": each.at,
                "runs": wanted.again or not each.is_settled,
                "state": each.row and each.row.state,
                "run": each.row.pk if each.row and runs else None,
                "reason": each.row.reason if each.row and runs else "",
            }
            for each in found.moments
        ],
    }
