"""Post: what an account has published; Reading: its figures at one moment, a point of its time series."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import F

from scheduling.tenants import Person, tenants_of
from tasks.social.models.accounts import Account
from tasks.social.models.businesses import numbers_of

# The common figures; each is null where a platform does not give it, never 0 in its place.
METRICS = ("impressions", "reach", "likes", "comments", "shares", "saves", "clicks", "video_views")


class PostQuerySet(models.QuerySet["Post"]):
    def seen_by(self, user: Person) -> Self:
        """Those that `user` may see, as far as tenants go."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(account__business__in=numbers_of(tenants))


class Post(models.Model):
    """What was published, with its latest figures; all texts are as the platform has them, to be escaped."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="posts")
    platform_post_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=30, blank=True)  # the platform's own word: REELS, share, ugcPost
    text = models.TextField(blank=True)  # cut to what a page needs
    url = models.URLField(max_length=500, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField()  # when the platform last listed it
    read_at = models.DateTimeField(null=True, blank=True)  # when its figures were last read
    gone_at = models.DateTimeField(null=True, blank=True)  # since when the platform says that it is not there

    impressions = models.BigIntegerField(null=True, blank=True)
    reach = models.BigIntegerField(null=True, blank=True)
    likes = models.BigIntegerField(null=True, blank=True)
    comments = models.BigIntegerField(null=True, blank=True)
    shares = models.BigIntegerField(null=True, blank=True)
    saves = models.BigIntegerField(null=True, blank=True)
    clicks = models.BigIntegerField(null=True, blank=True)
    video_views = models.BigIntegerField(null=True, blank=True)
    engagement = models.FloatField(null=True, blank=True)  # a ratio: what people did to how often it was seen

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-published_at", "-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("published_at").desc(), F("id").desc(), name="social_post_latest"),
            models.Index(F("account"), F("published_at").desc(), name="social_post_of_account"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "platform_post_id"], name="social_post_once"),
        ]

    def __str__(self) -> str:
        return (self.text or self.platform_post_id)[:60]


class Reading(models.Model):
    """The figures of a post from `taken_at` on; a reading that would say the same is not stored again."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="readings", db_index=False)
    taken_at = models.DateTimeField()  # of the sync, so that a repeated one stores nothing twice
    impressions = models.BigIntegerField(null=True, blank=True)
    reach = models.BigIntegerField(null=True, blank=True)
    likes = models.BigIntegerField(null=True, blank=True)
    comments = models.BigIntegerField(null=True, blank=True)
    shares = models.BigIntegerField(null=True, blank=True)
    saves = models.BigIntegerField(null=True, blank=True)
    clicks = models.BigIntegerField(null=True, blank=True)
    video_views = models.BigIntegerField(null=True, blank=True)
    engagement = models.FloatField(null=True, blank=True)
    raw = models.JSONField(default=dict)  # the figures as the platform sent them, those we have no column for too

    class Meta:
        ordering: ClassVar = ["post", "taken_at"]
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["taken_at"], name="reading_by_age")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["post", "taken_at"], name="reading_once")]

    def __str__(self) -> str:
        return f"{self.post_id} at {self.taken_at:%Y-%m-%d %H:%M}"
