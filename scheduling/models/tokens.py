"""Token: lets a program in at the REST door as one of the users; and what programs have asked for once."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from scheduling.constraints import not_empty

HINT = 9  # characters of a token that stay readable, to tell it from others: "rota_" and four


class Scope(StrEnum):
    """What a token may be used for, within what its user may do."""

    READ = "read"  # look
    RUN = "run"  # run, cancel, pause, resume, skip, backfill
    WRITE = "write"  # create, change, delete


class Token(models.Model):
    """Kept as a digest only; the text is shown once. Its user's permissions apply, within its scopes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100, blank=True, help_text="What it is for.")
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256, in hexadecimal
    hint = models.CharField(max_length=HINT, editable=False)
    scopes = models.JSONField(default=list)  # values of Scope
    created_at = models.DateTimeField(default=now, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=150, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # to the minute
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("add", "change", "view")
        constraints: ClassVar = [*not_empty("token", "digest")]

    def __str__(self) -> str:
        return f"{self.hint}…{f' ({self.name})' if self.name else ''}"

    def refusal(self, moment: datetime) -> str:
        """Why it does not count at `moment`; empty if it does."""
        if self.revoked_at is not None:
            return f"The token {self} was revoked by {self.revoked_by or 'the system'}; ask for a new one."
        if self.expires_at is not None and self.expires_at <= moment:
            return f"The token {self} expired on {self.expires_at:%Y-%m-%d %H:%M} UTC; ask for a new one."
        return "" if self.user.is_active else f"The user of the token {self} is not active."


class IdempotencyKey(models.Model):
    """A request that must be carried out once, however often it is sent; kept for a day.

    The header is that of the IETF draft "The Idempotency-Key HTTP Header Field".
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of method, address and body
    execution = models.ForeignKey("Execution", models.DO_NOTHING, db_constraint=False, related_name="+")
    created_at = models.DateTimeField(default=now)

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_created")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return self.key


def scopes_of(given: Any) -> list[str]:
    """The known scopes among `given`, in the order of Scope, each once. Raises ValueError naming an unknown one."""
    unknown = [str(each) for each in given if each not in list(Scope)]
    if unknown:
        raise ValueError(f"Unknown scope {unknown[0]!r}; there are {', '.join(Scope)}.")
    return [str(scope) for scope in Scope if scope in given]
