"""The form of a Job: what the person touched is written, everything else stays as the row has it now."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone

from scheduling import calendars, registry, store
from scheduling.admin.fields import MomentField, zone_or_none
from scheduling.clocks import on_clock, zone
from scheduling.conf import options
from scheduling.exceptions import InvalidArguments, InvalidJob, InvalidTrigger, UnknownTask
from scheduling.models import Job
from scheduling.store.jobs import EMPTY, OWN_FIELDS, TRIGGER_FIELDS
from scheduling.triggers import Kind

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Job]
else:
    BaseForm = forms.ModelForm

MOMENTS = ("run_at", "start_at", "end_at")
STALE = (
    "Someone else has changed the schedule of this job since you opened this page. "
    "Open the page again in a second window, look at the change, and repeat yours there."
)


class JobForm(BaseForm):
    """Beside its value, each field brings the value that the person was shown, so that a touch is known."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Job
        fields: tuple[str, ...] = ()
        labels: ClassVar = {
            "cron": "Crontab",
            "run_at": "Moment",
            "timezone": "Time zone",
            "start_at": "Not before",
            "end_at": "Not after",
            "timeout": "Time-out",
            "max_instances": "Runs at the same time",
            "overlap": "While one is still running",
            "max_attempts": "Attempts",
            "backoff": "Wait before the next",
            "backoff_max": "Longest wait",
            "misfire_grace_time": "May start late by",
            "coalesce": "Of several missed moments",
            "idempotent": "If it is interrupted",
            "exclusive": "Never in two places",
            "keep_for": "Keep runs for",
            "keep_unwell_for": "Keep failed runs for",
            "run_at_startup": "Run at start-up",
            "ping": "Ping",
        }
        help_texts: ClassVar = {
            "keep_for": "How long its runs are kept. Empty: as KEEP_DAYS says. 0: for ever. The last one always is.",
            "keep_unwell_for": "The same if they failed, timed out or were lost. Empty: as KEEP_UNWELL_DAYS says.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adding = self.instance._state.adding
        self.initial["seen"] = self.instance.revision
        self.touched: set[str] = set()  # columns to write
        for name, field in self.fields.items():
            if isinstance(field, MomentField):
                field.zone = zone_or_none(self.instance.timezone)
            field.show_hidden_initial = not self.adding and name != "seen"

    def clean(self) -> dict[str, Any]:
        """In steps, each of which finds what the one before has left."""
        super().clean()
        self._keep_what_was_not_touched()
        self._leave_what_the_trigger_lacks()
        self._place_moments()
        self._check_schedule()
        self._check_arguments()
        self._check_queue()
        self._check_calendars()
        self._check_ping()
        if not self.adding and self._is_stale():
            self.add_error(None, forms.ValidationError(STALE, code="stale"))
        return self.cleaned_data

    def _keep_what_was_not_touched(self) -> None:
        self.touched = set(self.changed_data) - {"seen"}
        if self.adding:
            return
        for name in self.cleaned_data.keys() - self.touched - {"seen"}:
            self.cleaned_data[name] = getattr(self.instance, name)

    def _leave_what_the_trigger_lacks(self) -> None:
        """Empty the columns of the other triggers, whose fields the person does not see."""
        kind = self.cleaned_data.get("trigger")
        if kind not in OWN_FIELDS:
            return
        for name in EMPTY.keys() - set(OWN_FIELDS[Kind(kind)]):
            self.errors.pop(name, None)
            self.cleaned_data[name] = EMPTY[name]
            if getattr(self.instance, name) != EMPTY[name]:
                self.touched.add(name)

    def _place_moments(self) -> None:
        """Moments are written on the clock of the job's zone, and move with it."""
        try:
            place = zone(self.cleaned_data.get("timezone") or self.instance.timezone)
        except InvalidTrigger:
            return  # said by _check_schedule
        for name in MOMENTS:
            value = self.cleaned_data.get(name)
            if not isinstance(value, datetime):
                continue
            if value.tzinfo and "timezone" in self.touched and not self.adding:
                former = zone_or_none(self.instance.timezone) or timezone.get_current_timezone()
                value = on_clock(value, former).replace(tzinfo=None)
                self.touched.add(name)
            self.cleaned_data[name] = value if value.tzinfo else value.replace(tzinfo=place)

    def _check_schedule(self) -> None:
        if "trigger" not in self.cleaned_data or any(name in self.errors for name in TRIGGER_FIELDS):
            return
        values = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in TRIGGER_FIELDS}
        try:
            schedule = Job(**values).schedule
            registry.check_schedule(self.cleaned_data.get("task", self.instance.task), schedule)
            if not self.touched.isdisjoint(("trigger", "run_at")):
                store.check_ahead(schedule, timezone.now())
        except InvalidTrigger as error:
            field = {"kind": "trigger"}.get(error.field, error.field)
            self.add_error(field if field in self.fields else None, str(error))

    def _check_arguments(self) -> None:
        if "task" not in self.cleaned_data or "arguments" not in self.cleaned_data:
            return
        try:
            registry.check_arguments(self.cleaned_data["task"], self.cleaned_data["arguments"])
        except UnknownTask as error:
            self.add_error("task", str(error))
        except InvalidArguments as error:
            self.add_error("arguments", str(error))

    def _check_queue(self) -> None:
        """A queue that is not configured any more may stay, but not be chosen."""
        if "queue" not in self.touched or "queue" not in self.cleaned_data:
            return
        try:
            store.check_queue(self.cleaned_data["queue"])
        except InvalidJob as error:
            self.add_error("queue", str(error))

    def _check_calendars(self) -> None:
        """One that is gone is taken out, as a task that is gone is replaced, before anything else is saved."""
        try:
            calendars.check(self.cleaned_data.get("calendars", []))
        except InvalidJob as error:
            self.add_error("calendars", str(error))

    def _check_ping(self) -> None:
        """One that is not configured any more may stay, but not be chosen."""
        name = self.cleaned_data.get("ping")
        if name and "ping" in self.touched and name not in options().pings:
            self.add_error("ping", f"There is no ping {name!r} in the setting PINGS.")

    def _is_stale(self) -> bool:
        seen = self.cleaned_data.get("seen")
        return seen is not None and seen != self.instance.revision and not self.touched.isdisjoint(TRIGGER_FIELDS)
