"""What the pages of this app have in common: rows that only tasks write, labels, and the way to the trends."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from tasks.admin import ReadOnlyAdmin
from tasks.tickets.models import Issue, Method, Severity

SEVERITIES = {
    Severity.LOW: "slate",
    Severity.MEDIUM: "blue",
    Severity.HIGH: "orange",
    Severity.CRITICAL: "red",
}
METHODS = {
    Method.MODEL: ("violet", "Found by the language model, and its quote was checked against the ticket."),
    Method.LOCAL: ("amber", "Found by local rules, without a language model: expect less of it."),
}
CSS = "tasks/tickets.css"
LONGEST_ID = 18  # digits that every database holds


class MinedAdmin(ReadOnlyAdmin):
    """Rows that the pipeline writes."""

    list_before_template = "tasks/tickets/to_trends.html"
    list_display_links = None
    list_fullwidth = True
    show_full_result_count = False
    sortable_by = ()

    class Media:
        css: ClassVar = {"all": [CSS]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        seeing = request.user.has_perm("tickets.view_cluster")
        return super().changelist_view(request, {**(extra_context or {}), "may_see_trends": seeing})


def severity_badge(issue: Issue) -> SafeString:
    known = Severity(issue.severity)
    return columns.badge(known.label, SEVERITIES[known])


def method_badge(issue: Issue) -> SafeString:
    known = Method(issue.method)
    colour, words = METHODS[known]
    return columns.badge(known.label, colour, f"{words} {issue.model}".strip())


def text_block(text: str) -> SafeString:
    """A text from outside, as text."""
    return format_html('<div class="mined-text">{}</div>', text) if text else columns.moment(None, timezone.now())


def number_in(text: str) -> int | None:
    """An id as an address or a search has it; None if no row can have it."""
    number = text.strip().removeprefix("#")
    return int(number) if number.isdecimal() and number.isascii() and len(number) <= LONGEST_ID else None
