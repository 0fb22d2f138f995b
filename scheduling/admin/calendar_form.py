"""The form of a Calendar with its windows, and what it excludes next, told while one types."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET
from unfold.forms import PaginationInlineFormSet

from scheduling import places
from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.fields import TEXT, MomentField, SpanField, zone_or_none
from scheduling.admin.preview import check_permission
from scheduling.calendars import Off, holidays_after, windows_after
from scheduling.clocks import on_clock, zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Calendar, Window

if TYPE_CHECKING:
    BaseCalendarForm = forms.ModelForm[Calendar]
    BaseWindowForm = forms.ModelForm[Window]
else:
    BaseCalendarForm = BaseWindowForm = forms.ModelForm

SHOWN = 10  # times, of each kind
MOMENTS = ("start_at", "end_at")
READ = 50  # windows of the form, for the preview
PREFIX = "windows"  # of the fields of windows
ASKED = f"[name=country], [name=subdivision], [name=timezone], [name^={PREFIX}-]"


class CalendarForm(BaseCalendarForm):
    class Meta:
        model = Calendar
        fields: tuple[str, ...] = ()
        labels: ClassVar = {"country": "Holidays of", "timezone": "Time zone"}


class WindowForm(BaseWindowForm):
    """Moments are written on the clock of the calendar, and move with it."""

    class Meta:
        model = Window
        fields = ("name", "start_at", "end_at", "cron", "duration")
        labels: ClassVar = {"start_at": "From", "end_at": "To", "cron": "Crontab", "duration": "For"}
        field_classes: ClassVar = {"start_at": MomentField, "end_at": MomentField, "duration": SpanField}
        widgets: ClassVar = {
            "start_at": MomentField.widget,
            "end_at": MomentField.widget,
            "cron": forms.TextInput({"class": f"{TEXT} rota-code", "autocomplete": "off"}),
            "duration": SpanField.widget,
        }

    def __init__(self, *args: Any, calendar: Calendar, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calendar = calendar
        self.set_clock()

    def clean(self) -> dict[str, Any]:
        super().clean()
        for name in MOMENTS:
            if value := self.cleaned_data.get(name):
                self.cleaned_data[name] = value.replace(tzinfo=_place(self.calendar))
        return self.cleaned_data

    def set_clock(self) -> None:
        for name in MOMENTS:
            if isinstance(field := self.fields.get(name), MomentField):  # not there for who only looks
                field.zone = _place(self.calendar)


class WindowFormSet(PaginationInlineFormSet):
    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "calendar": self.instance}

    def full_clean(self) -> None:
        """The form of the calendar, which was read first, may have brought another clock."""
        for form in self.forms:
            form.set_clock()
        super().full_clean()

    def wanted(self) -> list[Window]:
        """All windows that the calendar shall have; those that nobody touched here are as they are stored by now."""
        kept = {window.pk: window for window in self.instance.windows.all()}
        new = []
        for form in self.forms:
            window = form.instance
            if form in self.deleted_forms:
                kept.pop(window.pk, None)
            elif form.has_changed() and window.pk:
                kept[window.pk] = window
            elif form.has_changed():
                new.append(window)
        return [*kept.values(), *new]


@require_GET
def preview_calendar(request: HttpRequest, model_admin: ModelAdmin) -> HttpResponse:
    """A fragment with what the calendar in the form excludes next, or with what is wrong with it."""
    check_permission(request, model_admin)
    given = request.GET
    calendar = Calendar(**{name: given.get(name, "").strip() for name in ("country", "subdivision", "timezone")})
    return HttpResponse(coming(calendar, list(_written(given, calendar)), timezone.now()))


def coming(calendar: Calendar, windows: Iterable[Window], now: datetime) -> SafeString:
    """The next times that the calendar excludes, with these windows."""
    try:
        calendar.clean()
        place = zone(calendar.timezone)
        offs = (holidays_after(calendar, now), windows_after(windows, calendar.timezone, now))
        kinds = zip(("Holidays", "Windows"), offs, strict=True)
        shown = [(title, [_row(off, place, now) for off in islice(found, SHOWN)]) for title, found in kinds]
        context: dict[str, Any] = {
            "kinds": [(title, rows) for title, rows in shown if rows],
            "zone": calendar.timezone,
            "country": places.countries().get(calendar.country),
        }
    except (InvalidTrigger, ValidationError) as error:
        context = {"errors": error.messages if isinstance(error, ValidationError) else [str(error)]}
    return render_to_string("admin/scheduling/calendar_preview.html", context)


def _written(given: Any, calendar: Calendar) -> Iterator[Window]:
    """The windows in the form, without those that are not finished or shall be deleted."""
    total = given.get(f"{PREFIX}-TOTAL_FORMS", "")
    for number in range(min(int(total), READ) if total.isdecimal() else 0):
        prefix = f"{PREFIX}-{number}"
        form = WindowForm(given, prefix=prefix, calendar=calendar)
        if not given.get(f"{prefix}-DELETE") and form.is_valid():
            yield form.instance


def _place(calendar: Calendar) -> tzinfo:
    return zone_or_none(calendar.timezone) or UTC  # what is wrong with it is said at its field


def _row(off: Off, place: tzinfo, now: datetime) -> dict[str, Any]:
    start, end = on_clock(off.start, place), on_clock(off.end, place)
    day = f"{start:%a} {start.day} {start:%b %Y}"
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%a} {end.day} {end:%b %Y %H:%M}"
    return {
        "when": day if off.all_day else f"{day} {start:%H:%M} to {until}",
        "name": off.name,
        "distance": "now" if off.start <= now else columns.distance(off.start, now),
    }
