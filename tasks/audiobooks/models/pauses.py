"""Pause: until when a source of metadata is left alone, because it gives nothing more for now."""

from typing import ClassVar

from django.db import models


class Pause(models.Model):
    """One row for each source that is, or was, left alone."""

    source = models.CharField(primary_key=True, max_length=20)
    until = models.DateTimeField()
    why = models.CharField(max_length=300)
    book = models.BigIntegerField(default=0)  # the last one that it was asked of; a full refresh goes on behind it

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["source"]

    def __str__(self) -> str:
        return f"{self.source} until {self.until:%Y-%m-%d %H:%M} UTC: {self.why}"
