"""Rules of notices: who is told of what, in a form and in words; and a message to try a channel with."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Q, QuerySet
from django.forms import MultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from scheduling.admin import columns, preview
from scheduling.admin.ask import Question, SureForm, asked
from scheduling.admin.base import ModelAdmin, action
from scheduling.admin.notice_form import ASKED, NoticeRuleForm, in_words, preview_rule
from scheduling.models import Event, Incident, NoticeRule
from scheduling.notices import channels, described
from scheduling.notices.post import send_test

LOOKED_FOR = {"enabled", "events", "jobs", "tags", "in_a_row", "late_by", "longer_than", "factor"}
NO_CHANNEL = "No channel is configured: set a variable such as NOTICE_CHANNEL_OPS in the environment, and start again."


class TestForm(SureForm):
    """Which channels to try; none chosen beforehand is left out."""

    names = MultipleChoiceField(label="Channels", widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["names"]
        field.choices = [(name, f"{name}: {channels.kind(name)}") for name in channels.names()]


@admin.register(NoticeRule)
class NoticeRuleAdmin(ModelAdmin):
    form = NoticeRuleForm
    list_display = ("title", "tells", "about", "on", "state")
    list_display_links = None
    list_fullwidth = True
    search_fields = ("name",)
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None
    actions_detail = ("test",)
    readonly_fields = ("what_happens", "shown")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "events", "jobs", "tags", "channels", "what_happens")}),
        (
            "How much is too much",
            {"classes": ("tab",), "fields": ("in_a_row", "late_by", "longer_than", "factor", "silent_for")},
        ),
        (
            "When it is told",
            {
                "classes": ("tab",),
                "fields": ("repeat_after", ("quiet_from", "quiet_until"), "timezone", "silent_breaks_quiet"),
            },
        ),
    )
    custom_urls = (("preview/", "scheduling_noticerule_preview", preview_rule),)
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[NoticeRule]:
        return NoticeRule.objects.annotate(standing=Count("incidents", filter=Q(incidents__closed_at=None)))

    def has_test_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.test_noticerule")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Without a channel, no rule tells anything: say so where rules are made."""
        if not channels.names():
            self.message_user(request, NO_CHANNEL, messages.WARNING)
        return super().get_changelist_instance(request)

    # The list

    @admin.display(description="Rule")
    def title(self, rule: NoticeRule) -> SafeString:
        return columns.link(columns.page(rule), rule, "rota-name")

    @admin.display(description="Tells when")
    def tells(self, rule: NoticeRule) -> SafeString:
        known = [Event(event).label for event in rule.events if event in Event.values]
        return format_html("<div>{}</div>", format_html_join("", "<div>{}</div>", ((label,) for label in known)))

    @admin.display(description="About")
    def about(self, rule: NoticeRule) -> str:
        return described.scope(rule)

    @admin.display(description="Channels")
    def on(self, rule: NoticeRule) -> SafeString:
        names = format_html_join(" ", "{}", ((_channel(name),) for name in rule.channels))
        return format_html("<span>{}</span>", names or "—")

    @admin.display(description="State")
    def state(self, rule: Any) -> SafeString:
        if not rule.enabled:
            return columns.badge("Off", "slate")
        if rule.standing:
            text = f"{rule.standing:,} open"
            return columns.link(columns.listing(Incident, rule__id__exact=rule.pk), columns.badge(text, "red"))
        return columns.badge("On", "green")

    # The page of one rule

    def get_fieldsets(self, request: HttpRequest, obj: NoticeRule | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return ((None, {"fields": ("name", "shown")}),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"timezone": timezone.get_current_timezone_name(), **super().get_changeform_initial_data(request)}

    @admin.display(description="What happens")
    def what_happens(self, rule: NoticeRule | None) -> SafeString:
        """As the form has it now."""
        return preview.live("noticerule", "preview", ASKED)

    @admin.display(description="What happens")
    def shown(self, rule: NoticeRule) -> SafeString:
        return in_words(rule)

    def save_model(self, request: HttpRequest, obj: NoticeRule, form: Any, change: bool) -> None:
        """What happened before the rule looked for it is not told."""
        if change and LOOKED_FOR.isdisjoint(form.changed_data):
            obj.save(update_fields=form.changed_data)
            return
        obj.since = timezone.now()
        obj.save(update_fields=[*form.changed_data, "since"] if change else None)

    @action(description="Send a test message", icon="send", url_path="test", permissions=["test"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(rule: NoticeRule) -> Question:
            def verb(given: dict[str, Any]) -> SafeString:
                by = request.user.get_username()
                wrong = {name: send_test(name, by, timezone.now) for name in given["names"]}
                return format_html_join("; ", "{}: {}", ((name, why or "delivered") for name, why in wrong.items()))

            chosen = [name for name in rule.channels if name in channels.names()]
            notes = ("It is sent at once, and kept in the outbox.", "" if channels.names() else NO_CHANNEL)
            title = f"Send a test message on the channels of {rule}?"
            return Question(title, "Send", verb, TestForm, initial={"names": chosen}, notes=notes)

        return asked(self, request, object_id, question)


def _channel(name: str) -> SafeString:
    if name in channels.names():
        return columns.badge(name, "blue", channels.kind(name))
    return columns.badge(f"{name}?", "red", f"It is not configured: set NOTICE_CHANNEL_{str(name).upper()}.")
