"""Queue: what people decide of a lane; its executor and its slots are settings."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from scheduling.conf import options
from scheduling.models.changes import LONGEST_REASON


class QueueQuerySet(models.QuerySet["Queue"]):
    def paused(self) -> Self:
        return self.filter(paused_at__isnull=False)

    def known(self) -> Self:
        """Those that are configured, and those that are paused though they are no longer."""
        return self.filter(Q(pk__in=[lane.name for lane in options().queues]) | Q(paused_at__isnull=False))


class Queue(models.Model):
    """The state of one configured queue: while it is paused nothing of it starts, and its moments are skipped."""

    name = models.CharField(primary_key=True, max_length=50)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)  # then it is resumed by itself
    paused_by = models.CharField(max_length=150, blank=True, editable=False)
    paused_reason = models.CharField(max_length=LONGEST_REASON, blank=True, editable=False)

    objects = QueueQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        default_permissions = ("view",)
        permissions: ClassVar = [("pause_queue", "Can pause and resume queue")]

    def __str__(self) -> str:
        return self.name
