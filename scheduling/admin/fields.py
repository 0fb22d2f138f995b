"""Form fields for the columns of a Job: spans in words, moments on the job's own clock, tags, arguments."""

import inspect
import json
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES, TEXTAREA_CLASSES, UnfoldAdminCheckboxSelectMultipleWidget

from scheduling import places, registry, spans
from scheduling.clocks import on_clock, zone
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Calendar

TEXT = " ".join(INPUT_CLASSES)
AREA = " ".join(TEXTAREA_CLASSES)
MOMENT = "%Y-%m-%dT%H:%M:%S"
MOMENTS = (MOMENT, "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
LONGEST_TAG = 50


class SpanField(forms.CharField):
    """A timedelta, written as people say it."""

    widget = forms.TextInput(attrs={"class": TEXT, "placeholder": "15 min, 2 h 30 min, 1 day", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, timedelta):
            return value or None
        try:
            return spans.read(str(value))
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from None

    def prepare_value(self, value: Any) -> Any:
        return spans.write(value) if isinstance(value, timedelta) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """No time at all is not the same as no limit."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class MomentField(forms.CharField):
    """A naive datetime on the clock of `zone`; the form, which knows the job's zone, makes it aware."""

    widget = forms.DateTimeInput(attrs={"class": TEXT, "type": "datetime-local", "step": 1}, format=MOMENT)
    zone: tzinfo | None = None  # of the moments that are shown

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether it shows another moment than the one that is kept."""
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, datetime):
            return value or None
        for form in MOMENTS:
            try:
                return datetime.strptime(str(value), form)  # noqa: DTZ007
            except ValueError:
                continue
        raise forms.ValidationError(f"“{value}” is no moment; write it as 2026-05-03 10:00:00.", code="invalid")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            shown = on_clock(value, self.zone or timezone.get_current_timezone()) if value.tzinfo else value
            return shown.strftime(MOMENT)
        return value


class TagsField(forms.CharField):
    """A list of words, with commas between them."""

    widget = forms.TextInput(attrs={"class": TEXT, "placeholder": "nightly, media"})

    def to_python(self, value: Any) -> Any:
        words = value if isinstance(value, list) else str(value or "").split(",")
        tags = list(dict.fromkeys(" ".join(word.split()) for word in words if word.strip()))
        if any(len(tag) > LONGEST_TAG for tag in tags):
            raise forms.ValidationError(f"A tag has at most {LONGEST_TAG} characters.", code="invalid")
        return tags

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        """Having no tags is fine."""

    def run_validators(self, value: Any) -> None:
        """Those of texts do not fit a list."""


class CalendarsField(forms.MultipleChoiceField):
    """A list of the ids of calendars."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget
    help = "What they exclude does not run and is not made up for; a skipped run says which calendar said so, and why."


class ArgumentsWidget(forms.Textarea):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        plain = {"class": f"{AREA} rota-code", "rows": 5, "spellcheck": "false", "autocomplete": "off"}
        super().__init__({**plain, **(attrs or {})})


class ArgumentsField(forms.JSONField):
    """A JSON object; nothing written means that there are none."""

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return {} if found is None else found

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict | list):
            return json.dumps(value, indent=2, ensure_ascii=False)
        if value is None:
            return ""
        return super().prepare_value(value)


class ZoneWidget(forms.TextInput):
    """A text that the browser completes from the names of the time zones."""

    def __init__(self) -> None:
        super().__init__({"class": TEXT, "list": "time-zones", "autocomplete": "off", "spellcheck": "false"})

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return format_html('{}<datalist id="time-zones">{}</datalist>', super().render(*args, **kwargs), _zones())


@lru_cache(maxsize=1)
def _zones() -> SafeString:
    return format_html_join("", '<option value="{}"></option>', ((name,) for name in sorted(available_timezones())))


def task_choices(present: str) -> list[tuple[str, str]]:
    """The registered tasks, and `present` even if it is gone."""
    known = [(path, path) for path in registry.registered()]
    return [*known, *_gone(present, dict(known), "not registered any more")]


def queue_choices(present: str, names: list[str]) -> list[tuple[str, str]]:
    """The configured queues, and `present` even if it is gone."""
    known = [(name, name) for name in names]
    return [*known, *_gone(present, dict(known), "not configured any more")]


def ping_choices(present: str, names: list[str]) -> list[tuple[str, str]]:
    """The configured pings, and `present` even if it is gone."""
    known = {name: name for name in names}
    none = "None" if names else "None: the setting PINGS names no address"
    return [("", none), *known.items(), *_gone(present, known, "not configured any more")]


def country_choices(present: str) -> list[tuple[str, str]]:
    """The countries whose holidays are known, and `present` even if it is gone."""
    known = places.countries()
    return [("", "No country: only the windows below"), *known.items(), *_gone(present, known, "not known any more")]


def calendar_choices(present: list[str]) -> list[tuple[str, str]]:
    """All calendars by name, and those of `present` that are gone."""
    known = dict(Calendar.objects.values_list("pk", "name"))
    return [*known.items(), *(each for one in present for each in _gone(one, known, "there is none of this id"))]


def zone_or_none(name: str) -> tzinfo | None:
    """The zone, or None where a row names one that this host does not know."""
    try:
        return zone(name)
    except InvalidTrigger:
        return None


def _gone(present: str, known: dict[str, str], how: str) -> list[tuple[str, str]]:
    return [(present, f"{present} ({how})")] if present and present not in known else []


def about_task(path: str) -> SafeString:
    """What the task is called with, and what it says of itself."""
    task = registry.registered().get(path)
    if task is None:
        return format_html('<span class="rota-faint">{}</span>', "Choose a task to see what it takes.")
    said = inspect.cleandoc(task.func.__doc__ or "")
    return format_html(
        '<code class="rota-code">{}{}</code>{}',
        task.name,
        registry.signature(task),
        format_html('<p class="rota-said">{}</p>', said) if said else "",
    )
