"""TaskRecord: what a task says that it did; RateBucket: how often a service may still be asked."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from scheduling.models import FINAL, Execution

LONGEST_TEXT = 200


class Status(models.TextChoices):
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


class TaskRecordQuerySet(models.QuerySet["TaskRecord"]):
    def left_behind(self, task_name: str, began_before: datetime) -> Self:
        """Records still open although the work is over: its process was killed.

        That is known of a run; of work outside of any, it is so if it began before `began_before`.
        """
        over = Q(over=True) | Q(execution=None, started_at__lt=began_before)
        return self.with_over().filter(over, status=Status.RUNNING, task_name=task_name)

    def with_over(self) -> Self:
        """With `over`: whether the run of the record has ended."""
        ended = Execution.objects.filter(pk=OuterRef("execution_id"), state__in=FINAL)
        return self.annotate(over=Exists(ended))


class TaskRecord(models.Model):
    """What was done in one run for one account or stage: counts, progress, log, result."""

    task_name = models.CharField(max_length=LONGEST_TEXT)
    # It goes when its run is pruned. No constraint behind it, which each write of a run would pay for.
    execution = models.ForeignKey(
        Execution,
        models.CASCADE,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="records",
    )
    label = models.CharField(max_length=LONGEST_TEXT, blank=True)  # which account, which stage
    status = models.CharField(max_length=11, choices=Status, default=Status.RUNNING)
    items_processed = models.PositiveIntegerField(default=0)
    items_succeeded = models.PositiveIntegerField(default=0)
    items_failed = models.PositiveIntegerField(default=0)
    progress = models.FloatField(null=True, blank=True)  # from 0 to 1; None: not known how much there is
    progress_text = models.CharField(max_length=LONGEST_TEXT, blank=True)
    log_output = models.TextField(blank=True)
    error = models.TextField(blank=True)
    result = models.JSONField(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TaskRecordQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["execution", "id"], name="record_of_execution"),
            models.Index(fields=["task_name", "id"], name="record_of_task"),
            models.Index(fields=["status", "task_name"], name="record_status"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="record_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(
                name="record_counts_add_up",
                condition=Q(items_processed=F("items_succeeded") + F("items_failed")),
            ),
            models.CheckConstraint(
                name="record_progress_is_a_share", condition=Q(progress=None) | Q(progress__range=(0, 1))
            ),
            models.CheckConstraint(
                name="record_finished_when_over",
                condition=Q(status=Status.RUNNING, finished_at=None)
                | (~Q(status=Status.RUNNING) & Q(finished_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_name.rpartition('.')[2]} {self.label}".strip()

    @property
    def duration(self) -> timedelta | None:
        """From start to end; None while it runs."""
        return self.finished_at - self.started_at if self.finished_at else None


def items_of(executions: Collection[int]) -> dict[int, int]:
    """How many items each of these runs has succeeded with; those without a record are left out."""
    records = TaskRecord.objects.filter(execution__in=executions).order_by().values_list("execution")
    return dict(records.annotate(Sum("items_succeeded")))


class RateBucketQuerySet(models.QuerySet["RateBucket"]):
    def take(self, key: str, per_second: float, burst: int, now: datetime) -> float:
        """Take one request from the bucket; 0 if there was one, else the seconds until there is."""
        moment, interval = now.timestamp(), 1 / per_second
        room = moment + (burst - 1) * interval
        refill = Greatest(F("full_at"), Value(moment)) + Value(interval)
        if self.filter(pk=key, full_at__lte=room).update(full_at=refill):
            return 0
        bucket, is_new = self.get_or_create(pk=key, defaults={"full_at": moment + interval})
        if is_new:
            return 0
        if bucket.full_at > moment + (burst + 1) * interval:  # written before the clock was set back
            self.filter(pk=key, full_at=bucket.full_at).update(full_at=room + interval)
        return min(max(bucket.full_at - room, interval / burst), burst * interval)


class RateBucket(models.Model):
    """A token bucket that all workers share, kept as the one moment at which it is full again."""

    key = models.CharField(primary_key=True, max_length=100)  # service and a hash of the credential
    full_at = models.FloatField()  # seconds since the epoch

    objects = RateBucketQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
