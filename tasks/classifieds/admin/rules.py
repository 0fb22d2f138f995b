"""Rules: what people look for, in a form that is checked while one types, and how much each has found."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Max, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from tasks.classifieds import channels
from tasks.classifieds.admin import rule_preview
from tasks.classifieds.admin.rule_form import FILTERS, RuleForm, listed
from tasks.classifieds.expression import InvalidRule
from tasks.classifieds.models import ClosedChannel, Match, Rule
from tasks.classifieds.parsing import parse
from tasks.classifieds.wording import describe

RECENTLY = timedelta(days=7)
LOOKED_FOR = {"expression", "currency", "categories", *FILTERS, "ships_to_usual"}
LONGEST_WORDS = 160  # characters of a description in the list
WHAT = (None, {"fields": ("name", "is_active", "expression", "examples", "preview", "currency")})
WHO = ("Who is told", {"fields": ("channels",)})
WHERE = (
    "Filters",
    {
        "fields": (
            *("categories", "listing_types", "exclude_status", "ships_to_usual", "ships_to"),
            "min_seller_reputation",
        )
    },
)
ORIGIN = ("Origin", {"fields": ("created_at", "changed_at", "changed_by")})
SHOWN = (None, {"fields": ("name", "state", "shown_expression", "words", "currency", "tells", "shown_filters")})


class RuleList(ChangeList):
    """Brings along what the rules of the page have matched, in one query, and which channels are closed."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        recent = Q(matched_at__gte=timezone.now() - RECENTLY)
        rows = Match.objects.filter(rule__in=self.result_list).order_by().values("rule")
        rows = rows.annotate(last=Max("matched_at"), lately=Count("pk", filter=recent))
        found = {row["rule"]: (row["last"], row["lately"]) for row in rows}
        closed = set(ClosedChannel.objects.values_list("channel", flat=True))
        open_channels = {name for name, _ in channels.choices()} - closed
        for rule in self.result_list:
            rule.last_match, rule.lately = found.get(rule.pk, (None, 0))
            rule.silent = [name for name in rule.channels if name not in open_channels]


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    form = RuleForm
    list_display = ("title", "state", "tells", "last", "matches")
    list_display_links = None
    list_fullwidth = True
    search_fields = ("name", "expression")
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None
    readonly_fields = (
        *("examples", "preview", "state", "words", "tells", "shown_expression", "shown_filters"),
        *("created_at", "changed_at", "changed_by"),
    )
    custom_urls = (("preview/", "classifieds_rule_preview", rule_preview.preview_rule),)
    warn_unsaved_form = True

    class Media:
        css = {"all": ("tasks/rules.css",)}  # noqa: RUF012  # Django's way to say it
        js = ("tasks/rule_form.js",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RuleList

    # The list

    @admin.display(description="Rule", ordering="name")
    def title(self, rule: Rule) -> SafeString:
        words = self.words(rule)
        short = words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"
        return format_html(
            '{}<div class="rule-words">{}</div>', columns.link(columns.page(rule), rule, "rota-name"), short
        )

    @admin.display(description="State")
    def state(self, rule: Rule) -> SafeString:
        try:
            parse(rule.expression)
        except InvalidRule as error:
            return columns.badge("Cannot be read", "red", error.told)
        return columns.badge("On", "green") if rule.is_active else columns.badge("Off", "slate")

    @admin.display(description="Tells on")
    def tells(self, rule: Any) -> SafeString:
        silent = getattr(rule, "silent", [])
        names = format_html_join(" ", "{}", ((_channel(name, name in silent),) for name in rule.channels))
        return format_html("<span>{}</span>", names or "nobody")

    @admin.display(description="Last match")
    def last(self, rule: Any) -> SafeString:
        return columns.moment(rule.last_match, timezone.now(), empty="never")

    @admin.display(description="In 7 days")
    def matches(self, rule: Any) -> SafeString | str:
        return columns.link(columns.listing(Match, rule__id__exact=rule.pk), f"{rule.lately:,}") if rule.lately else "0"

    # The page of one rule

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        if obj is None:
            return (WHAT, WHO, WHERE)
        if self.has_change_permission(request, obj):
            return (WHAT, WHO, WHERE, ORIGIN)
        return (SHOWN, ORIGIN)

    @admin.display(description="To start from")
    def examples(self, rule: Rule | None) -> SafeString:
        return rule_preview.examples()

    @admin.display(description="What it finds")
    def preview(self, rule: Rule | None) -> SafeString:
        """As the form has it now."""
        return rule_preview.live()

    @admin.display(description="In words")
    def words(self, rule: Rule) -> str:
        try:
            return describe(parse(rule.expression), rule.currency)
        except InvalidRule as error:
            return error.told

    @admin.display(description="Expression")
    def shown_expression(self, rule: Rule) -> SafeString:
        return format_html('<pre class="rota-block">{}</pre>', rule.expression)

    @admin.display(description="Filters of its own")
    def shown_filters(self, rule: Rule) -> SafeString:
        own = [(name.replace("_", " "), getattr(rule, name)) for name in ("categories", *FILTERS)]
        rows = ((name, listed(value) if isinstance(value, list) else value) for name, value in own if value is not None)
        return format_html_join("", "<div>{}: {}</div>", rows) or format_html("{}", "none")

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        """A rule that is on looks at what changes from now on; what was listed before stays untold."""
        if not change or not LOOKED_FOR.isdisjoint(form.changed_data):
            obj.changed_at, obj.changed_by = timezone.now(), request.user.get_username()
        super().save_model(request, obj, form, change)


def _channel(name: str, is_silent: bool) -> SafeString:
    if is_silent:
        return columns.badge(f"{name}?", "red", "It is closed or not configured: see its deliveries.")
    return columns.badge(name, "blue")
