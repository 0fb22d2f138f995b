"""Rule, Filters and ExchangeRate: what people look for; Match and Delivery: what was found, and who was told."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tasks.classifieds.models.listings import Listing, Occasion

LONGEST_EXPRESSION = 2_000  # characters
CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "SGD")


class FilterFields(models.Model):
    """What is looked at before any expression. None: as the global filters say; an empty list: not at all."""

    listing_types = models.JSONField(null=True, blank=True, help_text="Labels, as For Sale; one must be the same.")
    ships_to = models.JSONField(null=True, blank=True, help_text="Words; one must be part of where it ships to.")
    exclude_status = models.JSONField(null=True, blank=True, help_text="active, sold, closed.")
    min_seller_reputation = models.PositiveIntegerField(
        null=True, blank=True, help_text="0 lets sellers pass whose reputation is not known."
    )

    class Meta:
        abstract = True


class Filters(FilterFields):
    """The one row of global filters, for all rules that do not say otherwise."""

    # MariaDB checks no column that counts by itself.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "global filters"
        default_permissions = ("view", "change")
        constraints: ClassVar = [models.CheckConstraint(name="filters_once", condition=Q(pk=1))]

    def __str__(self) -> str:
        return "Global filters"


class Rule(FilterFields):
    """Listings that somebody wants to hear of, by an expression."""

    name = models.CharField(max_length=100, unique=True)
    expression = models.TextField(max_length=LONGEST_EXPRESSION)
    currency = models.CharField(max_length=3, default="USD", choices=[(code, code) for code in CURRENCIES])
    categories = models.JSONField(null=True, blank=True, help_text="Slugs; none of them: all categories.")
    channels = models.JSONField(default=list, blank=True, help_text="Who is told.")
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)  # of its expression or filters
    changed_by = models.CharField(max_length=150, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in US dollars, on a day."""

    currency = models.CharField(primary_key=True, max_length=3, choices=[(code, code) for code in CURRENCIES])
    in_usd = models.DecimalField("in USD", max_digits=14, decimal_places=6, validators=[MinValueValidator(0.000001)])
    as_of = models.DateField()

    class Meta:
        ordering: ClassVar = ["currency"]
        constraints: ClassVar = [models.CheckConstraint(name="exchange_rate_positive", condition=Q(in_usd__gt=0))]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.in_usd} USD"


class Match(models.Model):
    """A rule that a listing fits; a second one only when it becomes cheaper or is for sale again."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="matches")
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="matches")
    occasion = models.CharField(max_length=8, choices=Occasion)
    # What makes the occasion this one and no other: its kind and the match before it; empty for the first match.
    key = models.CharField(max_length=40, blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)  # at that moment
    currency = models.CharField(max_length=3, blank=True)  # of that price
    matched_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "matches"
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["rule", "matched_at"], name="match_of_rule")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "listing", "key"], name="match_once_per_occasion")
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.listing}"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"  # for good: nobody tries again


class Delivery(models.Model):
    """A match on its way to one channel."""

    match = models.ForeignKey(Match, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=50)
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    retry_at = models.DateTimeField(default=timezone.now)  # not before
    waits_since = models.DateTimeField(
        default=timezone.now, editable=False
    )  # the match, or somebody's wish to try again
    error = models.CharField(max_length=300, blank=True)  # of the last attempt
    sent_at = models.DateTimeField(null=True, blank=True)
    # Who is sending it, and until when nobody else does; a claim that is over belongs to a process that has died.
    claim = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "deliveries"
        default_permissions = ("view", "change")  # change: try again
        indexes: ClassVar = [models.Index(fields=["state", "channel", "retry_at"], name="delivery_waiting")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["match", "channel"], name="delivery_once"),
            models.CheckConstraint(name="delivery_state_known", condition=Q(state__in=DeliveryState.values)),
        ]

    def __str__(self) -> str:
        return f"{self.match} to {self.channel}"


class ClosedChannel(models.Model):
    """A channel that has refused us for good: nothing is sent on it for a day, or until its setting is another one."""

    channel = models.CharField(primary_key=True, max_length=50)
    setting = models.CharField(max_length=64)  # a hash of the setting that was refused
    why = models.CharField(max_length=300)
    closed_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.channel}: {self.why}"
