"""A question before a deed: the page asks by GET, only its POST acts. Jobs and executions share it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.fields import TEXT, ArgumentsField, ArgumentsWidget, MomentField
from scheduling.exceptions import SchedulingError
from scheduling.models import JOB_ID, LONGEST_REASON
from scheduling.planning import Missed

SNOOZES = (  # minutes
    (15, "15 minutes"),
    (60, "1 hour"),
    (240, "4 hours"),
    (1440, "1 day"),
    (10_080, "1 week"),
)


class SureForm(forms.Form):
    """Nothing but the button."""


class ReasonForm(forms.Form):
    """Why; it goes into the history."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        help_text="Optional; it is shown to others and kept in the history.",
        widget=forms.TextInput(attrs={"class": TEXT, "autofocus": True}),
    )


class PauseForm(ReasonForm):
    """Why, and for how long; cleaned it has `reason` and `until`, an aware moment or None."""

    lasts = forms.ChoiceField(
        label="For how long",
        required=False,
        choices=[("", "Until it is resumed"), *((str(minutes), words) for minutes, words in SNOOZES)],
        widget=UnfoldAdminSelectWidget,
        help_text="Then it is resumed by itself; what was due meanwhile is not made up for.",
    )
    until = MomentField(label="Or until this moment", required=False, help_text="On your own clock.")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        until = given.get("until")
        if until:
            until = until.replace(tzinfo=timezone.get_current_timezone())
        elif given.get("lasts"):
            until = timezone.now() + timedelta(minutes=int(given["lasts"]))
        return {"reason": given.get("reason", ""), "until": until}


class ResumeForm(ReasonForm):
    """Why, and which of the moments that passed run after all."""

    missed = forms.ChoiceField(
        label="Run of what was missed",
        required=False,
        choices=Missed.choices,
        initial=Missed.NONE,
        widget=UnfoldAdminSelectWidget,
        help_text="The latest is queued at once; all of them are run one after the other, by a backfill.",
    )

    def clean_missed(self) -> Missed:
        return Missed(self.cleaned_data["missed"] or Missed.NONE)


class ArgumentsForm(forms.Form):
    """What one run is called with."""

    arguments = ArgumentsField(
        required=False,
        widget=ArgumentsWidget,
        help_text="For this run only, as a JSON object of names and values.",
    )


class CopyForm(forms.Form):
    """What tells the copy from the original."""

    id = forms.CharField(max_length=100, validators=[JOB_ID], widget=forms.TextInput(attrs={"class": TEXT}))
    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"class": TEXT}))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the verb that follows; it returns the message that says what came of it."""

    title: str
    button: str
    verb: Callable[[dict[str, Any]], SafeString | str]
    form: type[forms.Form] = SureForm
    initial: dict[str, Any] = field(default_factory=dict)
    notes: Iterable[SafeString | str] = ()
    table: Iterable[tuple[str, str, str]] = ()  # name, as it is, as it will be
    danger: bool = False
    leads_to: Callable[[], str] | None = None  # an address; without it, the page of the row


def asked(admin: ModelAdmin, request: HttpRequest, object_id: str, question: Callable[[Any], Question]) -> HttpResponse:
    """The answer to a request for a deed on one row: the question, or what came of it."""
    row = admin.get_object(request, unquote(object_id))
    if row is None:
        raise Http404(f"There is no {admin.opts.verbose_name} {unquote(object_id)!r}.")
    if not admin.has_view_or_change_permission(request, row):
        raise PermissionDenied
    wanted = question(row)
    form = wanted.form(request.POST if request.method == "POST" else None, initial=wanted.initial)
    if request.method == "POST" and form.is_valid() and _acted(admin, request, wanted, form):
        return HttpResponseRedirect(wanted.leads_to() if wanted.leads_to else columns.page(row))
    return ask(admin, request, wanted, form, row=row)


def ask(
    admin: ModelAdmin,
    request: HttpRequest,
    question: Question,
    form: forms.Form,
    *,
    row: Model | None = None,
    hidden: Iterable[tuple[str, str]] = (),
) -> HttpResponse:
    """The page that asks; `hidden` fields come back with the answer."""
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": question.title,
        "question": question,
        "form": form,
        "hidden": hidden,
        "original": row,
        "back": columns.page(row) if row else columns.listing(admin.model),
    }
    return TemplateResponse(request, "admin/scheduling/ask.html", context)


def _acted(admin: ModelAdmin, request: HttpRequest, question: Question, form: forms.Form) -> bool:
    try:
        said = question.verb(form.cleaned_data)
    except SchedulingError as error:
        form.add_error(None, str(error))
        return False
    except IntegrityError:
        form.add_error(None, "Another one has this id already; choose a different one.")
        return False
    admin.message_user(request, said, messages.SUCCESS)
    return True
