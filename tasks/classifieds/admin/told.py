"""Matches and deliveries: what the rules have found, who was told of it, and what could not be told."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, ModelAdmin
from tasks.admin import ReadOnlyAdmin
from tasks.classifieds import outbox
from tasks.classifieds.conf import options
from tasks.classifieds.facts import address_of
from tasks.classifieds.models import ClosedChannel, Delivery, DeliveryState, Match, Occasion
from tasks.classifieds.news import WORDS
from tasks.classifieds.wording import price

COLOURS = {DeliveryState.PENDING: "amber", DeliveryState.SENT: "green", DeliveryState.FAILED: "red"}
REOPENED = "It is tried again with another setting, by Try again, and by itself after a day."


@admin.register(Match)
class MatchAdmin(ReadOnlyAdmin):
    list_display = ("what", "of_rule", "why", "amount", "matched", "told")
    list_display_links = None
    list_fullwidth = True
    list_filter = ("rule", ("occasion", ChoicesDropdownFilter))
    list_select_related = ("rule", "listing")
    search_fields = ("listing__title",)
    sortable_by = ()
    show_full_result_count = False
    fields = ("listing_page", "on_site", "of_rule", "why", "amount", "matched", "told")
    readonly_fields = fields

    class Media:
        css = {"all": ("tasks/rules.css",)}  # noqa: RUF012  # Django's way to say it

    def get_queryset(self, request: HttpRequest) -> QuerySet[Match]:
        return Match.objects.prefetch_related("deliveries")

    @admin.display(description="Listing")
    def what(self, match: Match) -> SafeString:
        return columns.link(columns.page(match), match.listing, "rota-name")

    @admin.display(description="Listing")
    def listing_page(self, match: Match) -> SafeString:
        return columns.link(columns.page(match.listing), match.listing)

    @admin.display(description="On the site")
    def on_site(self, match: Match) -> SafeString:
        address = address_of(match.listing, options().headfi_url)
        return format_html('<a class="rota-link" href="{0}" rel="noreferrer">{0}</a>', address)

    @admin.display(description="Rule")
    def of_rule(self, match: Match) -> SafeString:
        return columns.link(columns.page(match.rule), match.rule)

    @admin.display(description="Why")
    def why(self, match: Match) -> str:
        return WORDS[Occasion(match.occasion)]

    @admin.display(description="Price")
    def amount(self, match: Match) -> str:
        return price(match.price, match.currency) or "—"

    @admin.display(description="Matched")
    def matched(self, match: Match) -> SafeString:
        return columns.moment(match.matched_at, timezone.now())

    @admin.display(description="Told")
    def told(self, match: Match) -> SafeString:
        rows = ((_state(each), each.channel) for each in match.deliveries.all())
        return format_html("<div>{}</div>", format_html_join("", "<div>{} {}</div>", rows) or "nobody")


class DeliveryList(ChangeList):
    """Says beside the list which channels are closed."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        for closed in ClosedChannel.objects.all():
            since = f"{columns.here(closed.closed_at):%Y-%m-%d %H:%M %Z}"
            messages.warning(request, f"Nothing is sent on {closed.channel} since {since}. {closed.why} {REOPENED}")


@admin.register(Delivery)
class DeliveryAdmin(ModelAdmin):
    """Nobody makes, changes or deletes them by hand."""

    list_display = ("what", "channel", "label", "attempts", "when", "error")
    list_display_links = None
    list_fullwidth = True
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = ("match__rule", "match__listing")
    search_fields = ("channel", "match__listing__title")
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = ("try_again",)
    fields = ("what", "channel", "label", "attempts", "when", "error")
    readonly_fields = fields

    class Media:
        css = {"all": ("tasks/rules.css",)}  # noqa: RUF012  # Django's way to say it

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("classifieds.change_delivery")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DeliveryList

    @admin.display(description="Match")
    def what(self, delivery: Delivery) -> SafeString:
        name = columns.link(columns.page(delivery.match), delivery.match.listing, "rota-name")
        return format_html('{}<div class="rota-faint">{}</div>', name, delivery.match.rule)

    @admin.display(description="State")
    def label(self, delivery: Delivery) -> SafeString:
        return _state(delivery)

    @admin.display(description="Sent, or next try")
    def when(self, delivery: Delivery) -> SafeString | str:
        if delivery.state == DeliveryState.FAILED:
            return "—"
        return columns.moment(delivery.sent_at or delivery.retry_at, timezone.now())

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        """What was given up, and all on the closed channels of those that wait; the others are on their way."""
        opened = outbox.open_again(deliveries)
        count = outbox.try_again(deliveries, timezone.now())
        told = [f"{count} will be sent with the next scan."] if count else []
        told += [f"Open again: {', '.join(opened)}."] if opened else []
        done = messages.SUCCESS if told else messages.WARNING
        self.message_user(request, " ".join(told) or "None of them was given up.", done)


def _state(delivery: Delivery) -> SafeString:
    known = DeliveryState(delivery.state)
    return columns.badge(known.label, COLOURS[known], delivery.error)
