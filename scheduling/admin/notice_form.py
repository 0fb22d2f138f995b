"""The form of a rule of notices, and what the rule would do, told while one types."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelect2MultipleWidget

from scheduling.admin.base import ModelAdmin
from scheduling.admin.fields import TEXT, SpanField, TagsField, ZoneWidget, zone_or_none
from scheduling.admin.preview import check_permission
from scheduling.models import Event, Job, NoticeRule
from scheduling.notices import channels
from scheduling.notices.described import describe

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[NoticeRule]
else:
    BaseForm = forms.ModelForm

FIELDS = (
    *("name", "enabled", "events", "jobs", "tags", "channels"),
    *("in_a_row", "late_by", "longer_than", "factor", "silent_for"),
    *("quiet_from", "quiet_until", "timezone", "silent_breaks_quiet", "repeat_after"),
)
ASKED = ", ".join(f"[name={name}]" for name in FIELDS)
USUAL_EVENTS = (Event.FAILED, Event.RECOVERED, Event.SILENT)
LONGER = {  # what the words of an event need to be understood
    Event.FAILING: "Runs failed several times in a row (how many: below)",
    Event.RECOVERED: "It is well again, told once",
    Event.LATE: "A run starts late, or waits to start (by how much: below)",
    Event.LONG: "A run takes too long, told while it runs (how long: below)",
    Event.EMPTY: "A run succeeded with 0 items",
    Event.FEW: "A run did far fewer items than usual",
    Event.SILENT: "No scheduler is alive",
}


def _clock() -> forms.TimeInput:
    return forms.TimeInput(attrs={"class": TEXT, "type": "time"}, format="%H:%M")


class NoticeRuleForm(BaseForm):
    events = forms.MultipleChoiceField(
        label="Tell when",
        choices=[(event.value, LONGER.get(event, event.label)) for event in Event],
        initial=[event.value for event in USUAL_EVENTS],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    jobs = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Jobs and tags add up. Neither: every job, and runs without one.",
    )
    tags = TagsField(required=False)
    channels = forms.MultipleChoiceField(
        label="Channels",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Their addresses are settings, NOTICE_CHANNEL_ and a name, since they are secrets.",
    )

    class Meta:
        model = NoticeRule
        fields = FIELDS
        labels: ClassVar = {
            "enabled": "Switched on",
            "in_a_row": "Failed in a row",
            "late_by": "Late by",
            "longer_than": "Takes longer than",
            "factor": "Times the usual",
            "silent_for": "No scheduler for",
            "quiet_from": "Quiet from",
            "quiet_until": "Quiet until",
            "timezone": "Time zone",
            "silent_breaks_quiet": "No scheduler breaks the quiet",
            "repeat_after": "Tell again after",
        }
        field_classes: ClassVar = dict.fromkeys(("late_by", "longer_than", "silent_for", "repeat_after"), SpanField)
        widgets: ClassVar = {
            **dict.fromkeys(("late_by", "longer_than", "silent_for", "repeat_after"), SpanField.widget),
            "quiet_from": _clock(),
            "quiet_until": _clock(),
            "timezone": ZoneWidget(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance
        for name, known in (("jobs", _jobs()), ("channels", _channels())):
            field: Any = self.fields.get(name)  # not there for who only looks
            if field is not None:
                gone = [each for each in getattr(kept, name) if each not in known]
                field.choices = [*known.items(), *((each, f"{each} (there is none any more)") for each in gone)]

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"])
        if zone_or_none(name) is None:
            raise forms.ValidationError(f"“{name}” is no known time zone; write it like Europe/Berlin.")
        return name

    def clean_channels(self) -> list[str]:
        """One that is gone has to be taken out before anything else is saved."""
        chosen: list[str] = self.cleaned_data["channels"]
        gone = [name for name in chosen if name not in channels.names()]
        if gone:
            raise forms.ValidationError(f"There is no channel {gone[0]}: set NOTICE_CHANNEL_{gone[0].upper()}.")
        return chosen


def _jobs() -> dict[str, str]:
    return {pk: f"{name} ({pk})" if name != pk else pk for pk, name in Job.objects.values_list("pk", "name")}


def _channels() -> dict[str, str]:
    return {name: f"{name}: {channels.kind(name)}" for name in channels.names()}


@require_GET
def preview_rule(request: HttpRequest, model_admin: ModelAdmin) -> HttpResponse:
    """A fragment that says what the rule in the form would do, or which of its fields cannot be read."""
    check_permission(request, model_admin)
    form = NoticeRuleForm(request.GET)
    form.is_valid()
    wrong = [str(form.fields[name].label or name) for name in form.errors if name not in ("name", "events", "channels")]
    if wrong:
        return HttpResponse(format_html('<p class="rota-preview-error">{} cannot be read.</p>', ", ".join(wrong)))
    values = {name: form.cleaned_data[name] for name in FIELDS if form.cleaned_data.get(name) is not None}
    return HttpResponse(in_words(NoticeRule(**values)))


def in_words(rule: NoticeRule) -> SafeString:
    return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in describe(rule)))
