"""Execution: one run of a task, or the reason why a due moment had none; and the lines that a run logged."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import connection, models
from django.db.models import F, Q
from django.utils.timezone import now

from scheduling.constraints import not_negative, one_of
from scheduling.models.backfills import Backfill
from scheduling.models.changes import LONGEST_REASON
from scheduling.models.jobs import OWNED, Job, Policy
from scheduling.models.workers import Worker
from scheduling.states import FINAL, OPEN, State
from scheduling.tenants import Person, tenants_of


class Why(models.TextChoices):
    """Who or what asked for a run."""

    SCHEDULE = "schedule", "Schedule"
    STARTUP = "startup", "Start-up"
    RUN_NOW = "run_now", "Run now"
    RETRY = "retry", "Retry"
    RESCUE = "rescue", "Rescue"
    API = "api", "API"
    ENQUEUE = "enqueue", "enqueue()"
    BACKFILL = "backfill", "Backfill"


class Cause(models.TextChoices):
    """Why a due moment had no run, or not at its time, in a word; `reason` has the sentence."""

    LATE = "late", "Late"
    MISSED = "missed", "Missed"
    COALESCED = "coalesced", "Coalesced"
    OVERLAP = "overlap", "Overlap"
    PAUSED = "paused", "Paused"
    QUEUE_PAUSED = "queue", "Queue paused"
    PARKED = "parked", "Parked"
    CALENDAR = "calendar", "Calendar"
    BY_HAND = "by_hand", "Skipped by hand"
    INTERRUPTED = "interrupted", "Interrupted by deploy"


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def queued(self) -> Self:
        return self.filter(state=State.QUEUED)

    def running(self) -> Self:
        return self.filter(state=State.RUNNING)

    def due(self, now: datetime) -> Self:
        return self.filter(run_after__lte=now)

    def seen_by(self, user: Person | None) -> Self:
        """Those that `user` may see, as far as tenants go; permissions are another matter."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(OWNED, tenant__in=tenants)

    def light(self) -> Self:
        """Without the texts that a list does not show."""
        return self.defer("arguments", "result", "traceback", "error_message")


def has_tenant_index() -> bool:
    """Whether an index leads to the runs of a tenant; MariaDB has no index of a part of a table."""
    return connection.features.supports_partial_indexes


class Execution(Policy):
    """One run of a task, whatever asked for it: a snapshot before, an outcome after."""

    # No constraint behind it: history outlives the deletion of its job.
    job = models.ForeignKey(
        Job, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="executions"
    )
    why = models.CharField(max_length=10, choices=Why)
    requested_by = models.CharField(max_length=150, blank=True)
    scheduled_for = models.DateTimeField(null=True, blank=True)  # the due moment; None when none was due
    stands_for = models.DateTimeField(null=True, blank=True)  # the moment that a retry or a backfill makes up for
    run_after = models.DateTimeField()  # not started before; jitter and back-off are in here
    start_deadline = models.DateTimeField(null=True, blank=True)  # not started after: skipped instead
    attempt = models.PositiveSmallIntegerField(default=1)
    root = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False
    )  # the first attempt
    backfill = models.ForeignKey(
        Backfill, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="runs"
    )
    missed_count = models.PositiveIntegerField(default=0)  # further moments for which this row stands

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    cause = models.CharField(max_length=12, choices=Cause, blank=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    worker = models.ForeignKey(Worker, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False)
    fence = models.PositiveIntegerField(default=0)  # grows with every change of ownership
    instance = models.PositiveSmallIntegerField(null=True, blank=True)  # 0 to max_instances - 1 while running
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)

    result = models.JSONField(null=True, blank=True)
    error_class = models.CharField(max_length=200, blank=True)
    error_message = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    progress = models.FloatField(null=True, blank=True)  # from 0 to 1
    progress_text = models.CharField(max_length=200, blank=True)

    max_instances = models.PositiveSmallIntegerField(null=True, blank=True)  # None: not limited
    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("cancel_execution", "Can cancel execution")]
        indexes: ClassVar = [
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("run_after"),
                F("id"),
                name="execution_claim",
                condition=Q(state="queued"),
            ),
            models.Index(fields=["state", "id"], name="execution_state"),
            models.Index(fields=["job", "id"], name="execution_job"),
            models.Index(fields=["task", "id"], name="execution_task"),
            models.Index(fields=["finished_at", "state"], name="execution_finished"),
            models.Index(fields=["tenant", "id"], name="execution_tenant", condition=OWNED),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "scheduled_for"], name="execution_once_per_moment"),
            models.UniqueConstraint(fields=["root", "attempt"], name="execution_once_per_attempt"),
            models.UniqueConstraint(fields=["job", "instance"], name="execution_instances"),
            models.UniqueConstraint(fields=["backfill", "stands_for", "attempt"], name="execution_once_per_backfill"),
            one_of("execution_state_known", "state", State),
            one_of("execution_why_known", "why", Why),
            *not_negative("execution", "timeout", "backoff", "backoff_max"),
            models.CheckConstraint(
                name="execution_owned_while_running",
                condition=~Q(state=State.RUNNING) | Q(worker__isnull=False, started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="execution_finished_when_final",
                condition=Q(state__in=OPEN, finished_at=None) | Q(state__in=FINAL, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id or self.task} #{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def lateness(self) -> timedelta | None:
        """From the due moment (or the request) to the start; None before it started."""
        if self.started_at is None:
            return None
        return max(self.started_at - (self.scheduled_for or self.run_after), timedelta())

    @property
    def duration(self) -> timedelta | None:
        """From start to end; None unless both are known."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None


class LogChunk(models.Model):
    """Some lines that a run logged, written while it runs."""

    execution = models.ForeignKey(
        Execution, models.CASCADE, db_constraint=False, db_index=False, related_name="log_chunks"
    )
    text = models.TextField()
    written_at = models.DateTimeField(default=now)

    class Meta:
        ordering: ClassVar = ["id"]
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["execution", "id"], name="log_of_execution")]

    def __str__(self) -> str:
        return self.text[:80]
