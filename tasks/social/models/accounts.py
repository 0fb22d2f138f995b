"""Account: one of a business on a platform, with its tokens, sealed, and how it stands; AppHold: a limit of our app."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Case, OuterRef, Q, Subquery, Value, When

from scheduling.tenants import Person, tenants_of
from tasks.sealed import SealedField
from tasks.social.models.businesses import Business, numbers_of


class Platform(models.TextChoices):
    LINKEDIN = "linkedin", "LinkedIn"
    X = "x", "X"
    FACEBOOK = "facebook", "Facebook"
    INSTAGRAM = "instagram", "Instagram"


# Whose app asks, so that a limit of it is one limit: Meta has one for both of its platforms.
APPS = {Platform.LINKEDIN: "linkedin", Platform.X: "x", Platform.FACEBOOK: "meta", Platform.INSTAGRAM: "meta"}


def app_of(platform: str) -> str:
    return APPS[Platform(platform)]


class Standing(models.TextChoices):
    """Whether the platform lets us in."""

    CONNECTED = "connected", "Connected"
    NEEDS_AUTHORISATION = "needs_auth", "Needs authorisation"  # the token is dead and cannot be refreshed
    FORBIDDEN = "forbidden", "Not permitted"  # the token lives, but may not read this


class AccountQuerySet(models.QuerySet["Account"]):
    def seen_by(self, user: Person) -> Self:
        """Those that `user` may see, as far as tenants go."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(business__in=numbers_of(tenants))

    def without_tokens(self) -> Self:
        """For pages: what nobody shall see is not even unsealed."""
        return self.defer("access_token", "refresh_token")

    def with_holds(self) -> Self:
        """With `app_held_until`: until when our app on that platform is not to ask."""
        app = Case(*(When(platform=platform, then=Value(app)) for platform, app in APPS.items()))
        until = AppHold.objects.filter(pk=OuterRef("its_app")).values("until")
        return self.alias(its_app=app).annotate(app_held_until=Subquery(until))


class Account(models.Model):
    """An account on a platform. Tokens are entered, used and refreshed, never shown."""

    business = models.ForeignKey(Business, models.CASCADE, related_name="accounts")
    platform = models.CharField(max_length=9, choices=Platform)
    external_id = models.CharField(
        "id on the platform",
        max_length=100,
        help_text="LinkedIn: urn:li:organization:123; X: the number of the user; Facebook: of the page; "
        "Instagram: of the professional account.",
    )
    name = models.CharField(max_length=200, blank=True, help_text="What people call it.")
    is_active = models.BooleanField(default=True, help_text="Whether it is synced.")

    access_token = SealedField(blank=True)
    refresh_token = SealedField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # of the access token; None: no end is known
    refresh_expires_at = models.DateTimeField(null=True, blank=True)  # LinkedIn's, which refreshing does not move
    # One worker at a time exchanges the tokens: compare, set, count.
    renewing_until = models.DateTimeField(null=True, blank=True, editable=False)
    standing = models.CharField(max_length=10, choices=Standing, default=Standing.CONNECTED, editable=False)
    problem = models.CharField(max_length=500, blank=True, editable=False)  # what the platform last said against it
    held_until = models.DateTimeField(
        null=True, blank=True, editable=False
    )  # not asked before: a limit of the platform
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)  # the last sync that came to its end

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["business", "platform", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["business", "platform", "external_id"], name="account_once"),
            models.CheckConstraint(name="account_platform_known", condition=Q(platform__in=Platform.values)),
            models.CheckConstraint(name="account_standing_known", condition=Q(standing__in=Standing.values)),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} {self.name or self.external_id}"


class AppHold(models.Model):
    """A limit of our app on a platform: no account is asked before it ends."""

    app = models.CharField(primary_key=True, max_length=20)  # see `app_of`
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.app} until {self.until:%Y-%m-%d %H:%M} UTC"
