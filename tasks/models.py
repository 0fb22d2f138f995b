"""TaskRecord: what a task did; RateBucket: how often a service may be asked; KeptAnswer: what it said before."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from scheduling.models import FINAL, Execution
from scheduling.tenants import Person, tenants_of

LONGEST_TEXT = 200
LONGEST_HOLD = 60.0  # seconds for which a bucket can be held
LONGEST_VALIDATOR = 500  # characters of an ETag
LONGEST_KEPT = 500_000  # characters of a body that is kept


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

    def seen_by(self, user: Person | None) -> Self:
        """Those of runs of the tenants of `user`; one without a run is the installation's own."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(execution__tenant__in=tenants)

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
        if self.filter(pk=key, full_at__lte=room, held_until__lte=moment).update(full_at=refill):
            return 0
        bucket, is_new = self.get_or_create(pk=key, defaults={"full_at": moment + interval})
        if is_new:
            return 0
        if bucket.held_until > moment:
            return min(bucket.held_until - moment, LONGEST_HOLD)
        if bucket.full_at > moment + (burst + 1) * interval:  # written before the clock was set back
            self.filter(pk=key, full_at=bucket.full_at).update(full_at=room + interval)
        return min(max(bucket.full_at - room, interval / burst), burst * interval)

    def hold(self, key: str, seconds: float, now: datetime) -> None:
        """Let nobody take a request from the bucket for so many seconds, because the service said so."""
        self.filter(pk=key).update(held_until=now.timestamp() + min(seconds, LONGEST_HOLD))


class RateBucket(models.Model):
    """A token bucket that all workers share, kept as the one moment at which it is full again."""

    key = models.CharField(primary_key=True, max_length=100)  # service and a hash of the credential
    full_at = models.FloatField()  # seconds since the epoch
    held_until = models.FloatField(default=0)  # the same: nobody asks before

    objects = RateBucketQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class KeptAnswerQuerySet(models.QuerySet["KeptAnswer"]):
    def conditions(self, service: str, url: str) -> dict[str, str]:
        """The headers that ask for `url` only if it has changed (RFC 9110, 13.1); none if nothing is known of it."""
        kept = self.filter(pk=_key(service, url)).first()
        if kept is None:
            return {}
        validators = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
        return {name: value for name, value in validators.items() if value}

    def keep(self, service: str, url: str, headers: Mapping[str, str], now: datetime, body: str = "") -> None:
        """Remember how to recognise this answer, and its `body` where that is wanted again.

        A validator that could not be sent back in a header, or is too long, counts as none.
        """
        etag, modified = (_sendable(headers.get(name, "")) for name in ("ETag", "Last-Modified"))
        fields = {"etag": etag, "last_modified": modified, "body": body[:LONGEST_KEPT], "kept_at": now}
        self.update_or_create(pk=_key(service, url), defaults={"service": service, **fields})

    def touch(self, service: str, url: str, now: datetime) -> None:
        """It was asked for again, and had not changed."""
        self.filter(pk=_key(service, url)).update(kept_at=now)

    def fresh(self, service: str, url: str, since: datetime) -> "KeptAnswer | None":
        """The answer, if it was given after `since`."""
        return self.filter(pk=_key(service, url), kept_at__gt=since).first()


def _sendable(validator: str) -> str:
    fits = len(validator) <= LONGEST_VALIDATOR and validator.isascii() and validator.isprintable()
    return validator if fits else ""


def _key(service: str, url: str) -> str:
    return sha256(f"{service} {url}".encode()).hexdigest()


class KeptAnswer(models.Model):
    """By what an answer of a service is recognised when it is asked again."""

    key = models.CharField(primary_key=True, max_length=64)  # a hash of service and address
    service = models.CharField(max_length=50)
    etag = models.CharField(max_length=LONGEST_VALIDATOR, blank=True)
    last_modified = models.CharField(max_length=LONGEST_VALIDATOR, blank=True)
    body = models.TextField(blank=True)  # empty where it is not wanted again
    kept_at = models.DateTimeField()

    objects = KeptAnswerQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.service} {self.key[:12]}"
