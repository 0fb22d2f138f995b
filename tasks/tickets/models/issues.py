"""Issue: what a ticket complains of; Batch and Usage: what was asked of the model, and what that took."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tasks.tickets.models.tickets import Ticket


class Severity(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class Method(models.TextChoices):
    """Who found an issue."""

    MODEL = "model", "Language model"
    LOCAL = "local", "Local rules"


class Issue(models.Model):
    """One thing that goes wrong for a customer, with the words that say so."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="issues")
    title = models.CharField(max_length=200)
    category = models.CharField(max_length=100)
    severity = models.CharField(max_length=8, choices=Severity)
    summary = models.TextField()
    quote = models.TextField()  # occurs in the ticket, word for word
    method = models.CharField(max_length=5, choices=Method)
    model = models.CharField(max_length=100, blank=True)  # its name; empty: local
    opened_at = models.DateTimeField()  # the ticket's
    found_at = models.DateTimeField()
    cluster = models.ForeignKey("tickets.Cluster", models.SET_NULL, null=True, blank=True, related_name="issues")

    class Meta:
        ordering: ClassVar = ["-opened_at", "-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["cluster", "opened_at"], name="issue_of_cluster"),
            models.Index(fields=["opened_at", "id"], name="issue_latest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="issue_severity_known", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(name="issue_method_known", condition=Q(method__in=Method.values)),
        ]

    def __str__(self) -> str:
        return self.title


class Batch(models.Model):
    """Tickets sent to the model together, at half the price; its results come within a day."""

    key = models.CharField(max_length=32, unique=True)  # ours: the ids of its requests begin with it
    # Anthropic's own; None: it was sent, and nobody was told what became of it.
    batch_id = models.CharField(max_length=100, unique=True, null=True, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)  # when its results were read
    size = models.PositiveIntegerField()  # tickets
    estimate = models.PositiveBigIntegerField(default=0)  # tokens; counts against the budget until it has ended

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "batches"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.batch_id or f"{self.key} (not confirmed)"


class Usage(models.Model):
    """What the model has read and written on one day (UTC), against the budget."""

    day = models.DateField(primary_key=True)
    requests = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-day"]
        verbose_name_plural = "usage"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.day}: {self.requests} requests"
