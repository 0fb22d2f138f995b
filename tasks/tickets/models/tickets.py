"""Stream: how far the export was read; Ticket and Comment: what customers wrote."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

COMMENTS_WITHIN = timedelta(days=1)  # after that a ticket is analysed without those that could not be fetched


class Stream(models.Model):
    """Where the next export goes on; one row a Zendesk account."""

    subdomain = models.CharField(primary_key=True, max_length=100)
    cursor = models.CharField(max_length=500, blank=True)  # stored after the rows of its page; empty: from the start
    generated_until = models.BigIntegerField(null=True, blank=True)  # Zendesk's generated_timestamp, in seconds
    synced_at = models.DateTimeField(null=True, blank=True)  # the last time that the end was reached

    # A backfill walks on its own, and leaves the fields above alone.
    backfill_cursor = models.CharField(max_length=500, blank=True)  # empty: none was interrupted
    backfill_since = models.BigIntegerField(null=True, blank=True)  # where it began, in seconds since the epoch
    backfill_begun_at = models.DateTimeField(null=True, blank=True)

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


class TicketQuerySet(models.QuerySet["Ticket"]):
    def waiting(self) -> Self:
        """Those whose analysis is not over."""
        return self.filter(analysis__in=(Analysis.PENDING, Analysis.SENT), is_deleted=False)

    def to_analyse(self, now: datetime, *, with_comments: bool) -> Self:
        """Those that can be analysed: in no batch, and with all their comments, if these are fetched at all.

        The newest come first, and those last that have failed before.
        """
        is_whole = Q(comments_due=False) | Q(synced_at__lt=now - COMMENTS_WITHIN) if with_comments else Q()
        found = self.filter(is_whole, analysis=Analysis.PENDING, is_deleted=False, batch=None)
        return found.order_by("analysis_attempts", "-ticket_id")


class Ticket(models.Model):
    """A ticket as Zendesk last told it."""

    ticket_id = models.BigIntegerField(primary_key=True)  # Zendesk's own
    subject = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)  # the first comment, public or not
    description_is_internal = models.BooleanField(default=False)  # as far as Zendesk has told
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
    comments_hash = models.CharField(max_length=64, blank=True)  # of the comments alone; empty: there are none
    comments_due = models.BooleanField(default=False)  # there may be others than ours; stays until they were fetched
    synced_at = models.DateTimeField()

    analysis = models.CharField(max_length=7, choices=Analysis, default=Analysis.PENDING)
    analysed_hash = models.CharField(max_length=64, blank=True)  # the content that was analysed
    analysis_attempts = models.PositiveSmallIntegerField(default=0)
    analysis_error = models.CharField(max_length=500, blank=True)
    # The batch that it is in. PENDING with a batch: its content has changed since, so it is analysed again after that.
    batch = models.ForeignKey("tickets.Batch", models.SET_NULL, null=True, blank=True, related_name="tickets")

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-opened_at", "-ticket_id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("opened_at").desc(), F("ticket_id").desc(), name="ticket_latest"),
            models.Index(fields=["analysis", "ticket_id"], name="ticket_analysis"),
            models.Index(fields=["comments_due", "ticket_id"], name="ticket_comments_due"),
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
