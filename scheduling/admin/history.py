"""The history of a job or a calendar as a page: who, when, what, and each value before and after."""

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration

from scheduling import spans
from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.models import Change, Job
from scheduling.redact import redact_json

KINDS = {field.name: field.get_internal_type() for field in Job._meta.local_fields}
EMPTY = "—"
CHANGES = 50  # on a page
WHOLE = {"created": "new", "deleted": "old"}  # actions that tell a whole job, by its old or its new values
COLOURS = {
    "created": "green",
    "changed": "blue",
    "paused": "amber",
    "resumed": "green",
    "parked": "red",
    "deleted": "red",
}


def page(
    admin: ModelAdmin, request: HttpRequest, row: Model | None, changes: QuerySet[Change], name: str
) -> HttpResponse:
    """The `changes` of `row`, or of one that is gone and was called `name`. Raises PermissionDenied and Http404."""
    if not admin.has_view_or_change_permission(request, row):
        raise PermissionDenied
    pages = Paginator(changes, CHANGES)
    if row is None and not pages.count:
        raise Http404(f"There never was a {name}.")
    shown = pages.get_page(request.GET.get("p"))
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": f"History of {row or name}",
        "opts": admin.opts,
        "object": row,
        "original": row,
        "entries": entries(shown.object_list),
        "shown": shown,
    }
    return TemplateResponse(request, "admin/scheduling/history.html", context)


def entries(changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    """What the page shows of each change."""
    now = timezone.now()
    for change in changes:
        yield {
            "at": columns.moment(change.at, now),
            "by": change.by or "the system",
            "action": columns.badge(change.action.title(), COLOURS.get(change.action, "slate")),
            "reason": change.reason,
            "whole": WHOLE.get(change.action),
            "fields": told(change.fields),
        }


def told(pairs: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, old and new value of each column, in words and without secrets; nothing of what was and is empty."""
    words = ((label(name), *(_value(name, value) for value in pair)) for name, pair in redact_json(pairs).items())
    return [(name, old, new) for name, old, new in words if (old, new) != (EMPTY, EMPTY)]


def label(name: str) -> str:
    """The words of a column of Job."""
    known = {field.name: field.verbose_name for field in Job._meta.local_fields}
    return str(known.get(name, name.replace("_", " "))).capitalize()


def _value(name: str, value: Any) -> str:
    """Spans may be ISO 8601, as in the history, or seconds, as in what the code defines."""
    if value in (None, ""):
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    kind = KINDS.get(name)
    if kind == "DurationField" and isinstance(value, int | float):
        return spans.write(timedelta(seconds=value))
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if kind == "DurationField" and (span := parse_duration(value)) is not None:
        return spans.write(span)
    if kind == "DateTimeField" and (moment := parse_datetime(value)) is not None:
        return columns.exact(moment)
    return value
