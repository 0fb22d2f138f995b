"""Calendars: which days and hours they exclude, and which jobs keep them."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db import IntegrityError
from django.forms import TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from scheduling import places, store
from scheduling.admin import columns, fields, history, preview
from scheduling.admin.base import ModelAdmin, StackedInline
from scheduling.admin.calendar_form import ASKED, CalendarForm, WindowForm, WindowFormSet, coming, preview_calendar
from scheduling.calendars import usage
from scheduling.exceptions import CalendarInUse
from scheduling.models import Calendar, Change, Job, Window

NAMED = 3  # jobs, in a cell of the list
WHAT = ("name", "id", "country", "subdivision", "timezone")
USE = (None, {"fields": ("used_by",)})


class CalendarList(ChangeList):
    """Brings the jobs that name the calendars of the page along, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        jobs = usage() if _sees_jobs(request) else {}
        for calendar in self.result_list:
            calendar.jobs = jobs.get(calendar.pk, [])


class WindowInline(StackedInline):
    """Who may change a calendar may change its windows."""

    model = Window
    form = WindowForm
    formset = WindowFormSet
    fields = ("name", ("start_at", "end_at"), ("cron", "duration"))
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.view_calendar") or self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.change_calendar" if obj else "scheduling.add_calendar")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)


@admin.register(Calendar)
class CalendarAdmin(ModelAdmin):
    form = CalendarForm
    inlines = (WindowInline,)
    list_display = ("title", "place", "clock", "users")
    list_display_links = None
    list_fullwidth = True
    search_fields = ("id", "name")
    show_facets = admin.ShowFacets.NEVER
    actions = None
    readonly_fields = ("excluded", "shown_excluded", "used_by")
    custom_urls = (("preview/", "scheduling_calendar_preview", preview_calendar),)
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CalendarList

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if _sees_jobs(request) else self.list_display[:-1]

    @admin.display(description="Calendar", ordering="name")
    def title(self, calendar: Calendar) -> SafeString:
        name = columns.link(columns.page(calendar), calendar, "rota-name")
        return format_html('{}<div class="rota-id">{}</div>', name, calendar.pk)

    @admin.display(description="Holidays of", ordering="country")
    def place(self, calendar: Calendar) -> str:
        country = places.countries().get(calendar.country, calendar.country)
        return ", ".join(filter(None, (country, calendar.subdivision))) or "—"

    @admin.display(description="Time zone", ordering="timezone")
    def clock(self, calendar: Calendar) -> str:
        return calendar.timezone

    @admin.display(description="Used by")
    def users(self, calendar: Any) -> SafeString:
        return format_html("<div>{}</div>", _named(calendar.jobs, NAMED))

    # The page of one calendar

    def get_fieldsets(self, request: HttpRequest, obj: Calendar | None = None) -> Any:
        typed = obj is None or self.has_change_permission(request, obj)
        what = (None, {"fields": (*WHAT, "excluded" if typed else "shown_excluded")})
        return (what, USE) if obj and _sees_jobs(request) else (what,)

    def get_readonly_fields(self, request: HttpRequest, obj: Calendar | None = None) -> Any:
        return (*self.readonly_fields, "id") if obj else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: Calendar | None = None) -> Any:
        return {} if obj else {"id": ("name",)}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"timezone": timezone.get_current_timezone_name(), **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "timezone":
            kwargs["widget"] = fields.ZoneWidget()
        if db_field.name == "subdivision":
            kwargs["widget"] = TextInput({"class": fields.TEXT, "autocomplete": "off", "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Calendar | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "country" in form.base_fields:
            choices = fields.country_choices(obj.country if obj else "")
            form.base_fields["country"].widget = UnfoldAdminSelectWidget(choices=choices)
        return form

    @admin.display(description="Next excluded")
    def excluded(self, calendar: Calendar | None) -> SafeString:
        """As the form has it now."""
        return preview.live("calendar", "preview", ASKED)

    @admin.display(description="Next excluded")
    def shown_excluded(self, calendar: Calendar) -> SafeString:
        return coming(calendar, calendar.windows.all(), timezone.now())

    @admin.display(description="Used by")
    def used_by(self, calendar: Calendar) -> SafeString:
        jobs = usage().get(calendar.pk, [])
        return _named(jobs, len(jobs))

    # Saving: the form only says what is wanted; the verbs write it, with the windows, and keep it on record

    def save_model(self, request: HttpRequest, obj: Calendar, form: Any, change: bool) -> None:
        """Left to save_related: a calendar and its windows are one thing."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            formset.save(commit=False)  # for the words of Django's own log
        wanted = [window for formset in formsets for window in formset.wanted()]
        save = store.change_calendar if change else store.create_calendar
        save(form.instance, wanted, by=request.user.get_username(), now=timezone.now())

    def delete_model(self, request: HttpRequest, obj: Calendar) -> None:
        store.delete_calendar(obj, by=request.user.get_username(), now=timezone.now())

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form refuses what it can; what only the database could tell comes back as a message."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Calendar.DoesNotExist, IntegrityError):
            self.message_user(request, "Someone else was faster with this calendar.", messages.ERROR)
        return HttpResponseRedirect(reverse("admin:scheduling_calendar_changelist"))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Every change through any door; a deleted calendar's history stays."""
        name = f"calendar {unquote(object_id)}"
        calendar = self.get_object(request, unquote(object_id))
        return history.page(self, request, calendar, Change.objects.filter(subject=name), name)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A calendar that jobs name stays: they would run on its days without a word."""
        calendar = self.get_object(request, unquote(object_id))
        jobs = usage().get(calendar.pk) if calendar and self.has_delete_permission(request, calendar) else None
        if calendar is None or not jobs:
            return self._deleted_or_told(request, object_id, extra_context)
        users = _named(jobs, len(jobs)) if _sees_jobs(request) else f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}"
        message = format_html("{} is kept by {}. Take it out there, then delete it.", calendar, users)
        self.message_user(request, message, messages.ERROR)
        return HttpResponseRedirect(columns.page(calendar))

    def _deleted_or_told(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except CalendarInUse as error:  # since the page was shown
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def _named(jobs: list[Job], most: int) -> SafeString:
    if not jobs:
        return format_html('<span class="rota-faint">{}</span>', "No job")
    told = format_html_join(", ", "{}", ((columns.link(columns.page(job), job),) for job in jobs[:most]))
    return format_html("{} and {} more", told, len(jobs) - most) if len(jobs) > most else told


def _sees_jobs(request: HttpRequest) -> bool:
    return request.user.has_perm("scheduling.view_job")
