"""Author, Series, Genre; Book: a work, whoever has read it aloud; Told: which source was asked of it, and when."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now


class Author(models.Model):
    """Who wrote it. Two of one name differ by their dates."""

    name = models.CharField(max_length=200)
    key = models.CharField(max_length=200)  # the name normalised, for matching
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    born = models.CharField(max_length=20, blank=True)  # a year, as the source has it
    died = models.CharField(max_length=20, blank=True)
    librivox_id = models.CharField(max_length=20, null=True, blank=True, unique=True)  # unique if known
    openlibrary_key = models.CharField(max_length=30, blank=True)  # OL77A
    completed_at = models.DateTimeField(null=True, blank=True)  # when author_completion last looked
    cursor = models.PositiveIntegerField(default=0)  # how many of his works that look has passed, if it was cut short

    class Meta:
        ordering: ClassVar = ["last_name", "name"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["key"], name="audiobook_author_key")]

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    """A series as Open Library knows it."""

    key = models.CharField(max_length=30, unique=True)  # OL789L
    name = models.CharField(max_length=300)
    completed_at = models.DateTimeField(null=True, blank=True)  # when series_completion last looked

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "series"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Genre(models.Model):
    """A genre of the catalogue; those that are enabled get their top ten."""

    name = models.CharField(max_length=200, unique=True)
    subject = models.CharField(
        max_length=200, blank=True, help_text="What the Internet Archive calls it. Empty: its name, in small letters."
    )
    is_enabled = models.BooleanField("enabled", default=False, help_text="Whether its top ten are found and fetched.")
    ranked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class BookQuerySet(models.QuerySet["Book"]):
    def new_since(self, moment: datetime, *, untold_at: datetime) -> Self:
        """Those that were added since then, and those of which no source had told at that other moment."""
        return self.filter(Q(refreshed_at=None) | Q(refreshed_at__gte=untold_at) | Q(added_at__gte=moment))

    def with_all(self) -> Self:
        """With what sources are to be told of them."""
        return self.select_related("series").prefetch_related("authors", "editions", "sources")


class Book(models.Model):
    """A work; its recordings are Editions. `told_by` has the source of each field that came from one."""

    title = models.CharField(max_length=500)
    key = models.CharField(max_length=500)  # the title normalised, for matching
    authors = models.ManyToManyField(Author, related_name="books")
    genres = models.ManyToManyField(Genre, related_name="books", blank=True)
    series = models.ForeignKey(Series, models.SET_NULL, null=True, blank=True, related_name="books")
    position = models.CharField(max_length=20, blank=True)  # in the series, as the source has it: "2", "2.5", ""
    subtitle = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)  # HTML of the few tags that were let through
    language = models.CharField(max_length=50, blank=True)
    first_published = models.CharField(max_length=20, blank=True)  # a year
    publisher = models.CharField(max_length=200, blank=True)
    isbn = models.CharField(max_length=13, blank=True)
    asin = models.CharField(max_length=10, blank=True)
    rating = models.FloatField(null=True, blank=True)  # from 0 to 5
    openlibrary_key = models.CharField(max_length=30, blank=True)  # OL900W
    cover_url = models.URLField(max_length=500, blank=True)  # where its picture comes from
    cover_at = models.DateTimeField(null=True, blank=True)  # when that was fetched; None: it is not here
    told_by = models.JSONField(default=dict)  # {"description": "openlibrary", …}
    added_at = models.DateTimeField(default=now)
    refreshed_at = models.DateTimeField(null=True, blank=True)  # when its metadata was last looked at

    objects = BookQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-added_at", "-pk"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("added_at").desc(), F("id").desc(), name="audiobook_latest"),
            models.Index(F("key"), name="audiobook_key"),
            models.Index(F("openlibrary_key"), name="audiobook_openlibrary"),
        ]

    def __str__(self) -> str:
        return self.title


class Told(models.Model):
    """That a source was asked of a book, and what it said, so that the next look may be a short one."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="sources", db_index=False)
    source = models.CharField(max_length=20)  # openlibrary, google, audnexus
    fetched_at = models.DateTimeField()
    found = models.BooleanField()  # whether it knows the book
    fields = models.JSONField(default=dict)  # what it said, by the names of Book's fields
    etag = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["book", "source"]
        default_permissions = ()
        constraints: ClassVar = [models.UniqueConstraint(fields=["book", "source"], name="told_once")]

    def __str__(self) -> str:
        return f"{self.source} of {self.book_id}"
