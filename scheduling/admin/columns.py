"""Cells that several pages show alike: labels of states, moments, spans of time, links."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling import spans
from scheduling.clocks import on_clock
from scheduling.models import Cause, Execution, State
from scheduling.redact import redact_json
from scheduling.standing import Standing

COLOURS = {
    State.QUEUED: "grey",
    State.RUNNING: "blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.TIMED_OUT: "orange",
    State.CANCELLED: "slate",
    State.LOST: "violet",
    State.SKIPPED: "amber",
}
STANDINGS = {
    Standing.ARMED: "green",
    Standing.PAUSED: "amber",
    Standing.PARKED: "red",
    Standing.HELD: "amber",
    Standing.SPENT: "slate",
    Standing.MANUAL: "blue",
}
STEPS = (
    (86_400 * 2, 86_400, "days"),
    (5400, 3600, "h"),
    (90, 60, "min"),
    (0, 1, "s"),
)  # from, unit, its name


def page(row: Model, name: str = "change") -> str:
    """The address of a page of `row` in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[quote(str(row.pk))])


def listing(model: type[Model], **filters: Any) -> str:
    """The address of the list of `model`, filtered."""
    query = {key: str(value) for key, value in filters.items()}
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=query)


def badge(text: object, colour: str, title: str = "") -> SafeString:
    return format_html('<span class="rota-badge rota-{}" title="{}">{}</span>', colour, title, text)


def state(execution: Execution) -> SafeString:
    """The state as a coloured label; a running one that was asked to stop says so."""
    known = State(execution.state)
    if known is State.RUNNING and execution.cancel_requested_at:
        return badge("Stopping", "orange", "It was asked to stop.")
    return badge(*look(execution), execution.reason if execution.cause == Cause.INTERRUPTED else "")


def look(execution: Execution) -> tuple[str, str]:
    """The label of how a run stands, and its colour; one that a deploy interrupted did not fail."""
    if execution.cause == Cause.INTERRUPTED:
        return "Interrupted", COLOURS[State.CANCELLED]
    known = State(execution.state)
    return str(known.label), COLOURS[known]


def moment(value: datetime | None, now: datetime, *, empty: str = "—") -> SafeString:
    """The moment on the viewer's clock, and how far away it is."""
    if value is None:
        return format_html('<span class="rota-faint">{}</span>', empty)
    return format_html(
        '<span class="rota-moment"><time datetime="{}" title="{}">{}</time>{}</span>',
        value.isoformat(),
        exact(value),
        absolute(value, now),
        distance(value, now),
    )


def distance(value: datetime, now: datetime) -> SafeString:
    """How far away the moment is; a script keeps it true while the page stays open."""
    return format_html(
        '<time class="rota-distance" datetime="{}" title="{}" data-relative>{}</time>',
        value.isoformat(),
        exact(value),
        relative(value, now),
    )


def here(value: datetime) -> datetime:
    """On the viewer's clock; in UTC where that has no such day, as at the end of the year 9999."""
    return on_clock(value, timezone.get_current_timezone())


def exact(value: datetime) -> str:
    """To the millisecond, on the viewer's clock, and in UTC."""
    local = here(value)
    milliseconds = f"{local.microsecond // 1000:03}"
    return f"{local:%Y-%m-%d %H:%M:%S}.{milliseconds} {local:%Z} ({value.astimezone(UTC):%H:%M:%S} UTC)"


def absolute(value: datetime, now: datetime) -> str:
    """On the viewer's clock; the date only if it is not today, the year only if it is not this one."""
    local, today = here(value), here(now)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%a} {local.day} {local:%b} {local:%H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"


def relative(value: datetime, now: datetime) -> str:
    """ "in 3 min", "5 s ago"; rota.js says the same."""
    seconds = (value - now).total_seconds()
    size, name = next((size, name) for least, size, name in STEPS if abs(seconds) >= least)
    count = round(abs(seconds) / size)
    if not count:
        return "now"
    return f"in {count} {name}" if seconds > 0 else f"{count} {name} ago"


def span(value: timedelta | None) -> str:
    return "—" if value is None else spans.brief(value)


def link(address: str, text: object, classes: str = "rota-link") -> SafeString:
    return format_html('<a class="{}" href="{}">{}</a>', classes, address, text)


def json_block(value: Any) -> SafeString:
    """A JSON value without its secrets."""
    text = json.dumps(redact_json(value), indent=2, ensure_ascii=False)
    return format_html('<pre class="rota-block">{}</pre>', text)
