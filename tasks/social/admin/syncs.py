"""Syncs with what went wrong in them, and the metrics that a platform refuses."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, InfinitePaginator
from scheduling.models import Execution
from tasks.admin import ReadOnlyAdmin
from tasks.social import told
from tasks.social.admin.pages import CSS, BusinessFilter, SocialReadOnlyAdmin, sync_badge
from tasks.social.models import RefusedMetric, Sync

ERRORS = 200  # on the page of a sync


@admin.register(Sync)
class SyncAdmin(SocialReadOnlyAdmin):
    list_display = ("title", "how", "share", "failures", "started", "took", "of_run")
    list_filter = (BusinessFilter, ("state", ChoicesDropdownFilter))
    list_filter_submit = True
    ordering = ("-started_at", "-id")
    paginator = InfinitePaginator
    change_form_outer_after_template = "tasks/social/sync.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["of_business", "how", "outcome", "error", "of_run"]}),
        ("When", {"fields": ["started", "finished", "took"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sync]:
        rows: QuerySet[Sync] = super().get_queryset(request).select_related("business")
        if not request.user.has_perm("scheduling.view_execution"):
            return rows.annotate(may_see_run=Value(False))
        runs = Execution.objects.seen_by(request.user).order_by().filter(pk=OuterRef("execution"))
        return rows.annotate(may_see_run=Exists(runs))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        sync = self.get_object(request, unquote(object_id))
        shown: dict[str, Any] = {}
        if sync and self.has_view_permission(request, sync):
            errors = list(told.failures_of([sync])[: ERRORS + 1])
            shown = {"failed": errors[:ERRORS], "more_failed": len(errors) > ERRORS}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @admin.display(description="Sync")
    def title(self, sync: Sync) -> SafeString:
        return columns.link(columns.page(sync), sync.business, "rota-name")

    @admin.display(description="Business")
    def of_business(self, sync: Sync) -> SafeString:
        return columns.link(columns.page(sync.business), sync.business)

    @admin.display(description="State")
    def how(self, sync: Sync) -> SafeString:
        return sync_badge(sync)

    @admin.display(description="Posts")
    def share(self, sync: Sync) -> str:
        return f"{sync.posts_synced:,}/{sync.posts_total:,}"

    @admin.display(description="Outcome")
    def outcome(self, sync: Sync) -> str:
        return told.outcome(sync)

    @admin.display(description="Started")
    def started(self, sync: Sync) -> SafeString:
        return columns.moment(sync.started_at, timezone.now())

    @admin.display(description="Finished")
    def finished(self, sync: Sync) -> SafeString:
        return columns.moment(sync.finished_at, timezone.now())

    @admin.display(description="Took")
    def took(self, sync: Sync) -> str:
        return columns.span(sync.duration)

    @admin.display(description="Run")
    def of_run(self, sync: Any) -> SafeString | str:
        """It may be pruned earlier than the sync, or be of all businesses, which is not for people of one."""
        if not sync.may_see_run:
            return "—"
        return columns.link(columns.page(Execution(pk=sync.execution)), f"#{sync.execution}")


@admin.register(RefusedMetric)
class RefusedMetricAdmin(ReadOnlyAdmin):
    """One that is deleted is asked for again in the next sync."""

    actions = ()  # type: ignore[assignment]  # with that of Django, to delete several
    list_display = ("what", "kind", "platform", "version", "message", "refused")
    list_display_links = None
    list_filter = (("platform", ChoicesDropdownFilter),)
    fields = ("name", "kind", "platform", "version", "message", "refused")
    sortable_by = ()

    class Media:
        css: ClassVar = {"all": [CSS]}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("social.delete_refusedmetric")

    @admin.display(description="Figure")
    def what(self, metric: RefusedMetric) -> SafeString:
        return columns.link(columns.page(metric), metric.name, "rota-name")

    @admin.display(description="Refused")
    def refused(self, metric: RefusedMetric) -> SafeString:
        return columns.moment(metric.refused_at, timezone.now())
