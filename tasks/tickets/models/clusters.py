"""Cluster: issues alike, under an id that lasts; HourlyCount: its tickets by hour; Grouping: the last look at all."""

from typing import ClassVar

from django.db import models
from django.db.models import F


class Cluster(models.Model):
    """A problem that many tickets tell of."""

    name = models.CharField(max_length=200)
    is_renamed = models.BooleanField(default=False)  # by staff: no run names it anew
    terms = models.JSONField(default=list)  # what sets it apart, the strongest first
    centroid = models.JSONField(default=dict)  # term -> weight, of length 1: new issues are held against it
    size = models.PositiveIntegerField(default=0)  # issues
    first_at = models.DateTimeField(null=True, blank=True)  # of its tickets
    last_at = models.DateTimeField(null=True, blank=True)
    is_gone = models.BooleanField(default=False)  # the last full run found nothing like it; its id is not used again
    created_at = models.DateTimeField()

    score = models.FloatField(default=0)  # of the current hour against the ones before
    ratio = models.FloatField(default=0)
    is_rising = models.BooleanField(default=False)
    is_new = models.BooleanField(default=False)  # rising, after a day without any
    scored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-size", "id"]
        default_permissions = ("view", "change")
        indexes: ClassVar = [models.Index(F("size").desc(), F("id"), name="cluster_biggest")]

    def __str__(self) -> str:
        return self.name


class HourlyCount(models.Model):
    """Tickets of a cluster that were opened in one hour (UTC); no row: none."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()  # its start
    count = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["hour"]
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["hour"], name="hourly_count_hour")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["cluster", "hour"], name="hourly_count_once")]

    def __str__(self) -> str:
        return f"{self.cluster} {self.hour:%Y-%m-%d %H}:00: {self.count}"


class Grouping(models.Model):
    """The last full run over the issues: the one row of its table, which whoever writes clusters locks."""

    ONLY = 1  # its key

    id = models.PositiveSmallIntegerField(primary_key=True)
    made_at = models.DateTimeField()
    is_counted = models.BooleanField(default=False)  # the hours were counted anew since; false again with each full run
    last_issue = models.BigIntegerField(default=0)  # the highest id that it saw: later ones are new
    weights = models.JSONField(default=dict)  # term -> weight: new issues are weighed as those before
    issues = models.PositiveIntegerField(default=0)  # that it looked at
    clusters = models.PositiveIntegerField(default=0)  # that it found
    alone = models.PositiveIntegerField(default=0)  # issues that are like no others

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.clusters} clusters at {self.made_at:%Y-%m-%d %H:%M}"
