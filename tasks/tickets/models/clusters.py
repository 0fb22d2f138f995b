"""Cluster: issues that are alike, under an id that lasts; HourlyCount: how many tickets opened with it, by hour."""

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
    is_new = models.BooleanField(default=False)  # rising, and never seen before
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
