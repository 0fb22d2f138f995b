"""Sync: one sync of one business, with its Failures; RefusedMetric: a name of a figure that a platform refuses."""

from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from scheduling.tenants import Person, tenants_of
from tasks.social.models.accounts import Account, Platform
from tasks.social.models.businesses import Business, numbers_of


class SyncState(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"  # with or without failures
    FAILED = "failed", "Failed"  # it could not go on to its end


class SyncQuerySet(models.QuerySet["Sync"]):
    def seen_by(self, user: Person) -> Self:
        """Those that `user` may see, as far as tenants go."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(business__in=numbers_of(tenants))


class Sync(models.Model):
    """One sync of one business: how far it came. A run that was killed goes on in the same row."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="syncs", db_index=False)
    run = models.CharField(max_length=100)  # the same for all attempts of a run
    execution = models.BigIntegerField(null=True, blank=True)  # the run's latest attempt; it may be pruned earlier
    state = models.CharField(max_length=7, choices=SyncState, default=SyncState.RUNNING)
    started_at = models.DateTimeField()  # also the moment of its readings
    finished_at = models.DateTimeField(null=True, blank=True)
    posts_total = models.PositiveIntegerField(default=0)
    posts_synced = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)  # posts and accounts
    done_accounts = models.JSONField(default=list)  # ids of those that are complete, for the next attempt
    error = models.CharField(max_length=500, blank=True)  # what ended it early

    objects = SyncQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("business"), F("started_at").desc(), name="sync_latest_of_business"),
            models.Index(F("started_at").desc(), F("id").desc(), name="sync_latest"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["business", "run"], name="sync_once_per_run"),
            models.CheckConstraint(name="sync_state_known", condition=Q(state__in=SyncState.values)),
        ]

    def __str__(self) -> str:
        return f"{self.business} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None


class Failure(models.Model):
    """What went wrong in a sync, of a post or of a whole account."""

    sync = models.ForeignKey(Sync, models.CASCADE, related_name="errors")
    account = models.ForeignKey(Account, models.CASCADE)
    platform_post_id = models.CharField(max_length=100, blank=True)  # empty: of the whole account
    code = models.CharField(max_length=100, blank=True)  # the platform's own
    message = models.CharField(max_length=500)  # redacted
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sync", "account", "platform_post_id"], name="failure_once_per_sync"),
        ]

    def __str__(self) -> str:
        return self.message[:60]


class RefusedMetric(models.Model):
    """A name of a figure that a platform has refused: it is left out from then on, and looked at on a page."""

    platform = models.CharField(max_length=9, choices=Platform)
    version = models.CharField(max_length=20)  # of the platform's API, with which it was refused
    kind = models.CharField(max_length=30)  # of the object that has the figures: post, REELS
    name = models.CharField(max_length=100)
    message = models.CharField(max_length=500, blank=True)  # as the platform put it
    refused_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["platform", "kind", "name"]
        default_permissions = ("view", "delete")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["platform", "version", "kind", "name"], name="refused_metric_once"),
            models.CheckConstraint(name="refused_metric_platform_known", condition=Q(platform__in=Platform.values)),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} {self.kind}: {self.name}"
