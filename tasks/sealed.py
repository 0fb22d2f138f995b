"""SealedField: a text that stands encrypted in the database, such as the token of an account.

Fernet (authenticated AES) of the `cryptography` package, under a key derived from SECRET_KEY. What was sealed under one
of SECRET_KEY_FALLBACKS can still be read, and is sealed anew when it is saved. Who has the database alone has no token.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signals import setting_changed
from django.db import models
from django.dispatch import receiver

from tasks.exceptions import AbortRun

PURPOSE = b"rota sealed field"  # so that the same secret gives other keys elsewhere


class CannotUnseal(AbortRun):
    """A text was sealed under another SECRET_KEY: name the former one in SECRET_KEY_FALLBACKS, or enter it anew."""


class Sealed(str):
    """A text that was sealed; it does not show itself in logs and error messages."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Sealed('…')" if self else "Sealed('')"


class SealedField(models.TextField):
    """A text, encrypted in the database. It cannot be searched for; an empty one stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return _keys().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, *_: Any) -> Sealed | None:
        """Raises CannotUnseal."""
        if not value:
            return value if value is None else Sealed()
        try:
            return Sealed(_keys().decrypt(value.encode()).decode())
        except InvalidToken:
            raise CannotUnseal from None


@lru_cache(maxsize=1)
def _keys() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    """HKDF (RFC 5869) of a secret that is long and random."""
    return urlsafe_b64encode(HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode()))


@receiver(setting_changed)
def forget_keys(*, setting: str, **_: Any) -> None:
    """Derive the keys again after a test has overridden a setting."""
    if setting in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        _keys.cache_clear()
