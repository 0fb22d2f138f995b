"""Backfill: the moments of a job between two dates, run once more or for the first time."""

from typing import ClassVar, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from scheduling.constraints import one_of
from scheduling.models.changes import LONGEST_REASON
from scheduling.models.jobs import Job


class BackfillState(models.TextChoices):
    GOING = "going", "Going"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"


class BackfillQuerySet(models.QuerySet["Backfill"]):
    def going(self) -> Self:
        return self.filter(state=BackfillState.GOING)

    def light(self) -> Self:
        """Without the list of moments, which pages do not show."""
        return self.defer("to_run")


class Backfill(models.Model):
    """Fed to the queue little by little, below the job's own runs in priority."""

    # No constraint behind it: history outlives the deletion of its job.
    job = models.ForeignKey(Job, models.DO_NOTHING, db_constraint=False, related_name="backfills")
    first_at = models.DateTimeField(help_text="No moment before it.")
    last_at = models.DateTimeField(help_text="No moment after it.")
    again = models.BooleanField(
        "those that succeeded too", default=False, help_text="Otherwise only moments without a successful run."
    )
    newest_first = models.BooleanField(default=False, help_text="Otherwise from the oldest to the newest.")
    at_once = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="How many of its runs may go at the same time."
    )
    alongside = models.BooleanField(
        "beside the job's own runs",
        default=False,
        help_text="Its runs do not count among those that the job may have at the same time. "
        "Otherwise a due moment waits while one of them runs.",
    )
    per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="At most so many starts a minute. Empty: as fast as they end.",
    )
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    requested_by = models.CharField(max_length=150, blank=True)

    state = models.CharField(max_length=10, choices=BackfillState, default=BackfillState.GOING, editable=False)
    total = models.PositiveIntegerField(default=0, editable=False)  # moments in the range
    passed = models.PositiveIntegerField(default=0, editable=False)  # of them needed no run: one had succeeded, or went
    queued = models.PositiveIntegerField(default=0, editable=False)  # of them got a run
    to_run = models.JSONField(default=list, editable=False)  # the moments in order, ISO 8601: those that were shown
    position = models.PositiveIntegerField(default=0, editable=False)  # how many of `to_run` have been dealt with
    fed_at = models.DateTimeField(null=True, editable=False)  # when it last got a run; `per_minute` counts from it
    created_at = models.DateTimeField(default=now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    ended_by = models.CharField(max_length=150, blank=True, editable=False)
    ended_reason = models.CharField(max_length=LONGEST_REASON, blank=True, editable=False)

    objects = BackfillQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("add", "view")
        permissions: ClassVar = [("stop_backfill", "Can stop backfill")]
        indexes: ClassVar = [models.Index(fields=["state"], name="backfill_state")]
        constraints: ClassVar = [
            one_of("backfill_state_known", "state", BackfillState),
            models.CheckConstraint(
                name="backfill_forward",
                condition=Q(first_at__lte=F("last_at")),
                violation_error_message="The end lies before the start.",
            ),
            models.CheckConstraint(name="backfill_at_least_one", condition=Q(at_once__gte=1)),
        ]

    def __str__(self) -> str:
        return f"Backfill {self.pk} of {self.job_id}"

    @property
    def to_come(self) -> int:
        """How many of its moments have not been looked at yet."""
        return self.total - self.passed - self.queued
