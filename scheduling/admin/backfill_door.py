"""The door *Backfill* of a job: a range and how to run it, with what became of its moments while one types."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from unfold.widgets import UnfoldBooleanWidget

from scheduling import store
from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.fields import TEXT, MomentField
from scheduling.clocks import SECOND, zone
from scheduling.exceptions import InvalidTrigger, SchedulingError
from scheduling.models import Backfill, Job
from scheduling.survey import Moment, Survey, survey
from scheduling.triggers import FIRST_YEAR, LAST_YEAR, TICK, shown_in

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Backfill]
else:
    BaseForm = forms.ModelForm

DAY = timedelta(days=1)
ENDS = 12  # moments shown from the beginning and from the end of a long range


class BackfillForm(BaseForm):
    """Moments are written on the clock of the job."""

    first_at = MomentField(label="From")
    last_at = MomentField(label="To")

    class Meta:
        model = Backfill
        fields = ("first_at", "last_at", "again", "newest_first", "at_once", "per_minute", "alongside", "reason")
        labels: ClassVar = {
            "again": "Those that succeeded, too",
            "newest_first": "Newest first",
            "at_once": "Runs at the same time",
            "per_minute": "Starts a minute",
            "alongside": "Beside the job's own runs",
        }
        widgets: ClassVar = {
            **{name: UnfoldBooleanWidget() for name in ("again", "newest_first", "alongside")},
            **{name: forms.NumberInput({"class": TEXT, "min": 1}) for name in ("at_once", "per_minute")},
            "reason": forms.TextInput({"class": TEXT}),
        }

    def __init__(self, data: Any = None, *, job: Job, now: datetime, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, instance=Backfill(job=job), initial=initial)
        self.place = zone(job.timezone)
        self.now = now
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone = self.place
                field.help_text = f"Included; on the clock of the job ({job.timezone})."
        most = store.most_at_once(job.queue)
        self.fields["at_once"].help_text = f"At most {most}: its queue keeps a place for what is due."
        self.fields["at_once"].widget.attrs["max"] = most

    def clean_first_at(self) -> datetime:
        return self._placed("first_at")

    def clean_last_at(self) -> datetime:
        """With the whole of its last second, as far as that has passed."""
        last = self._placed("last_at")
        return last if last > self.now else min(last + SECOND - TICK, self.now)

    def _placed(self, name: str) -> datetime:
        value: datetime = self.cleaned_data[name]
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise forms.ValidationError(f"Choose a year from {FIRST_YEAR} to {LAST_YEAR}.", code="invalid")
        return value if value.tzinfo else value.replace(tzinfo=self.place)


def page(admin: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Asks by GET, with `?first=` and `?last=` for a start; tells of the moments to htmx; begins by POST."""
    job = admin.get_object(request, unquote(object_id))
    if job is None:
        raise Http404(f"There is no job {unquote(object_id)!r}.")
    if not admin.has_view_or_change_permission(request, job):
        raise PermissionDenied
    now = timezone.now()
    try:
        form = _form(request, job, now)
    except InvalidTrigger as error:  # of a zone that this host does not know
        admin.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(columns.page(job))
    if request.method == "POST" and form.is_valid() and (begun := _begun(form, request, now)):
        admin.message_user(request, f"The backfill of {job} has begun.", messages.SUCCESS)
        seeing = request.user.has_perm("scheduling.view_backfill")
        return HttpResponseRedirect(columns.page(begun if seeing else job))
    if request.method != "POST" and "first_at" in request.GET:
        return render(request, "admin/scheduling/backfill_moments.html", _moments(request, job, form, now))
    return _asked(admin, request, job, form)


def _asked(admin: ModelAdmin, request: HttpRequest, job: Job, form: BackfillForm) -> HttpResponse:
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Backfill of {job}",
        "opts": admin.opts,
        "original": job,
        "form": form,
        "here": columns.page(job, "backfill"),
        "back": columns.page(job),
    }
    return TemplateResponse(request, "admin/scheduling/backfill_door.html", context)


def _form(request: HttpRequest, job: Job, now: datetime) -> BackfillForm:
    if request.method == "POST":
        return BackfillForm(request.POST, job=job, now=now)
    if "first_at" in request.GET:
        return BackfillForm(request.GET, job=job, now=now)
    first, last = (_moment(request.GET.get(name, "")) for name in ("first", "last"))
    return BackfillForm(job=job, now=now, initial={"first_at": first or now - DAY, "last_at": last or now})


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:  # shaped like a moment, but of no day
        return None
    return found if found and found.tzinfo else None


def _begun(form: BackfillForm, request: HttpRequest, now: datetime) -> Backfill | None:
    try:
        return store.backfill(form.instance, by=request.user.get_username(), now=now)
    except SchedulingError as error:
        form.add_error(None, str(error))
        return None


def _moments(request: HttpRequest, job: Job, form: BackfillForm, now: datetime) -> dict[str, Any]:
    """What the fragment shows: the moments of the range and what became of each, or what is wrong."""
    if not form.is_valid():
        told = [(form.fields[name].label if name in form.fields else "", texts) for name, texts in form.errors.items()]
        return {"errors": [" ".join([f"{label}:" if label else "", *texts]).strip() for label, texts in told]}
    wanted = form.instance
    try:
        found = survey(job, wanted.first_at, wanted.last_at, now)
    except SchedulingError as error:
        return {"errors": [str(error)]}
    seeing = request.user.has_perm("scheduling.view_execution")
    return {
        "told": f"{len(found.to_run(again=wanted.again)):,} of {len(found.moments):,} moments will run.",
        "others": _others(found),
        "between": f"{len(found.moments) - 2 * ENDS:,} more" if len(found.moments) > 2 * ENDS else "",
        "moments": [_row(job, each, again=wanted.again, seeing=seeing) for each in _ends(found)],
        "ends": ENDS,
        "clock": job.timezone,
    }


def _others(found: Survey) -> str:
    excluded = f"; calendars exclude {found.excluded:,} more" if found.excluded else ""
    return f"{found.settled:,} have succeeded or still go{excluded}."


def _ends(found: Survey) -> Iterator[Moment]:
    few = len(found.moments) <= 2 * ENDS
    yield from found.moments if few else (*found.moments[:ENDS], *found.moments[-ENDS:])


def _row(job: Job, moment: Moment, *, again: bool, seeing: bool) -> dict[str, Any]:
    row = moment.row
    return {
        "at": f"{shown_in(job.schedule, moment.at):%a %Y-%m-%d %H:%M:%S}",
        "state": columns.state(row) if row else "",
        "run": columns.link(columns.page(row), f"#{row.pk}") if row and seeing else "",
        "said": row.reason if row else "",
        "runs": again or not moment.is_settled,
    }
