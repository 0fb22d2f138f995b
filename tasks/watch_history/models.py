"""What we keep: Watcher (a Trakt user), Title (a film or series, with its poster), Play (one viewing)."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Count, F, Max, Q


class Kind(models.TextChoices):
    MOVIE = "movie", "Film"
    SHOW = "show", "Series"


class Watcher(models.Model):
    """A Trakt user whose history is kept."""

    name = models.CharField(primary_key=True, max_length=50)
    synced_at = models.DateTimeField(null=True, blank=True)  # the last update that ended well
    pulled_at = models.DateTimeField(null=True, blank=True)  # the last time that all was fetched
    activities = models.JSONField(default=dict, blank=True)  # as Trakt told them at the last update

    class Meta:
        ordering: ClassVar = ["name"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name

    def is_fresh(self, now: datetime, cache_time: timedelta) -> bool:
        return self.synced_at is not None and now - self.synced_at < cache_time


class TitleQuerySet(models.QuerySet["Title"]):
    def seen_by(self, watcher: Watcher) -> Self:
        """The titles that `watcher` has seen, the latest first, with `times`, `last_seen_at` and `rated`."""
        return (
            self.filter(plays__watcher=watcher)
            .annotate(times=Count("plays"), last_seen_at=Max("plays__watched_at"), rated=Max("plays__rating"))
            .order_by("-last_seen_at", "-pk")
        )

    def to_enrich(self, before: datetime) -> Self:
        """Titles that TMDB may know and that were not asked for since `before`."""
        return self.filter(Q(enriched_at=None) | Q(enriched_at__lt=before), tmdb_id__isnull=False)


class Title(models.Model):
    """A film or a series; what TMDB says of it is kept for `ENRICHMENT_DAYS`."""

    kind = models.CharField(max_length=5, choices=Kind)
    trakt_id = models.BigIntegerField()
    title = models.CharField(max_length=300)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    tmdb_id = models.BigIntegerField(null=True, blank=True)
    runtime = models.PositiveIntegerField(null=True, blank=True, help_text="Minutes.")
    genres = models.JSONField(default=list, blank=True)
    cast = models.JSONField(default=list, blank=True)  # names, the most important first
    poster_path = models.CharField(max_length=120, blank=True)  # at TMDB; empty: none
    enriched_at = models.DateTimeField(null=True, blank=True)

    objects = TitleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["title"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "trakt_id"], name="title_once"),
            models.CheckConstraint(name="title_kind_known", condition=Q(kind__in=Kind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class Play(models.Model):
    """One viewing of a film or an episode, as Trakt knows it."""

    watcher = models.ForeignKey(Watcher, models.CASCADE, related_name="plays", db_index=False)
    history_id = models.BigIntegerField()  # Trakt's own, unique there
    title = models.ForeignKey(Title, models.PROTECT, related_name="plays")
    item_id = models.BigIntegerField()  # Trakt's id of the film, or of the episode
    season = models.PositiveIntegerField(null=True, blank=True)  # of an episode; None for a film
    number = models.PositiveIntegerField(null=True, blank=True)
    episode_title = models.CharField(max_length=300, blank=True)
    watched_at = models.DateTimeField()
    action = models.CharField(max_length=20)  # scrobble, checkin, watch
    rating = models.PositiveSmallIntegerField(null=True, blank=True)  # 1 to 10, by the primary user
    raw = models.JSONField()  # as Trakt sent it

    class Meta:
        ordering: ClassVar = ["-watched_at", "-history_id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("watcher"), F("watched_at").desc(), name="play_latest_of_watcher"),
            models.Index(F("watched_at").desc(), F("history_id").desc(), name="play_latest"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["watcher", "history_id"], name="play_once"),
            models.CheckConstraint(name="play_rating_in_range", condition=Q(rating=None) | Q(rating__range=(1, 10))),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.episode_code}".strip()

    @property
    def episode_code(self) -> str:
        """Like S02E03; empty for a film."""
        return "" if self.season is None else f"S{self.season:02}E{self.number or 0:02}"
