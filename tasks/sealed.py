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
from django.core.exceptions import FieldError
from django.core.signals import setting_changed
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute
from django.dispatch import receiver

from tasks.exceptions import AbortRun

PURPOSE = b"rota sealed field"  # so that the same secret gives other keys elsewhere
DUMPED = "sealed:"  # before a text of a dump, which so is told from one that people enter


class CannotUnseal(AbortRun):
    """A text was sealed under another SECRET_KEY: name the former one in SECRET_KEY_FALLBACKS, or enter it anew."""


class Sealed(str):
    """A text that was sealed; it does not show itself in logs and error messages."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Sealed('…')" if self else "Sealed('')"


class Foreign(str):
    """A text that is sealed under a key that we do not have. It is kept as it is."""

    __slots__ = ()


class Unreadable(Foreign):
    """The same from the database: who reads it is told."""

    __slots__ = ()


class _Attribute(DeferredAttribute):
    """The column on a row. Raises CannotUnseal for what is unreadable only to whoever asks for it."""

    field: "models.Field[Any, Any]"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        found = super().__get__(instance, cls)
        if isinstance(found, Unreadable):
            raise CannotUnseal
        return found

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class _IsEmpty(Exact):
    """Whether there is none; the same text is sealed in another way each time, so that nothing else can be compared."""

    def get_prep_lookup(self) -> Any:
        if not (self.rhs is None or (isinstance(self.rhs, str) and not self.rhs)):
            raise FieldError("A sealed text cannot be searched for.")
        return self.rhs


class SealedField(models.TextField):
    """A text, encrypted in the database and in dumps of it. An empty one stays empty.

    It cannot be searched for, but for whether it is empty: FieldError.
    """

    descriptor_class = _Attribute

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return sealed(text) if text else text

    def from_db_value(self, value: str | None, *_: Any) -> Sealed | Foreign | None:
        return unsealed(value, Unreadable) if value else value if value is None else Sealed()

    def to_python(self, value: Any) -> Any:
        """A text, or one of a dump."""
        if isinstance(value, str) and value.startswith(DUMPED):
            return unsealed(value.removeprefix(DUMPED), Foreign)
        return value if isinstance(value, Foreign) else super().to_python(value)

    def value_from_object(self, obj: models.Model) -> Any:
        return obj.__dict__[self.attname] if self.attname in obj.__dict__ else super().value_from_object(obj)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return self.value_from_object(model_instance)

    def value_to_string(self, obj: models.Model) -> str:
        """For dumps, which `to_python` reads."""
        value = self.value_from_object(obj)
        return f"{DUMPED}{sealed(value)}" if value else ""

    def get_lookup(self, lookup_name: str) -> Any:
        return (
            _IsEmpty if lookup_name == "exact" else super().get_lookup(lookup_name) if lookup_name == "isnull" else None
        )


def sealed(text: str) -> str:
    return str(text) if isinstance(text, Foreign) else _keys().encrypt(text.encode()).decode()


def unsealed(text: str, otherwise: type[Foreign]) -> Sealed | Foreign:
    try:
        return Sealed(_keys().decrypt(text.encode()).decode())
    except InvalidToken:
        return otherwise(text)


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
