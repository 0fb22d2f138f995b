"""Calendar: days and hours on which the jobs that share it do not run."""

from datetime import timedelta
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from scheduling import places, triggers
from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models.jobs import JOB_ID
from scheduling.triggers import Kind, Schedule

LONGEST_WINDOW = timedelta(days=366)  # of those that come again and again


class Calendar(models.Model):
    """Public holidays of a place, and windows of its own; jobs name it by its id."""

    id = models.CharField(primary_key=True, max_length=100, validators=[JOB_ID])
    name = models.CharField(max_length=200)
    country = models.CharField(
        max_length=10, blank=True, help_text="Its public holidays are excluded. Empty: only the windows below are."
    )
    subdivision = models.CharField(
        max_length=20, blank=True, help_text="A state or region with holidays of its own, such as BY in Germany."
    )
    timezone = models.CharField(max_length=64, default="UTC", help_text="Where its days begin and end.")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError, field by field, unless its days and hours can be told."""
        wrong = {}
        try:
            zone(self.timezone)
        except InvalidTrigger as error:
            wrong["timezone"] = str(error)
        if self.country and self.country not in places.countries():
            wrong["country"] = f"No holidays are known of a country {self.country!r}."
        elif self.subdivision and not self.country:
            wrong["subdivision"] = "Choose the country as well."
        elif self.subdivision:
            try:
                self.subdivision = places.read_subdivision(self.country, self.subdivision)
            except ValueError as error:
                wrong["subdivision"] = str(error)
        if wrong:
            raise ValidationError(wrong)


class Window(models.Model):
    """A time in which nothing shall run: once from a start to an end, or again and again by a crontab."""

    calendar = models.ForeignKey(Calendar, models.CASCADE, related_name="windows")
    name = models.CharField(max_length=200, help_text="What is said of a moment that it excludes.")
    start_at = models.DateTimeField(null=True, blank=True, help_text="Once: from this moment")
    end_at = models.DateTimeField(null=True, blank=True, help_text="to this one.")
    cron = models.CharField(max_length=200, blank=True, help_text="Or each time that this crontab names")
    duration = models.DurationField(null=True, blank=True, help_text="for so long.")

    class Meta:
        ordering: ClassVar = ["id"]
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                name="window_once_or_again",
                condition=Q(
                    start_at__isnull=False, end_at__isnull=False, end_at__gt=F("start_at"), cron="", duration=None
                )
                | (Q(start_at=None, end_at=None, duration__isnull=False, duration__gt=timedelta()) & ~Q(cron="")),
                violation_error_message="Give a start and a later end, or a crontab and a duration.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError unless it can be said when a window that comes again is open."""
        if not self.cron:
            return
        try:
            triggers.check(Schedule(Kind.CRON, cron=self.cron))
        except InvalidTrigger as error:
            raise ValidationError({"cron": str(error)}) from None
        if self.duration and self.duration > LONGEST_WINDOW:
            raise ValidationError({"duration": f"At most {LONGEST_WINDOW.days} days."})
