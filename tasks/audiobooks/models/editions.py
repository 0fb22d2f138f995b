"""Edition: one recording of a book, as the catalogue has it; Rank: its place among those of a genre."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from tasks.audiobooks.models.books import Book, Genre

LIBRIVOX = "librivox"  # the catalogue by default, as rows and sources name it


class Edition(models.Model):
    """A recording. Several of one book are kept apart by the catalogue's id."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="editions")
    source = models.CharField(max_length=20, default=LIBRIVOX)  # the catalogue that it is in
    source_id = models.CharField(max_length=100)  # there
    archive_id = models.CharField(max_length=120, blank=True)  # the item at the Internet Archive that has its files
    title = models.CharField(max_length=500)  # with "(version 2)" and the like
    language = models.CharField(max_length=50, blank=True)
    readers = models.JSONField(default=list)  # names
    sections = models.PositiveIntegerField(default=0)
    seconds = models.PositiveIntegerField(null=True, blank=True)  # how long it plays
    url = models.URLField(max_length=500, blank=True)  # its page, for people
    downloads = models.PositiveIntegerField(null=True, blank=True)  # how often others have fetched it
    content_hash = models.CharField(max_length=64)  # of what the catalogue said; the same: nothing is written
    seen_at = models.DateTimeField()  # when the catalogue last told of it

    class Meta:
        ordering: ClassVar = ["book", "source_id"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["archive_id"], name="edition_archive")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "source_id"], name="edition_once")]

    def __str__(self) -> str:
        return self.title


class Rank(models.Model):
    """The place of an edition in the top list of a genre, on a day."""

    genre = models.ForeignKey(Genre, models.CASCADE, related_name="ranks", db_index=False)
    day = models.DateField()
    place = models.PositiveSmallIntegerField()  # 1 is the first
    edition = models.ForeignKey(Edition, models.SET_NULL, null=True, related_name="ranks")
    archive_id = models.CharField(max_length=120)
    title = models.CharField(max_length=500)  # as the list had it
    downloads = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["genre", "-day", "place"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(F("day").desc(), name="rank_latest")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["genre", "day", "place"], name="rank_once"),
            models.CheckConstraint(name="rank_from_one", condition=Q(place__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.place}. {self.title}"
