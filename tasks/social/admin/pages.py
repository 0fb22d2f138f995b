"""What the pages of this app have in common: each shows the rows of the businesses that the person may see."""

from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import DropdownFilter, ModelAdmin
from scheduling.tenants import tenants_of
from tasks.admin import ReadOnlyAdmin
from tasks.social import told
from tasks.social.models import Business, Standing, Sync, SyncState

CSS = "tasks/social.css"
NOTHING = format_html('<span class="rota-faint social-none">{}</span>', "—")  # which phones leave out
STATES = {SyncState.RUNNING: "blue", SyncState.DONE: "green", SyncState.FAILED: "red"}
STANDINGS = {Standing.CONNECTED: "green", Standing.NEEDS_AUTHORISATION: "red", Standing.FORBIDDEN: "orange"}


class SocialAdmin(ModelAdmin):
    """Rows of businesses; the querysets of their models know whose they are."""

    list_display_links = None
    list_fullwidth = True
    list_per_page = 25
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    class Media:
        css: ClassVar = {"all": [CSS]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.seen_by(request.user)
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows


class SocialReadOnlyAdmin(SocialAdmin, ReadOnlyAdmin):
    """Rows that only syncs write."""


class BusinessFilter(DropdownFilter):
    """Of one of the businesses that the person may see."""

    title = "business"
    parameter_name = "business"
    path: ClassVar[str] = "business"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Business.objects.seen_by(request.user).values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(**{self.path: int(wanted)}) if wanted in known else queryset


class BusinessOfPostFilter(BusinessFilter):
    path = "account__business"


def is_confined(request: HttpRequest) -> bool:
    """Whether the person belongs to single businesses."""
    return tenants_of(request.user) is not None


def standing_badge(account: Any) -> SafeString:
    """How an account stands, from a row `with_holds`."""
    known = Standing(account.standing)
    held = max(filter(None, (account.held_until, account.app_held_until)), default=None)
    if known is Standing.CONNECTED and held and held > timezone.now():
        return columns.badge("Held", "amber", f"A limit of the platform: not asked before {columns.exact(held)}.")
    return columns.badge(known.label, STANDINGS[known], account.problem)


def sync_badge(sync: Sync) -> SafeString:
    """How it ended; with failures it is not all green."""
    known = SyncState(sync.state)
    if known is SyncState.DONE and sync.failures:
        return columns.badge(f"{sync.failures:,} failure{'' if sync.failures == 1 else 's'}", "amber")
    return columns.badge(known.label, STATES[known], sync.error)


def sync_cell(sync: Sync | None) -> dict[str, Any] | None:
    """A sync as the templates show it."""
    if sync is None:
        return None
    now = timezone.now()
    moment = columns.moment(sync.started_at, now)
    return {"row": sync, "badge": sync_badge(sync), "words": told.outcome(sync), "moment": moment}
