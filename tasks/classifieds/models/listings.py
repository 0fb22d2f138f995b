"""Category, Listing and Change: what is for sale, and how that has changed; the others: how scans go."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

LONGEST_PAGE = 500_000  # characters kept of a page that could not be read


class Kind(models.TextChoices):
    """What the seller wants; the label of a listing."""

    SALE = "For Sale", "For Sale"
    SALE_OR_TRADE = "For Sale/Trade", "For Sale/Trade"
    WANTED = "Want To Buy", "Want To Buy"
    TRADE = "Trade Only", "Trade Only"


class ListingStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    SOLD = "sold", "Sold"
    CLOSED = "closed", "Closed"


class Occasion(models.TextChoices):
    """Why the rules look at a listing (again)."""

    NEW = "new", "New"
    EDITED = "edited", "Edited"
    CHEAPER = "cheaper", "Cheaper"
    REOPENED = "reopened", "Reopened"


class Category(models.Model):
    """A leaf category of the classifieds."""

    slug = models.CharField(primary_key=True, max_length=100)  # with its number, as in the address: dacs.8
    name = models.CharField(max_length=100)
    is_watched = models.BooleanField("watched", default=True, help_text="Whether scans fetch it.")
    scanned_at = models.DateTimeField(null=True, blank=True, editable=False)  # the last scan that ended well
    # Where a scan under way goes on, written together with the listings before it: one that is killed begins there.
    scan_path = models.CharField(max_length=300, blank=True, editable=False)  # empty: none is under way
    scan_pages = models.PositiveSmallIntegerField(default=0, editable=False)  # that it has read so far
    resume_until = models.DateTimeField(null=True, blank=True, editable=False)  # after that a scan begins anew
    is_complete = models.BooleanField(default=False, editable=False)  # whether its last scan came to its end
    is_explored = models.BooleanField(default=False, editable=False)  # whether one was as deep as the first shall be
    halts = models.PositiveSmallIntegerField(default=0, editable=False)  # scans in a row that it has stopped

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "categories"
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return self.name

    def is_under_way(self, now: datetime) -> bool:
        """Whether an interrupted scan goes on in it."""
        return bool(self.scan_path and self.resume_until and self.resume_until > now)


class Listing(models.Model):
    """A listing as it was last seen."""

    listing_id = models.BigIntegerField(primary_key=True)  # Head-Fi's own
    category = models.ForeignKey(Category, models.PROTECT, related_name="listings")
    path = models.CharField(max_length=300)  # of its page, below the site's address
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=14, choices=Kind, blank=True)  # empty: not told
    status = models.CharField(max_length=6, choices=ListingStatus, default=ListingStatus.ACTIVE)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)  # None: not told, never 0
    currency = models.CharField(max_length=3, blank=True)
    condition = models.CharField(max_length=100, blank=True)
    negotiability = models.CharField(max_length=100, blank=True)
    ships_to = models.CharField(max_length=200, blank=True)
    seller = models.CharField(max_length=100, blank=True)
    seller_reputation = models.IntegerField(null=True, blank=True)
    cover_path = models.CharField(max_length=300, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(max_length=64)  # of what was parsed: the same, nothing has changed
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # Set together with what has changed, cleared together with the matches: a scan that is killed forgets neither.
    to_match = models.CharField(max_length=8, choices=Occasion, blank=True)

    class Meta:
        ordering: ClassVar = ["-first_seen_at", "-listing_id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(F("first_seen_at").desc(), F("listing_id").desc(), name="listing_latest"),
            models.Index(fields=["to_match", "listing_id"], name="listing_to_match"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="listing_status_known", condition=Q(status__in=ListingStatus.values)),
            models.CheckConstraint(name="listing_price_positive", condition=Q(price=None) | Q(price__gt=0)),
        ]

    def __str__(self) -> str:
        return self.title


class Change(models.Model):
    """One value of a listing that has become another."""

    listing = models.ForeignKey(Listing, models.CASCADE, related_name="changes")
    field = models.CharField(max_length=20)  # price, status or title
    old = models.CharField(max_length=300, blank=True)  # as people read it; empty: none
    new = models.CharField(max_length=300, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.field}: {self.old or 'none'} → {self.new or 'none'}"


class StrangePage(models.Model):
    """A page without a single listing that we could read: kept, so that the selectors can be mended."""

    url = models.CharField(max_length=500)
    status = models.PositiveSmallIntegerField()  # of the answer
    why = models.CharField(max_length=300)
    body = models.TextField()  # at most LONGEST_PAGE; shown as text, never as a page
    seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return f"{self.url} ({self.status})"


class Pause(models.Model):
    """Until when the site is left alone, by its own wish or because it answered strangely; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)  # MariaDB checks no column that counts by itself
    until = models.DateTimeField()
    why = models.CharField(max_length=300)
    is_alarm = models.BooleanField(default=False)  # somebody has to look: until then each scan fails

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="classifieds_pause_once", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"{self.why} (until {self.until:%Y-%m-%d %H:%M} UTC)"


class ScanClaim(models.Model):
    """The scan that reads the site, and until when no other does; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)  # MariaDB checks no column that counts by itself
    owner = models.UUIDField()  # another one for each scan
    run = models.CharField(max_length=40, blank=True)  # the same for all attempts of a run; empty: outside of any
    began_at = models.DateTimeField()
    until = models.DateTimeField()  # renewed at each page; after that its process counts as dead

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="classifieds_scan_once", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"since {self.began_at:%Y-%m-%d %H:%M:%S} UTC"
