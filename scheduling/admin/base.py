"""What every page is built on: django-unfold, which brings no types, under the types of Django's admin."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.paginator import Paginator

    class ModelAdmin(admin.ModelAdmin[Any]):
        """django-unfold's ModelAdmin."""

    class StackedInline(admin.StackedInline[Any, Any]):
        """django-unfold's forms of the rows that belong to the one on the page."""

    class PlainUserAdmin(UserAdmin[Any]):
        """Django's own pages for users."""

    class DropdownFilter(admin.SimpleListFilter):
        """A filter that is one choice of a list."""

    class AutocompleteSelectFilter(admin.RelatedFieldListFilter):
        """A filter that asks the server for the rows to choose from."""

    class ChoicesDropdownFilter(admin.ChoicesFieldListFilter):
        """A filter by the choices of a field."""

    class InfinitePaginator(Paginator[Any]):
        """Previous and next, without a count of all."""

    def action(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A page or a button of a ModelAdmin."""
else:
    from unfold.admin import ModelAdmin, StackedInline
    from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
    from unfold.decorators import action
    from unfold.paginator import InfinitePaginator

    PlainUserAdmin = UserAdmin

__all__ = [
    "AutocompleteSelectFilter",
    "ChoicesDropdownFilter",
    "DropdownFilter",
    "InfinitePaginator",
    "ModelAdmin",
    "PlainUserAdmin",
    "StackedInline",
    "action",
]
