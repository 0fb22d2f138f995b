"""Filters whose choices come from code, settings or the small table of jobs, never from counting runs."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin import ListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from scheduling import registry
from scheduling.admin.base import AutocompleteSelectFilter, DropdownFilter
from scheduling.admin.fields import TEXT
from scheduling.conf import options
from scheduling.models import Cause, Execution, Job, Why
from scheduling.standing import CONDITIONS, Standing
from scheduling.tenants import tenants_of
from scheduling.triggers import FIRST_YEAR, LAST_YEAR

Choices = list[tuple[str, str]]
SAMPLE = 1000  # runs, the latest, whose tasks are offered to people of a tenant
REACH = 200_000  # how many runs are looked through where no index helps


class StandingFilter(DropdownFilter):
    title = "state"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(each.value, each.value.title()) for each in Standing]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        return queryset.filter(CONDITIONS[Standing(wanted)]) if wanted in CONDITIONS else queryset


class TaskFilter(DropdownFilter):
    title = "task"
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """People of a tenant are offered those of their own jobs and latest runs."""
        if tenants_of(request.user) is None:
            return [(path, path) for path in registry.registered()]
        latest = Execution.objects.seen_by(request.user).order_by("-id").values_list("task", flat=True)[:SAMPLE]
        own = {*Job.objects.seen_by(request.user).values_list("task", flat=True), *latest}
        return [(path, path) for path in sorted(own)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(task=self.value()) if self.value() else queryset


class QueueFilter(DropdownFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """People of a tenant are offered those of their own jobs."""
        if tenants_of(request.user) is None:
            return [(lane.name, lane.name) for lane in options().queues]
        return [(name, name) for name in sorted(set(Job.objects.seen_by(request.user).values_list("queue", flat=True)))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(queue=self.value()) if self.value() else queryset


class RunQueueFilter(QueueFilter):
    """Of runs: among the latest only, because no index leads from a queue to them."""

    title = f"queue (latest {REACH:,} runs)"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return _latest(super().queryset(request, queryset)) if self.value() else queryset


class WhyFilter(DropdownFilter):
    """Who asked for a run: among the latest only, because no index leads from that to them."""

    title = f"why (latest {REACH:,} runs)"
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(each.value, str(each.label)) for each in Why]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return _latest(queryset.filter(why=self.value())) if self.value() else queryset


class CauseFilter(DropdownFilter):
    """Why a moment had no run, or not at its time: among the latest only, because no index leads from that to them."""

    title = f"cause (latest {REACH:,} runs)"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(each.value, str(each.label)) for each in Cause]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return _latest(queryset.filter(cause=self.value())) if self.value() else queryset


class TagFilter(DropdownFilter):
    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        tagged = Job.objects.seen_by(request.user).exclude(tags=[])
        found = {tag for tags in tagged.values_list("tags", flat=True) for tag in tags}
        return [(str(tag), str(tag)) for tag in sorted(found, key=str)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        return queryset.tagged(wanted) if wanted else queryset  # type: ignore[attr-defined]


class TenantFilter(DropdownFilter):
    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Those that have jobs; the filter is not there where none has."""
        owned = Job.objects.seen_by(request.user).exclude(tenant="").values_list("tenant", flat=True)
        return [(name, name) for name in sorted(set(owned))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(tenant=self.value()) if self.value() else queryset


class RunJobFilter(AutocompleteSelectFilter):
    """By the job, whose name is told to those who may see it."""

    request: HttpRequest

    def choices(self, changelist: Any) -> Iterator[Any]:
        choices: Iterator[Any] = super().choices(changelist)
        for shown in choices:
            shown["form"].fields[self.lookup_kwarg].queryset = Job.objects.seen_by(self.request.user)
            yield shown


class EndFilter(ListFilter):
    """By the days on which a run ended; the list then goes by that moment, for which there is an index."""

    title = "end"
    parameter_name = "ended"  # django-unfold looks for one name
    template = "unfold/filters/filters_field.html"
    names = ("ended_from", "ended_until")

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            self.used_parameters[name] = params.pop(name, [""])[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {"form": DaysForm(self.used_parameters)}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self.days()
        if first:
            queryset = queryset.filter(finished_at__gte=_midnight(first))
        if last:
            queryset = queryset.filter(finished_at__lt=_midnight(last, days=1))
        return queryset

    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day asked for, on the viewer's calendar."""
        form = DaysForm(self.used_parameters)
        form.is_valid()
        return form.cleaned_data.get("ended_from"), form.cleaned_data.get("ended_until")


class DaysForm(forms.Form):
    ended_from = forms.DateField(
        label="Ended from", required=False, widget=forms.DateInput({"type": "date", "class": TEXT})
    )
    ended_until = forms.DateField(
        label="Ended until", required=False, widget=forms.DateInput({"type": "date", "class": TEXT})
    )


def _latest(runs: QuerySet[Any]) -> QuerySet[Any]:
    newest = Execution.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return runs.filter(pk__gt=newest - REACH)


def _midnight(day: date, days: int = 0) -> datetime:
    """When the day so many `days` later begins on the viewer's calendar; a day out of reach is the nearest in it."""
    reachable = min(max(day, date(FIRST_YEAR, 1, 1)), date(LAST_YEAR, 12, 31))
    return timezone.make_aware(datetime.combine(reachable + timedelta(days=days), time.min))
