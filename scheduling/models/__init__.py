"""Job says when, Execution is one run, Worker is who runs it; the others steer them, or tell of them."""

from scheduling.models.backfills import Backfill, BackfillState
from scheduling.models.calendars import Calendar, Window
from scheduling.models.changes import LONGEST_REASON, Change
from scheduling.models.executions import Cause, Execution, ExecutionQuerySet, LogChunk, Why
from scheduling.models.installation import Installation
from scheduling.models.jobs import JOB_ID, LONGEST_TENANT, POLICY, TENANT, Job, JobQuerySet, Origin, Overlap, Policy
from scheduling.models.notices import (
    Event,
    Incident,
    Notice,
    NoticeRule,
    NoticeState,
    Ping,
    Sighting,
    Signal,
)
from scheduling.models.queues import Queue
from scheduling.models.tokens import IdempotencyKey, Scope, Token, scopes_of
from scheduling.models.workers import Worker, WorkerState
from scheduling.states import FINAL, OPEN, UNWELL, State

__all__ = [
    "FINAL",
    "JOB_ID",
    "LONGEST_REASON",
    "LONGEST_TENANT",
    "OPEN",
    "POLICY",
    "TENANT",
    "UNWELL",
    "Backfill",
    "BackfillState",
    "Calendar",
    "Cause",
    "Change",
    "Event",
    "Execution",
    "ExecutionQuerySet",
    "IdempotencyKey",
    "Incident",
    "Installation",
    "Job",
    "JobQuerySet",
    "LogChunk",
    "Notice",
    "NoticeRule",
    "NoticeState",
    "Origin",
    "Overlap",
    "Ping",
    "Policy",
    "Queue",
    "Scope",
    "Sighting",
    "Signal",
    "State",
    "Token",
    "Why",
    "Window",
    "Worker",
    "WorkerState",
    "scopes_of",
]
