"""Tenants: those whose jobs and runs are their own. Whoever is confined to some of them sees and steers nothing else.

Which people are confined, and to which tenants, is known to the apps that have tenants; they register it here. Of all
permissions that such a person was given only those count whose doors look at tenants (`_open`): what is not listed is
closed. Such a door takes its rows from `seen_by(user)` of their QuerySet, so that a row of somebody else is none;
`scheduling.confined` says what is not done even to an own one.
"""

from collections.abc import Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

type Person = AbstractBaseUser | AnonymousUser
type Provider = Callable[[Person], frozenset[str] | None]  # None: it does not confine this person

_providers: list[Provider] = []
_open: set[str] = {
    "scheduling.view_job",
    "scheduling.change_job",
    "scheduling.run_job",
    "scheduling.pause_job",
    "scheduling.delete_job",
    "scheduling.view_execution",
    "scheduling.cancel_execution",
    "scheduling.view_token",  # everybody sees and makes his own only
    "scheduling.add_token",
    "scheduling.change_token",
    "tasks.view_taskrecord",
}


def register(provider: Provider, permissions: Iterable[str]) -> None:
    """Let `provider` say whom it confines; `permissions` are those of its app whose doors look at tenants."""
    _providers.append(provider)
    _open.update(permissions)


def is_open(permission: str) -> bool:
    """Whether a confined person can have `permission`, such as "scheduling.view_job"."""
    return permission in _open


def tenants_of(user: Person | None) -> frozenset[str] | None:
    """The tenants that `user` is confined to; None for someone who is not, such as each superuser.

    A user of None is the installation itself, as at the command line.
    """
    if user is None or getattr(user, "is_superuser", False) or not user.is_authenticated:
        return None
    known: Any = user
    if not hasattr(known, "_tenants"):
        confined = [own for provider in _providers if (own := provider(user)) is not None]
        known._tenants = frozenset().union(*confined) - {""} if confined else None
    tenants: frozenset[str] | None = known._tenants
    return tenants


class Backend(ModelBackend):
    """Django's permissions; of those of a confined person, the ones whose doors look at tenants."""

    def _get_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        found: set[str] = super()._get_permissions(user_obj, obj, from_name)  # type: ignore[misc]  # not in the stubs
        return found if not found or tenants_of(user_obj) is None else found & _open

    async def _aget_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        found: set[str] = await super()._aget_permissions(user_obj, obj, from_name)  # type: ignore[misc]
        return found if not found or await sync_to_async(tenants_of)(user_obj) is None else found & _open

    def with_perm(self, perm: Any, *args: Any, **kwargs: Any) -> Any:
        """Without the confined ones, where that permission does not count for them."""
        found = super().with_perm(perm, *args, **kwargs)
        name = perm if isinstance(perm, str) else f"{perm.content_type.app_label}.{perm.codename}"
        if not _providers or is_open(name):
            return found
        return found.exclude(pk__in=[user.pk for user in found if tenants_of(user) is not None])
