"""Worker: one start of `runscheduler`."""

import uuid
from typing import ClassVar

from django.db import models


class WorkerState(models.TextChoices):
    ALIVE = "alive", "Alive"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    DEAD = "dead", "Dead"


class Worker(models.Model):
    """One start of `runscheduler`: never reused, so that host and pid may repeat."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    state = models.CharField(max_length=10, choices=WorkerState, default=WorkerState.ALIVE)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    pid_started = models.FloatField()  # seconds since the kernel's start; with pid proves identity
    boot_id = models.CharField(max_length=64)  # same value: pid can be looked up
    version = models.CharField(max_length=50)
    queues = models.JSONField(default=dict)  # name -> slots
    slots = models.PositiveIntegerField()
    running = models.PositiveIntegerField(default=0)  # slots in use, at the last heartbeat
    heartbeat = models.PositiveBigIntegerField(default=0)  # a counter: others watch whether it moves
    heartbeat_at = models.DateTimeField()
    turned_at = models.DateTimeField()  # the last turn of the scheduler's loop
    figures = models.JSONField(default=dict)  # what it counted since its start, at the last heartbeat: for /metrics
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["state"], name="worker_state")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
