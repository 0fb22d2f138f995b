"""Tickets as Zendesk tells them, with what was written in them and the issues that were found."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter
from tasks.tickets.admin.pages import MinedAdmin, method_badge, number_in, severity_badge, text_block
from tasks.tickets.conf import options
from tasks.tickets.models import Analysis, Comment, Issue, Ticket

MOST_COMMENTS = 200  # on a page
INTERNAL = columns.badge(
    "Internal note", "amber", "Customers do not see it; no model is sent it unless INTERNAL_NOTES is on."
)
ANALYSES = {
    Analysis.PENDING: "grey",
    Analysis.SENT: "blue",
    Analysis.DONE: "green",
    Analysis.FAILED: "red",
}


@admin.register(Ticket)
class TicketAdmin(MinedAdmin):
    list_display = ("title", "state", "search", "found", "opened", "changed")
    list_filter = (("analysis", ChoicesDropdownFilter), "is_deleted")
    search_fields = ("subject",)
    search_help_text = "A part of the subject, or the number"
    ordering = ("-opened_at", "-ticket_id")
    change_form_outer_after_template = "tasks/tickets/ticket.html"
    actions: Any = ("analyse_again",)  # ReadOnlyAdmin has none
    fieldsets: ClassVar = [
        (None, {"fields": ["subject", "told", "state", "priority", "channel", "labels", "there"]}),
        ("Times", {"fields": ["opened", "changed", "fetched"]}),
        ("Search for issues", {"fields": ["search", "analysis_error"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        """With `issue_count`; without the texts, which the page of one ticket fetches by itself."""
        mine = Issue.objects.filter(ticket=OuterRef("pk")).order_by().values("ticket").annotate(count=Count("pk"))
        count = Coalesce(Subquery(mine.values("count"), output_field=IntegerField()), 0)
        return Ticket.objects.defer("description").annotate(issue_count=count)

    def has_analyse_permission(self, request: HttpRequest) -> bool:
        """What the next run does of it costs as much as a run."""
        return request.user.has_perms(("tickets.view_ticket", "scheduling.run_job"))

    @admin.action(description="Analyse again", permissions=["analyse"])
    def analyse_again(self, request: HttpRequest, tickets: QuerySet[Ticket]) -> None:
        """Let the next run look for issues once more, whatever came of it before; what was found stays until then."""
        over = tickets.filter(analysis__in=(Analysis.DONE, Analysis.FAILED), is_deleted=False)
        count = over.order_by().update(analysis=Analysis.PENDING, analysis_attempts=0, analysis_error="")
        self.message_user(request, f"{count} ticket{'' if count == 1 else 's'} will be analysed again in the next run.")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """An internal note is for those who may see comments."""
        found = super().get_fieldsets(request, obj)
        if obj is None or not obj.description_is_internal or request.user.has_perm("tickets.view_comment"):
            return found
        (name, first), *others = found
        return [(name, {"fields": ["withheld" if field == "told" else field for field in first["fields"]]}), *others]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        number = number_in(search_term)
        if number is not None:
            return queryset.filter(pk=number), False
        return super().get_search_results(request, queryset, search_term)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        number = number_in(unquote(object_id))
        told = {} if number is None else _told(request, number)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **told})

    @admin.display(description="Ticket")
    def title(self, ticket: Ticket) -> SafeString:
        return columns.link(columns.page(ticket), ticket, "rota-name")

    @admin.display(description="Status")
    def state(self, ticket: Ticket) -> SafeString:
        if ticket.is_deleted:
            return columns.badge("Deleted", "red", "It is gone at Zendesk; its issues do not count.")
        return columns.badge(ticket.status or "unknown", "slate")

    @admin.display(description="Analysis")
    def search(self, ticket: Ticket) -> SafeString:
        known = Analysis(ticket.analysis)
        return columns.badge(known.label, ANALYSES[known], ticket.analysis_error)

    @admin.display(description="Issues")
    def found(self, ticket: Any) -> str:
        return str(ticket.issue_count) if ticket.issue_count else ""

    @admin.display(description="Opened")
    def opened(self, ticket: Ticket) -> SafeString:
        return columns.moment(ticket.opened_at, timezone.now())

    @admin.display(description="Changed")
    def changed(self, ticket: Ticket) -> SafeString:
        return columns.moment(ticket.changed_at, timezone.now())

    @admin.display(description="Fetched")
    def fetched(self, ticket: Ticket) -> SafeString:
        return columns.moment(ticket.synced_at, timezone.now())

    @admin.display(description="Description")
    def told(self, ticket: Ticket) -> SafeString:
        text = text_block(ticket.description)
        return format_html("{} {}", INTERNAL, text) if ticket.description_is_internal else text

    @admin.display(description="Description")
    def withheld(self, ticket: Ticket) -> SafeString:
        return INTERNAL

    @admin.display(description="Tags")
    def labels(self, ticket: Ticket) -> str:
        return ", ".join(map(str, ticket.tags))

    @admin.display(description="At Zendesk")
    def there(self, ticket: Ticket) -> SafeString:
        return columns.link(f"{options().zendesk_url.rstrip('/')}/agent/tickets/{ticket.pk}", f"#{ticket.pk}")


def _told(request: HttpRequest, ticket: int) -> dict[str, Any]:
    """What was written in a ticket and found in it, as far as one may see that."""
    told: dict[str, Any] = {}
    if request.user.has_perm("tickets.view_comment"):
        comments = list(Comment.objects.filter(ticket=ticket)[: MOST_COMMENTS + 1])
        told |= {"comments": comments[:MOST_COMMENTS], "more_comments": len(comments) > MOST_COMMENTS}
        told["may_see_comments"] = True
    if request.user.has_perm("tickets.view_issue"):
        issues = Issue.objects.filter(ticket=ticket).select_related("cluster").defer("cluster__centroid")
        told["issues"] = [(each, severity_badge(each), method_badge(each)) for each in issues]
        told["may_see_issues"] = True
    return told
