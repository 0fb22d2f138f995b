"""Clusters: how big they are and whether they rise; the quotes of each; a name that staff may give."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from tasks.tickets.admin import panel, trends
from tasks.tickets.admin.counts import by_day, by_hour
from tasks.tickets.admin.drawing import line
from tasks.tickets.admin.pages import MinedAdmin, method_badge, number_in, severity_badge
from tasks.tickets.models import Cluster, Issue

QUOTES = 25  # on a page


class ClusterList(ChangeList):
    """Brings the hours of all clusters of a page along, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        hours = by_hour([cluster.pk for cluster in rows], timezone.now())
        for cluster in rows:
            cluster.hours_told = hours[cluster.pk]
        self.result_list = rows


@admin.register(Cluster)
class ClusterAdmin(MinedAdmin):
    list_display = ("title", "standing", "size", "last_hours", "trend", "last")
    list_filter = ("is_rising", "is_gone")
    search_fields = ("name",)
    ordering = ("-size", "id")
    change_form_outer_after_template = "tasks/tickets/cluster.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "standing", "size", "words"]}),
        ("Times", {"fields": ["first", "last", "scored"]}),
    ]
    readonly_fields = ("standing", "size", "words", "first", "last", "scored")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of the name."""
        return ModelAdmin.has_change_permission(self, request, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("trends/", view(self.trends), name="tickets_cluster_trends"),
            path("pipeline/", view(panel.live), name="tickets_cluster_pipeline"),
            path("pipeline/run/", view(panel.run), name="tickets_cluster_run"),
            path("pipeline/stop/", view(panel.stop), name="tickets_cluster_stop"),
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cluster]:
        return Cluster.objects.defer("centroid")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ClusterList

    def trends(self, request: HttpRequest) -> HttpResponse:
        """Which clusters rise."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts, **trends.context(request)}
        return TemplateResponse(request, "tasks/tickets/trends.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        number = number_in(unquote(object_id))
        cluster = None if number is None else self.get_queryset(request).filter(pk=number).first()
        told = _told(request, cluster) if cluster else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **told})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """A name that staff gave is kept by all runs to come."""
        if "name" in form.changed_data:
            obj.is_renamed = True
            obj.save(update_fields=["name", "is_renamed"])

    @admin.display(description="Cluster")
    def title(self, cluster: Cluster) -> SafeString:
        return columns.link(columns.page(cluster), cluster.name, "rota-name")

    @admin.display(description="Trend")
    def standing(self, cluster: Cluster) -> Any:
        return trends.standing_badge(cluster)

    @admin.display(description="48 hours")
    def last_hours(self, cluster: Any) -> SafeString:
        drawn = line(cluster.hours_told)
        return format_html(
            '<svg class="mined-line mined-spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
            'aria-label="{} tickets in 48 hours"><polyline points="{}" vector-effect="non-scaling-stroke"/></svg>',
            drawn.width,
            drawn.height,
            drawn.total,
            drawn.points,
        )

    @admin.display(description="Score")
    def trend(self, cluster: Cluster) -> str:
        return f"{cluster.score:.1f}" if cluster.scored_at else ""

    @admin.display(description="First ticket")
    def first(self, cluster: Cluster) -> SafeString:
        return columns.moment(cluster.first_at, timezone.now())

    @admin.display(description="Last ticket")
    def last(self, cluster: Cluster) -> SafeString:
        return columns.moment(cluster.last_at, timezone.now())

    @admin.display(description="Scored")
    def scored(self, cluster: Cluster) -> SafeString:
        return columns.moment(cluster.scored_at, timezone.now())

    @admin.display(description="What sets it apart")
    def words(self, cluster: Cluster) -> str:
        return ", ".join(map(str, cluster.terms))


def _told(request: HttpRequest, cluster: Cluster) -> dict[str, Any]:
    """Its hours and days, and what customers wrote, the newest first."""
    now = timezone.now()
    told: dict[str, Any] = {
        "hours": trends.row(cluster, by_hour([cluster.pk], now)[cluster.pk]),
        "days": trends.drawn_days(now, by_day(now, cluster.pk), {}, ("Tickets", "blue")),
    }
    if request.user.has_perm("tickets.view_issue"):
        issues = Issue.objects.filter(cluster=cluster).order_by("-opened_at", "-pk")
        page = Paginator(issues, QUOTES).get_page(request.GET.get("quotes"))
        told["quotes"] = page
        told["rows"] = [
            (each, severity_badge(each), method_badge(each), columns.moment(each.opened_at, now)) for each in page
        ]
    return told
