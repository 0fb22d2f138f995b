"""Stream: how far the export was read; Ticket and Comment: what customers wrote."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Stream(models.Model):
    """Where the next export goes on; one row a Zendesk account."""

    subdomain = models.CharField(primary_key=True, max_length=100)
    cursor = models.CharField(max_length=500, blank=True)  # stored after the rows of its page; empty: from the start
    generated_until = models.BigIntegerField(null=True, blank=True)  # Zendesk's generated_timestamp, in seconds
    synced_at = models.DateTimeField(null=True, blank=True)  # the last time that the end was reached

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.subdomain


class Analysis(models.TextChoices):
    """How the search for issues stands."""

    PENDING = "pending", "To be analysed"
    SENT = "sent", "In a batch"
    DONE = "done", "Analysed"
    FAILED = "failed", "Failed"


class Ticket(models.Model):
    """A ticket as Zendesk last told it."""

    ticket_id = models.BigIntegerField(primary_key=True)  # Zendesk's own
    subject = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=20, blank=True)
    priority = models.CharField(max_length=20, blank=True)
    tags = models.JSONField(default=list, blank=True)
    channel = models.CharField(max_length=50, blank=True)
    requester_id = models.BigIntegerField(null=True, blank=True)
    organization_id = models.BigIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField()  # created_at at Zendesk: trends count by it
    changed_at = models.DateTimeField()  # updated_at at Zendesk
    generated_at = models.BigIntegerField()  # generated_timestamp: what the export is ordered by
    is_deleted = models.BooleanField(default=False)
    content_hash = models.CharField(max_length=64)  # of all that the analysis reads: subject, description, comments
    synced_at = models.DateTimeField()

    analysis = models.CharField(max_length=7, choices=Analysis, default=Analysis.PENDING)
    analysed_hash = models.CharField(max_length=64, blank=True)  # the content that was analysed
    analysis_attempts = models.PositiveSmallIntegerField(default=0)
    analysis_error = models.CharField(max_length=500, blank=True)
    batch = models.ForeignKey("tickets.Batch", models.SET_NULL, null=True, blank=True, related_name="tickets")

    class Meta:
        ordering: ClassVar = ["-opened_at", "-ticket_id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("opened_at").desc(), F("ticket_id").desc(), name="ticket_latest"),
            models.Index(fields=["analysis", "ticket_id"], name="ticket_analysis"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="ticket_analysis_known", condition=Q(analysis__in=Analysis.values)),
        ]

    def __str__(self) -> str:
        return f"#{self.ticket_id} {self.subject}".strip()


class Comment(models.Model):
    """What was written in a ticket after its description."""

    comment_id = models.BigIntegerField(primary_key=True)  # Zendesk's own
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="comments")
    author_id = models.BigIntegerField(null=True, blank=True)
    is_public = models.BooleanField()  # False: an internal note, which no model is sent unless configured
    body = models.TextField(blank=True)  # plain text
    written_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["written_at", "comment_id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.body[:60]
