"""The history of a job as a table: who, when, what, and each value before and after."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration

from scheduling.admin import columns, spans
from scheduling.models import Change, Job
from scheduling.redact import redact_json

KINDS = {field.name: field.get_internal_type() for field in Job._meta.local_fields}
COLOURS = {
    "created": "green",
    "changed": "blue",
    "paused": "amber",
    "resumed": "green",
    "parked": "red",
    "deleted": "red",
}


def entries(changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    """What the page shows of each change."""
    now = timezone.now()
    for change in changes:
        yield {
            "at": columns.moment(change.at, now),
            "by": change.by or "the system",
            "action": columns.badge(change.action.title(), COLOURS.get(change.action, "slate")),
            "reason": change.reason,
            "fields": [_told(name, pair) for name, pair in redact_json(change.fields).items()],
        }


def _told(name: str, pair: list[Any]) -> tuple[str, str, str]:
    old, new = (_value(name, value) for value in pair)
    return label(name), old, new


def label(name: str) -> str:
    """The words of a column of Job."""
    known = {field.name: field.verbose_name for field in Job._meta.local_fields}
    return str(known.get(name, name.replace("_", " "))).capitalize()


def _value(name: str, value: Any) -> str:
    if value in (None, ""):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    kind = KINDS.get(name)
    if kind == "DurationField" and (span := parse_duration(value)) is not None:
        return spans.write(span)
    if kind == "DateTimeField" and (moment := parse_datetime(value)) is not None:
        return columns.exact(moment)
    return value
