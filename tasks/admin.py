"""TaskRecord pages, read-only."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, ModelAdmin
from scheduling.admin.paging import RunList, RunPaginator
from scheduling.models import Execution
from tasks.models import Status, TaskRecord

COLOURS = {
    Status.RUNNING: "blue",
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.CANCELLED: "slate",
    Status.INTERRUPTED: "violet",
}


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only tasks write."""

    actions = None
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TaskRecord)
class TaskRecordAdmin(ReadOnlyAdmin):
    list_display = ("what", "outcome", "items_processed", "items_failed", "share", "started", "span", "run")
    list_display_links = None
    list_filter = (("status", ChoicesDropdownFilter),)
    search_fields = ("task_name", "label")
    search_help_text = "Task, account or stage"
    sortable_by = ()
    paginator = RunPaginator
    show_full_result_count = False
    fieldsets: ClassVar = [
        (None, {"fields": ["task_name", "label", "run", "outcome", "error"]}),
        ("Items", {"fields": ["items_processed", "items_succeeded", "items_failed"]}),
        ("Progress", {"fields": ["share", "progress_text", "started", "span"]}),
        ("What it tells", {"fields": ["told", "log"]}),
    ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RunList]:
        return RunList

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskRecord]:
        """Without the texts; the page of one record fetches its own."""
        return TaskRecord.objects.seen_by(request.user).with_over().defer("log_output", "error", "result")

    @admin.display(description="Record")
    def what(self, record: TaskRecord) -> SafeString:
        return columns.link(columns.page(record), record, "rota-name")

    @admin.display(description="Status")
    def outcome(self, record: Any) -> SafeString:
        """A record that a killed run has left open shows as interrupted; its next run closes it."""
        left_behind = record.status == Status.RUNNING and record.over
        status = Status.INTERRUPTED if left_behind else Status(record.status)
        return columns.badge(status.label, COLOURS[status])

    @admin.display(description="Progress")
    def share(self, record: TaskRecord) -> str:
        return "" if record.progress is None else f"{record.progress:.0%}"

    @admin.display(description="Started")
    def started(self, record: TaskRecord) -> SafeString:
        return columns.moment(record.started_at, timezone.now())

    @admin.display(description="Duration")
    def span(self, record: TaskRecord) -> str:
        return columns.span(record.duration)

    @admin.display(description="Run")
    def run(self, record: TaskRecord) -> SafeString | str:
        if record.execution_id is None:
            return ""
        return columns.link(columns.page(Execution(pk=record.execution_id)), f"#{record.execution_id}")

    @admin.display(description="Result")
    def told(self, record: TaskRecord) -> SafeString:
        return columns.json_block(record.result)

    @admin.display(description="Log")
    def log(self, record: TaskRecord) -> SafeString:
        return format_html('<pre class="rota-block">{}</pre>', record.log_output)
