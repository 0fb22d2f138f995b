"""Incidents and the outbox: what is wrong just now, who was told of it, and what could not be delivered."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.ask import PauseForm, Question, ReasonForm, asked
from scheduling.admin.base import ChoicesDropdownFilter, DropdownFilter, ModelAdmin, action
from scheduling.models import Event, Execution, Incident, Job, Notice, NoticeState
from scheduling.redact import redact_json
from scheduling.store import notices as store

COLOURS = {
    NoticeState.WAITING: "amber",
    NoticeState.SENDING: "blue",
    NoticeState.SENT: "green",
    NoticeState.GIVEN_UP: "red",
}
MUTED = "Nothing is told of it until then, not even that it is well again."
SEEN = "It is not told again while it goes on; that it is well again is."
AGAIN = "It goes to its channel once more, as a message of its own; who got it already gets it twice."


class MuteForm(PauseForm):
    """Until when; a mute has an end."""

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given["until"] is None:
            raise ValidationError("Choose for how long, or until when.")
        return given


class StandingFilter(DropdownFilter):
    title = "State"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("open", "closed"):
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


class ReadOnlyAdmin(ModelAdmin):
    """Rows that nobody makes, changes or deletes by hand."""

    list_display_links = None
    list_fullwidth = True
    list_filter_submit = True
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("what", "about", "state", "opened", "last", "count", "of_rule")
    list_filter = (StandingFilter, ("event", ChoicesDropdownFilter))
    list_select_related = ("rule",)
    search_fields = ("subject", "summary")
    actions_detail = ("acknowledge", "mute")
    fields = (
        *("what", "about", "state", "summary", "last_run_link", "opened", "last", "count", "closed", "of_rule"),
        *("seen", "told"),
    )
    readonly_fields = fields

    def has_steer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.steer_incident")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup == "rule__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """None for what is over; no second acknowledgement."""
        incident = self.get_object(request, unquote(object_id))
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        if incident is None or incident.closed_at:
            return []
        return [each for each in found if each.path != "acknowledge" or not incident.acknowledged_at]

    # Cells

    @admin.display(description="Incident")
    def what(self, incident: Incident) -> SafeString:
        link = columns.link(columns.page(incident), Event(incident.event).label, "rota-name")
        return format_html('{}<div class="rota-faint">{}</div>', link, incident.summary[:200])

    @admin.display(description="About")
    def about(self, incident: Incident) -> SafeString | str:
        kind, _, name = incident.subject.partition(":")
        return columns.link(columns.page(Job(pk=name)), name) if kind == "job" else name or "Every scheduler"

    @admin.display(description="State")
    def state(self, incident: Incident) -> SafeString:
        if incident.closed_at:
            return columns.badge("Over", "green", incident.closed_reason)
        if incident.is_muted(timezone.now()):
            return columns.badge("Muted", "slate", f"By {incident.muted_by}")
        if incident.acknowledged_at:
            return columns.badge("Seen to", "amber", f"By {incident.acknowledged_by}")
        return columns.badge("Open", "red")

    @admin.display(description="Since")
    def opened(self, incident: Incident) -> SafeString:
        return columns.moment(incident.opened_at, timezone.now())

    @admin.display(description="Last seen")
    def last(self, incident: Incident) -> SafeString:
        return columns.moment(incident.last_at, timezone.now())

    @admin.display(description="Over since")
    def closed(self, incident: Incident) -> SafeString:
        return format_html(
            "{} {}", columns.moment(incident.closed_at, timezone.now(), empty="It goes on."), incident.closed_reason
        )

    @admin.display(description="Rule")
    def of_rule(self, incident: Incident) -> SafeString:
        return columns.link(columns.page(incident.rule), incident.rule)

    @admin.display(description="Last run")
    def last_run_link(self, incident: Incident) -> SafeString | str:
        run = Execution.objects.filter(pk=incident.last_run_id).first() if incident.last_run_id else None
        return format_html("{} {}", columns.link(columns.page(run), f"#{run.pk}"), columns.state(run)) if run else "—"

    @admin.display(description="Who sees to it")
    def seen(self, incident: Incident) -> SafeString:
        now = timezone.now()
        told = []
        if incident.acknowledged_at:
            told.append((f"{incident.acknowledged_by}, since", columns.moment(incident.acknowledged_at, now)))
        if incident.muted_until:
            told.append((f"Muted by {incident.muted_by} until", columns.moment(incident.muted_until, now)))
        return format_html_join("", "<div>{} {}</div>", told) or format_html("{}", "Nobody has said so.")

    @admin.display(description="Told")
    def told(self, incident: Incident) -> SafeString:
        rows = ((_state(each), each.channel, _link(each)) for each in incident.notices.order_by("id"))
        return format_html_join("", "<div>{} {}: {}</div>", rows) or format_html("{}", "Nobody was told.")

    # Doors

    @action(description="Acknowledge", icon="visibility", url_path="acknowledge", permissions=["steer"])
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(incident: Incident) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.acknowledge(incident, by=request.user.get_username(), now=timezone.now(), **given)
                return "You see to it." if done else "It is over, or somebody sees to it already."

            return Question("See to this incident?", "Acknowledge", verb, ReasonForm, notes=(incident.summary, SEEN))

        return asked(self, request, object_id, question)

    @action(description="Mute", icon="notifications_off", url_path="mute", permissions=["steer"])
    def mute(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(incident: Incident) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.mute(incident, by=request.user.get_username(), now=timezone.now(), **given)
                return "It is muted." if done else "It is over already."

            return Question("Mute this incident?", "Mute", verb, MuteForm, notes=(incident.summary, MUTED))

        return asked(self, request, object_id, question)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("headline", "state_label", "channel", "made", "when", "attempts", "trouble")
    list_filter = (("state", ChoicesDropdownFilter),)
    search_fields = ("title", "channel")
    actions_detail = ("send_again",)
    fields = ("headline", "state_label", "channel", "made", "when", "attempts", "trouble", "body", "as_json", "with_it")
    readonly_fields = fields

    def has_resend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.resend_notice")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        notice = self.get_object(request, unquote(object_id))
        over = notice is not None and notice.state in (NoticeState.SENT, NoticeState.GIVEN_UP)
        return super().get_actions_detail(request, object_id) if over else []  # type: ignore[misc]

    @admin.display(description="Notice")
    def headline(self, notice: Notice) -> SafeString:
        return _link(notice)

    @admin.display(description="State")
    def state_label(self, notice: Notice) -> SafeString:
        return _state(notice)

    @admin.display(description="Made")
    def made(self, notice: Notice) -> SafeString:
        return columns.moment(notice.created_at, timezone.now())

    @admin.display(description="Sent, or due")
    def when(self, notice: Notice) -> SafeString:
        over = notice.state == NoticeState.GIVEN_UP
        return columns.moment(None if over else notice.sent_at or notice.due_at, timezone.now())

    @admin.display(description="Trouble")
    def trouble(self, notice: Notice) -> str:
        return notice.error or "—"

    @admin.display(description="Text")
    def body(self, notice: Notice) -> SafeString:
        return format_html('<pre class="rota-block">{}</pre>', notice.text)

    @admin.display(description="As a web hook has it")
    def as_json(self, notice: Notice) -> SafeString:
        return columns.json_block(redact_json(notice.facts))

    @admin.display(description="In the same message")
    def with_it(self, notice: Notice) -> SafeString:
        others = Notice.objects.filter(message=notice.message).exclude(pk=notice.pk) if notice.message else ()
        return format_html_join("", "<div>{}</div>", ((_link(each),) for each in others)) or format_html(
            "{}", "It alone."
        )

    @action(description="Send again", icon="send", url_path="send-again", permissions=["resend"])
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(notice: Notice) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.send_again(notice, by=request.user.get_username(), now=timezone.now())
                return "It will be sent shortly." if done else "It waits to be sent already."

            return Question(f"Send this notice on {notice.channel} again?", "Send again", verb, notes=(AGAIN,))

        return asked(self, request, object_id, question)


def _state(notice: Notice) -> SafeString:
    known = NoticeState(notice.state)
    return columns.badge(known.label, COLOURS[known], notice.error)


def _link(notice: Notice) -> SafeString:
    return columns.link(columns.page(notice), notice.title, "rota-name")
