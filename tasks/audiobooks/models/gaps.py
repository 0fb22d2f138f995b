"""Stand: how complete a series or an author's works are; Gap: a work of them that is not in the library."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tasks.audiobooks.models.books import Author, Book, Series
from tasks.audiobooks.models.editions import Edition


class GapState(models.TextChoices):
    MISSING = "missing", "Not in the catalogue"
    FOUND = "found", "In the catalogue"  # but not on its way: it has no files, was given up, or taken off
    QUEUED = "queued", "Queued"
    OWNED = "owned", "Here"
    IGNORED = "ignored", "Not wanted"  # staff said so


class Gap(models.Model):
    """A work that belongs to a series or to an author: wanted, found, queued, or here."""

    series = models.ForeignKey(Series, models.CASCADE, null=True, blank=True, related_name="gaps", db_index=False)
    author = models.ForeignKey(Author, models.CASCADE, null=True, blank=True, related_name="gaps", db_index=False)
    work_key = models.CharField(max_length=30)  # OL900W
    title = models.CharField(max_length=500)
    position = models.CharField(max_length=20, blank=True)  # in the series
    state = models.CharField(max_length=7, choices=GapState, default=GapState.MISSING)
    book = models.ForeignKey(Book, models.SET_NULL, null=True, blank=True, related_name="gaps")  # the one that fills it
    edition = models.ForeignKey(Edition, models.SET_NULL, null=True, blank=True, related_name="gaps")
    checked_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["series", "author", "position", "title"]
        default_permissions = ("view", "change")
        indexes: ClassVar = [models.Index(fields=["state", "id"], name="gap_state")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["series", "work_key"], name="gap_of_series_once"),
            models.UniqueConstraint(fields=["author", "work_key"], name="gap_of_author_once"),
            models.CheckConstraint(
                name="gap_of_one",
                condition=Q(series=None, author__isnull=False) | Q(series__isnull=False, author=None),
            ),
            models.CheckConstraint(name="gap_state_known", condition=Q(state__in=GapState.values)),
        ]

    def __str__(self) -> str:
        return self.title


class Stand(models.Model):
    """How many works of a series or an author there are, and how many of them are here; for lists and charts."""

    series = models.OneToOneField(Series, models.CASCADE, null=True, blank=True, related_name="stand")
    author = models.OneToOneField(Author, models.CASCADE, null=True, blank=True, related_name="stand")
    wanted = models.PositiveIntegerField(default=0)  # works that are not ignored
    owned = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                name="stand_of_one",
                condition=Q(series=None, author__isnull=False) | Q(series__isnull=False, author=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owned} of {self.wanted}"
