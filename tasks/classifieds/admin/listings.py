"""Categories, listings with their history, and the pages that could not be read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, ModelAdmin
from tasks.admin import ReadOnlyAdmin
from tasks.classifieds.admin.price_chart import draw, points
from tasks.classifieds.conf import options
from tasks.classifieds.facts import address_of
from tasks.classifieds.keep import price_text
from tasks.classifieds.models import Category, Kind, Listing, ListingStatus, StrangePage
from tasks.classifieds.parse import ROOT, is_below

MOST_CHANGES = 200  # shown of one listing
KINDS = {Kind.SALE: "green", Kind.SALE_OR_TRADE: "blue", Kind.WANTED: "amber", Kind.TRADE: "violet"}
STATUSES = {ListingStatus.ACTIVE: "green", ListingStatus.SOLD: "slate", ListingStatus.CLOSED: "slate"}


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    """What people decide of a category is whether it is watched."""

    actions = None
    list_display = ("name", "is_watched", "count", "scanned")
    list_editable = ("is_watched",)
    show_facets = admin.ShowFacets.NEVER
    fields = ("name", "slug", "is_watched", "count", "scanned")
    readonly_fields = ("name", "slug", "count", "scanned")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return Category.objects.annotate(count=Count("listings"))

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        """Nothing of what a scan writes meanwhile is put back."""
        obj.save(update_fields=["is_watched"])

    @admin.display(description="Listings", ordering="count")
    def count(self, category: Any) -> SafeString:
        return columns.link(columns.listing(Listing, category__slug__exact=category.pk), f"{category.count:,}")

    @admin.display(description="Last scan", ordering="scanned_at")
    def scanned(self, category: Category) -> SafeString:
        return columns.moment(category.scanned_at, timezone.now(), empty="never")


@admin.register(Listing)
class ListingAdmin(ReadOnlyAdmin):
    list_display = ("title", "cost", "kind_badge", "status_badge", "category", "seller", "seen")
    list_filter = ("category", ("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("category",)
    search_fields = ("title", "seller")
    search_help_text = "Title or seller"
    list_filter_submit = True
    show_full_result_count = False
    fieldsets: ClassVar = [
        (None, {"fields": ["title", "on_site", "cost", "kind_badge", "status_badge", "category"]}),
        ("What it tells", {"fields": ["condition", "negotiability", "ships_to", "seller", "seller_reputation"]}),
        ("When", {"fields": ["listed", "edited", "first_seen", "seen"]}),
        ("How it changed", {"fields": ["price_line", "history"]}),
    ]

    @admin.display(description="Price", ordering="price")
    def cost(self, listing: Listing) -> str:
        return price_text(listing.price, listing.currency) or "—"

    @admin.display(description="Kind", ordering="kind")
    def kind_badge(self, listing: Listing) -> SafeString | str:
        return columns.badge(listing.kind, KINDS[Kind(listing.kind)]) if listing.kind else "—"

    @admin.display(description="Status", ordering="status")
    def status_badge(self, listing: Listing) -> SafeString:
        status = ListingStatus(listing.status)
        return columns.badge(status.label, STATUSES[status])

    @admin.display(description="First seen", ordering="first_seen_at")
    def first_seen(self, listing: Listing) -> SafeString:
        return columns.moment(listing.first_seen_at, timezone.now())

    @admin.display(description="Last seen", ordering="last_seen_at")
    def seen(self, listing: Listing) -> SafeString:
        return columns.moment(listing.last_seen_at, timezone.now())

    @admin.display(description="Listed")
    def listed(self, listing: Listing) -> SafeString:
        return columns.moment(listing.listed_at, timezone.now())

    @admin.display(description="Edited")
    def edited(self, listing: Listing) -> SafeString:
        return columns.moment(listing.edited_at, timezone.now())

    @admin.display(description="On the site")
    def on_site(self, listing: Listing) -> SafeString | str:
        """A link nowhere but to the classifieds of the configured site."""
        if not is_below(listing.path, ROOT):
            return "—"
        address = address_of(listing, options().headfi_url)
        return format_html('<a class="rota-link" href="{0}" rel="noopener noreferrer">{0}</a>', address)

    @admin.display(description="Price")
    def price_line(self, listing: Listing) -> SafeString | str:
        changes = list(listing.changes.filter(field="price")[:MOST_CHANGES])
        return draw(points(listing, changes), listing.last_seen_at, listing.currency) or "It has not changed."

    @admin.display(description="Changes")
    def history(self, listing: Listing) -> SafeString | str:
        changes, now = list(listing.changes.all()[:MOST_CHANGES]), timezone.now()
        return (
            format_html_join("", "<div>{} · {}</div>", ((columns.moment(each.seen_at, now), each) for each in changes))
            or "None."
        )


@admin.register(StrangePage)
class StrangePageAdmin(ReadOnlyAdmin):
    list_display = ("url", "status", "why", "seen")
    fields = ("url", "status", "why", "seen", "text")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("classifieds.delete_strangepage"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[StrangePage]:
        """Without the pages; that of one row fetches its own."""
        return StrangePage.objects.defer("body")

    @admin.display(description="Seen")
    def seen(self, page: StrangePage) -> SafeString:
        return columns.moment(page.seen_at, timezone.now())

    @admin.display(description="What came")
    def text(self, page: StrangePage) -> SafeString:
        """As text: nothing of it runs, and nothing is fetched for it."""
        return format_html('<pre class="rota-block">{}</pre>', page.body)
