"""Business: whose accounts are synced together, a tenant; Member: one of its own people."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from scheduling.tenants import Person, tenants_of

TENANT = "business-"  # and its number


class BusinessQuerySet(models.QuerySet["Business"]):
    def seen_by(self, user: Person) -> Self:
        """Those that `user` may see, as far as tenants go; permissions are another matter."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(pk__in=numbers_of(tenants))

    def free(self, moment: datetime, run: str) -> Self:
        """Those that no other run is syncing at `moment`."""
        mine = Q(claimed_by=run) | Q(claimed_by__startswith=f"{run}/")
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lte=moment) | mine)


class Business(models.Model):
    """Whose posts they are. Its number is what addresses and commands call `business_id`."""

    name = models.CharField(max_length=200, unique=True)
    is_active = models.BooleanField(default=True, help_text="Whether it is synced at all.")
    in_hourly_sync = models.BooleanField(
        default=True,
        help_text="Whether the hourly sync of all businesses takes it along; its own schedule does anyway.",
    )
    created_at = models.DateTimeField(default=now, editable=False)
    # One sync of a business at a time, whoever asks: compare, set, count.
    claimed_by = models.CharField(max_length=100, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BusinessQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "businesses"
        permissions: ClassVar = [
            ("sync_business", "Can sync business now"),
            ("schedule_business", "Can give business a schedule of its own"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tenant(self) -> str:
        """What its jobs and runs have as their tenant."""
        return tenant_of(self.pk)

    def claim(self, who: str, longer: timedelta, now: datetime) -> bool:
        """Keep all other runs off for `longer`; False while one of them has it.

        `who`: the run, and after a slash its attempt: a later one takes it from an earlier, which may yet live.
        """
        mine = Business.objects.filter(pk=self.pk).free(now, who.partition("/")[0])
        return bool(mine.update(claimed_by=who, claimed_until=now + longer))

    def renew(self, who: str, longer: timedelta, now: datetime) -> bool:
        """Go on; False if it was taken meanwhile, or is no more."""
        return bool(Business.objects.filter(pk=self.pk, claimed_by=who).update(claimed_until=now + longer))

    def release(self, who: str) -> None:
        Business.objects.filter(pk=self.pk, claimed_by=who).update(claimed_by="", claimed_until=None)


def tenant_of(number: int) -> str:
    return f"{TENANT}{number}"


def numbers_of(tenants: frozenset[str]) -> list[int]:
    """The numbers of the businesses that these tenants are."""
    numbers = (name.removeprefix(TENANT) for name in tenants if name.startswith(TENANT))
    return [int(number) for number in numbers if number.isdecimal()]


class Member(models.Model):
    """One of the people of a business: sees and steers only that. Without any business he sees nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="social_member"
    )
    businesses = models.ManyToManyField(Business, blank=True, related_name="members")

    class Meta:
        ordering: ClassVar = ["user"]

    def __str__(self) -> str:
        return str(self.user)
