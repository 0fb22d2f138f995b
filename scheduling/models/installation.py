"""Installation: whose database this is, so that a copy of it runs no jobs by itself."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

ONLY = 1  # the id of the one row


class Installation(models.Model):
    """The one installation whose schedulers may turn on this database."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    name = models.CharField(max_length=100)  # the setting INSTANCE of its schedulers
    since = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="installation_is_one", condition=Q(id=ONLY))]

    def __str__(self) -> str:
        return self.name
