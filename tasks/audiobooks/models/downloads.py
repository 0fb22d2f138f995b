"""Download: an edition on its way into the library, or in it; Part: one of its files; Usage: how much there is."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from tasks.audiobooks.models.editions import Edition


class DownloadState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Downloading"
    DONE = "done", "In the library"
    FAILED = "failed", "Failed"  # given up: its files are not there, or not as described; staff may queue it again
    HELD = "held", "No room"  # the budget or the disk is full; queued again as soon as there is room
    OFF = "off", "Taken off"  # by staff, who do not want it; only they queue it again


class DownloadQuerySet(models.QuerySet["Download"]):
    def to_do(self, now: datetime) -> Self:
        """Those to go on with: queued ones whose time has come, and what a killed run left.

        Those begun first; but what was put off, or has used up the time of a run, stands behind the others.
        """
        waiting = Q(state=DownloadState.QUEUED) & (Q(retry_at=None) | Q(retry_at__lte=now))
        return self.filter(waiting | Q(state=DownloadState.RUNNING)).order_by("delays", "-state", "queued_at", "pk")


class Download(models.Model):
    """An edition to be fetched. Its files appear in the library all at once, when all are whole."""

    edition = models.OneToOneField(Edition, models.CASCADE, related_name="download")
    state = models.CharField(max_length=7, choices=DownloadState, default=DownloadState.QUEUED)
    why = models.CharField(max_length=100)  # Top ten of Nautical Fiction; Gap in Salt Coast; Asked for by ada
    size = models.BigIntegerField(null=True, blank=True)  # bytes of all parts; None: not known yet
    done = models.BigIntegerField(default=0)  # bytes that have come, those of a part that is not whole yet too
    folder = models.CharField(max_length=500, blank=True)  # below LIBRARY_DIR; empty until it is in the library
    attempts = models.PositiveSmallIntegerField(default=0)  # in vain by its own fault; after some it is given up
    delays = models.PositiveSmallIntegerField(default=0)  # how often a service, the disk or the time has put it off
    is_stale = models.BooleanField(default=False)  # it is not as it was described: its parts are asked for anew
    error = models.CharField(max_length=500, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DownloadQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-queued_at", "-pk"]
        default_permissions = ("add", "view", "change")
        indexes: ClassVar = [
            models.Index(fields=["state", "queued_at"], name="download_state"),
            models.Index(F("queued_at").desc(), F("id").desc(), name="download_latest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="download_state_known", condition=Q(state__in=DownloadState.values)),
        ]

    def __str__(self) -> str:
        return str(self.edition)

    @property
    def share(self) -> float | None:
        """From 0 to 1; None while the size is not known."""
        return None if not self.size else min(self.done / self.size, 1.0)


class Part(models.Model):
    """One file of a download, as the Internet Archive describes it. Its address there is never stored."""

    download = models.ForeignKey(Download, models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()  # its place in the recording, from 1
    name = models.CharField(max_length=300)  # at the Internet Archive
    title = models.CharField(max_length=300, blank=True)
    size = models.BigIntegerField(null=True, blank=True)  # bytes; None: not told
    md5 = models.CharField(max_length=32, blank=True)  # hexadecimal; empty: not told
    is_whole = models.BooleanField(default=False)  # on the disk, size and md5 checked

    class Meta:
        ordering: ClassVar = ["download", "number"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["download", "number"], name="part_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Usage(models.Model):
    """How many bytes the library has, as the last run has counted them on the disk: one row."""

    name = models.CharField(primary_key=True, max_length=20, default="library")
    bytes = models.BigIntegerField(default=0)  # of all files, those on their way too
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.bytes} bytes at {self.counted_at:%Y-%m-%d %H:%M} UTC"
