"""Walk: how far a long piece of work is, so that the next attempt goes on there."""

from typing import ClassVar

from django.db import models


class Walk(models.Model):
    """One row for each kind of walk, by the id of its job."""

    name = models.CharField(primary_key=True, max_length=100)
    run = models.CharField(
        max_length=100, blank=True
    )  # the same for all attempts of a run; empty: nothing is left of it
    position = models.BigIntegerField(default=0)  # an offset, or the last row that is done
    start = models.BigIntegerField(default=0)  # the row behind which a round has begun, and with which it ends
    has_turned = models.BooleanField(default=False)  # it was at the end, and goes from the beginning to `start`
    left = models.JSONField(default=list)  # what has failed on the way, to be tried again
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # when the last one that came to its end had begun

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
