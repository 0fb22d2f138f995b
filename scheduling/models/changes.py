"""Change: who did what, and why; written in the transaction that did it."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from scheduling.tenants import Person, tenants_of

LONGEST_REASON = 500


class ChangeQuerySet(models.QuerySet["Change"]):
    def of_job(self, job_id: str, user: Person | None = None) -> Self:
        """What was done to the job; where `user`, who sees it, is confined, since it has been his tenant's."""
        rows = self.filter(job=job_id)
        if tenants_of(user) is None:
            return rows
        last = rows.filter(Q(action="created") | Q(fields__has_key="tenant")).order_by("-id").first()
        if last is None:
            return rows
        return rows.filter(pk__gte=last.pk) if last.action == "created" else rows.filter(pk__gt=last.pk)


class Change(models.Model):
    """What someone did to a job, through whichever door: who, when, old and new values, and why."""

    job = models.ForeignKey(
        "Job", models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="changes"
    )
    subject = models.CharField(max_length=120, blank=True)  # what else it was done to: "queue default"
    action = models.CharField(max_length=20)  # created, changed, paused, resumed, parked, deleted and such
    fields = models.JSONField(default=dict)  # name -> [old, new]
    by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    at = models.DateTimeField(default=now)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["job", "id"], name="change_of_job"),
            models.Index(fields=["subject", "id"], name="change_of_other"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id or self.subject}: {self.action} by {self.by or 'the system'}"
