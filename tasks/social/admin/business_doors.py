"""What one can do to a business besides editing it: sync it now, give it a schedule, take that away."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET
from unfold.widgets import UnfoldAdminRadioSelectWidget

from scheduling.admin import columns
from scheduling.admin.ask import Question, SureForm, ask, asked
from scheduling.admin.base import action
from scheduling.admin.fields import TEXT, ZoneWidget
from scheduling.coming import coming
from scheduling.exceptions import InvalidTrigger, SchedulingError
from scheduling.models import LONGEST_REASON, Execution, Job, Why
from scheduling.triggers import Kind, Schedule, describe
from tasks.exceptions import TaskError
from tasks.social import on_demand, schedule
from tasks.social.admin.pages import SocialAdmin, is_confined
from tasks.social.models import Business

SHOWN = 6  # moments of a preview
FIELDS = {"interval": "hours"}  # what this form calls the fields of a schedule


class ScheduleForm(forms.Form):
    """Every so many hours, or by a cron expression; cleaned it has `plan`."""

    by = forms.ChoiceField(
        label="Goes by",
        choices=[(Kind.INTERVAL.value, "Hours"), (Kind.CRON.value, "Cron expression")],
        widget=UnfoldAdminRadioSelectWidget,
    )
    hours = forms.FloatField(
        required=False,
        min_value=1,
        max_value=schedule.MOST_HOURS,
        help_text="From one sync to the next.",
        widget=forms.NumberInput(attrs={"class": TEXT, "min": 1, "max": schedule.MOST_HOURS, "step": "any"}),
    )
    cron = forms.CharField(
        label="Crontab",
        required=False,
        max_length=200,
        help_text="minute hour day-of-month month day-of-week, as 0 8-18/2 * * 1-5",
        widget=forms.TextInput(attrs={"class": TEXT, "autocomplete": "off", "spellcheck": "false"}),
    )
    timezone = forms.CharField(
        label="Time zone", required=False, max_length=64, help_text="Whose clock it follows.", widget=ZoneWidget()
    )
    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        help_text="Optional; it is kept in the history of the job.",
        widget=forms.TextInput(attrs={"class": TEXT}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                given["plan"] = planned(given)
            except InvalidTrigger as error:
                name = FIELDS.get(error.field, error.field)
                self.add_error(name if name in self.fields else None, str(error))
        return given


def planned(given: dict[str, Any]) -> Schedule:
    """Raises InvalidTrigger."""
    if given.get("by") == Kind.CRON:
        return schedule.plan(cron=given.get("cron", ""), timezone=given.get("timezone"))
    return schedule.plan(hours=given.get("hours"), timezone=given.get("timezone"))


@require_GET
def preview(request: HttpRequest, model_admin: SocialAdmin) -> HttpResponse:
    """A fragment with the schedule in the form in words, and its next moments; or with what is wrong with it."""
    if not request.user.has_perms(("social.view_business", "social.schedule_business")):
        raise PermissionDenied
    form = ScheduleForm(request.GET)
    if form.is_valid():
        context = moments_of(form.cleaned_data["plan"], timezone.now())
    else:
        context = {"error": " ".join(str(error) for each in form.errors.values() for error in each)}
    return TemplateResponse(request, "tasks/social/preview.html", context)


def moments_of(plan: Schedule, now: datetime) -> dict[str, Any]:
    """What the preview shows."""
    plan = replace(plan, anchor=now)  # as if it were saved now
    rows = [
        (f"{each.local:%a %Y-%m-%d %H:%M %Z}", columns.distance(each.at, now), "; ".join(each.notes))
        for each in coming(plan, [], SHOWN, now)
    ]
    return {"words": describe(plan), "rows": rows}


class BusinessDoors(SocialAdmin):
    """On the list for all of them, and on the page of each."""

    actions_list = ("sync_all",)
    actions_detail = ("sync", "schedule", "unschedule", "job")
    custom_urls = (("preview/", "social_business_preview", preview),)

    def has_sync_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(("social.view_business", "social.sync_business"))

    def has_sync_all_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (
            self.has_sync_permission(request)
            and request.user.has_perm("scheduling.run_job")
            and not is_confined(request)
        )

    def has_schedule_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(("social.view_business", "social.schedule_business"))

    def has_job_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(("social.view_business", "scheduling.view_job"))

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Without those that would do nothing."""
        business = self.get_object(request, unquote(object_id))
        idle = set() if business is not None and schedule.job_of(business) else {"unschedule", "job"}
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [each for each in found if each.path not in idle]

    @action(description="Sync all now", icon="sync", url_path="sync-all", permissions=["sync_all"])
    def sync_all(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            note = "One run takes all active businesses of the hourly sync, one after the other."
            question = Question(title="Sync all businesses now?", button="Sync all", verb=lambda _: "", notes=(note,))
            return ask(self, request, question, SureForm())
        try:
            found = on_demand.sync_all(by=_name(request), now=timezone.now(), why=Why.RUN_NOW)
        except TaskError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            level = messages.SUCCESS if found.is_new else messages.WARNING
            self.message_user(request, _told(request, found), level)
        return HttpResponseRedirect(columns.listing(Business))

    @action(description="Sync now", icon="sync", url_path="sync", permissions=["sync"])
    def sync(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(business: Business) -> Question:
            def verb(_: dict[str, Any]) -> SafeString:
                try:
                    found = on_demand.sync_one(business, by=_name(request), now=timezone.now(), why=Why.RUN_NOW)
                except TaskError as error:
                    raise SchedulingError(str(error)) from None
                return _told(request, found)

            return Question(title=f"Sync {business} now?", button="Sync now", verb=verb)

        return asked(self, request, object_id, question)

    @action(description="Schedule", icon="schedule", url_path="schedule", permissions=["schedule"])
    def schedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(business: Business) -> Question:
            job = schedule.job_of(business)

            def verb(given: dict[str, Any]) -> SafeString | str:
                told: dict[str, Any] = {"by": _name(request), "now": timezone.now(), "reason": given["reason"]}
                with schedule.discreet(request.user):
                    made, is_new = schedule.give(business, given["plan"], **told)
                return f"{business} is {'' if is_new else 'now '}synced by its own schedule: {made.words}."

            return Question(
                title=f"Schedule of {business}",
                button="Save",
                verb=verb,
                form=ScheduleForm,
                initial=initial(job),
                notes=(also_hourly(business), render_to_string("tasks/social/preview_place.html")),
            )

        return asked(self, request, object_id, question)

    @action(description="Remove schedule", icon="event_busy", url_path="unschedule", permissions=["schedule"])
    def unschedule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(business: Business) -> Question:
            def verb(_: dict[str, Any]) -> str:
                with schedule.discreet(request.user):
                    done = schedule.take(business, by=_name(request), now=timezone.now())
                return f"{business} has no schedule of its own {'any more' if done else 'anyway'}."

            job = schedule.job_of(business)
            notes = (f"It is: {job.words}." if job else "It has none.", also_hourly(business), REMOVING)
            title = f"Remove the schedule of {business}?"
            return Question(title=title, button="Remove", verb=verb, notes=notes, danger=True)

        return asked(self, request, object_id, question)

    @action(description="Job", icon="event_repeat", url_path="job", permissions=["job"])
    def job(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the page on which staff edit it like any other."""
        business = self.get_object(request, unquote(object_id))
        job = schedule.job_of(business) if business else None
        return HttpResponseRedirect(columns.page(job) if job else columns.listing(Business))


REMOVING = "The history of its runs stays; what it has queued is cancelled, what runs is told to stop."


def initial(job: Job | None) -> dict[str, Any]:
    """What the form shows at first."""
    if job is None or job.trigger not in (Kind.CRON, Kind.INTERVAL):
        zone = timezone.get_current_timezone_name()
        return {"by": Kind.INTERVAL.value, "hours": schedule.DEFAULT_HOURS, "timezone": zone}
    hours = f"{job.interval / schedule.HOUR:g}" if job.interval else None
    return {"by": job.trigger, "hours": hours, "cron": job.cron, "timezone": job.timezone}


def also_hourly(business: Business) -> str:
    if not business.is_active:
        return "It is not active: its schedule is paused until it is."
    return "The hourly sync of all businesses takes it along as well." if business.in_hourly_sync else ""


def _told(request: HttpRequest, found: on_demand.Asked) -> SafeString:
    """What came of it, with a link to the run for those who may see runs."""
    if not request.user.has_perm("scheduling.view_execution"):
        return format_html("{}", found.words)
    before, _, after = found.words.partition(f"#{found.run.pk}")
    return format_html(
        "{}{}{}", before, columns.link(columns.page(Execution(pk=found.run.pk)), f"#{found.run.pk}"), after
    )


def _name(request: HttpRequest) -> str:
    return request.user.get_username()
