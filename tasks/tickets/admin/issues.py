"""Issues: what goes wrong for customers, in whose words, and who found it."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter
from tasks.tickets.admin.pages import MinedAdmin, method_badge, severity_badge, text_block
from tasks.tickets.models import Issue


@admin.register(Issue)
class IssueAdmin(MinedAdmin):
    list_display = ("what", "how_bad", "found_by", "category", "of_ticket", "of_cluster", "opened")
    list_filter = (
        ("severity", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
        ("cluster", admin.EmptyFieldListFilter),
    )
    search_fields = ("title", "category")
    ordering = ("-opened_at", "-id")
    fieldsets: ClassVar = [
        (None, {"fields": ["title", "how_bad", "category", "said", "in_words"]}),
        ("Where", {"fields": ["of_ticket", "of_cluster", "opened"]}),
        ("Who found it", {"fields": ["found_by", "model", "found"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Issue]:
        found = Issue.objects.select_related("ticket", "cluster")
        return found.defer("ticket__description", "cluster__centroid", "cluster__terms")

    @admin.display(description="Issue")
    def what(self, issue: Issue) -> SafeString:
        return columns.link(columns.page(issue), issue.title, "rota-name")

    @admin.display(description="Severity")
    def how_bad(self, issue: Issue) -> SafeString:
        return severity_badge(issue)

    @admin.display(description="Found by")
    def found_by(self, issue: Issue) -> SafeString:
        return method_badge(issue)

    @admin.display(description="Ticket")
    def of_ticket(self, issue: Issue) -> SafeString:
        return columns.link(columns.page(issue.ticket), f"#{issue.ticket_id}")

    @admin.display(description="Cluster")
    def of_cluster(self, issue: Issue) -> SafeString | str:
        return columns.link(columns.page(issue.cluster), issue.cluster) if issue.cluster else ""

    @admin.display(description="Opened")
    def opened(self, issue: Issue) -> SafeString:
        return columns.moment(issue.opened_at, timezone.now())

    @admin.display(description="Found")
    def found(self, issue: Issue) -> SafeString:
        return columns.moment(issue.found_at, timezone.now())

    @admin.display(description="Quote")
    def said(self, issue: Issue) -> SafeString:
        return text_block(issue.quote)

    @admin.display(description="Summary")
    def in_words(self, issue: Issue) -> SafeString:
        return text_block(issue.summary)
