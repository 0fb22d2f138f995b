"""What holds for all rules: the global filters and the exchange rates."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from tasks.classifieds.admin.rule_form import FILTERS, FiltersForm, listed
from tasks.classifieds.filters import global_filters
from tasks.classifieds.models import ExchangeRate, Filters
from tasks.classifieds.models.rules import CURRENCIES
from tasks.classifieds.money import BASE, STALE_AFTER


@admin.register(Filters)
class FiltersAdmin(ModelAdmin):
    """One row: its list leads to it."""

    form = FiltersForm
    readonly_fields = tuple(f"shown_{name}" for name in FILTERS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        return answer if answer.status_code != 200 else HttpResponseRedirect(columns.page(global_filters()))

    def get_fields(self, request: HttpRequest, obj: Filters | None = None) -> Any:
        return FILTERS if self.has_change_permission(request, obj) else self.readonly_fields

    @admin.display(description="Types")
    def shown_listing_types(self, filters: Filters) -> str:
        return listed(filters.listing_types)

    @admin.display(description="Leave out")
    def shown_exclude_status(self, filters: Filters) -> str:
        return listed(filters.exclude_status, "nothing")

    @admin.display(description="Ships to")
    def shown_ships_to(self, filters: Filters) -> str:
        return listed(filters.ships_to)

    @admin.display(description="Least reputation of the seller")
    def shown_min_seller_reputation(self, filters: Filters) -> str:
        return str(filters.min_seller_reputation or "any")


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ModelAdmin):
    list_display = ("currency", "worth", "as_of", "age")
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Any:
        return ("currency",) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"as_of": timezone.now().date(), **super().get_changeform_initial_data(request)}

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The dollar, in which all others are, needs no rate."""
        if db_field.name == "currency":
            kwargs["choices"] = [(code, code) for code in CURRENCIES if code != BASE]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    @admin.display(description="In USD")
    def worth(self, rate: ExchangeRate) -> str:
        return f"{rate.in_usd.normalize():f}"

    @admin.display(description="Age")
    def age(self, rate: ExchangeRate) -> SafeString:
        days = timezone.now().date() - rate.as_of
        told = {0: "today", 1: "1 day"}.get(days.days, f"{days.days} days")
        return columns.badge(told, "amber" if days > STALE_AFTER else "green")
