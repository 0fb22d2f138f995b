"""Workers: which schedulers live, and how much they have to do."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, ModelAdmin
from scheduling.health import Health, health
from scheduling.models import Worker

COLOURS = {
    Health.ALIVE: "green",
    Health.STALLED: "red",
    Health.SILENT: "red",
    Health.STOPPING: "amber",
    Health.STOPPED: "slate",
    Health.DEAD: "red",
}


@admin.register(Worker)
class WorkerAdmin(ModelAdmin):
    list_display = ("name", "life", "load", "lanes", "last_turn", "started", "version")
    list_display_links = None
    list_filter = (("state", ChoicesDropdownFilter),)
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    list_fullwidth = True
    ordering = ("-started_at",)
    sortable_by = ()
    actions = None
    fields = (
        "host",
        "pid",
        "life",
        "load",
        "lanes",
        "version",
        "last_turn",
        "last_heartbeat",
        "started",
        "stopped",
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Worker")
    def name(self, worker: Worker) -> SafeString:
        return columns.link(columns.page(worker), worker, "rota-name")

    @admin.display(description="State")
    def life(self, worker: Worker) -> SafeString:
        how = health(worker, timezone.now())
        return columns.badge(how.value.title(), COLOURS[how])

    @admin.display(description="Load")
    def load(self, worker: Worker) -> SafeString:
        return format_html(
            '<span class="rota-load"><meter min="0" max="{}" value="{}"></meter> {} of {}</span>',
            max(worker.slots, 1),
            worker.running,
            worker.running,
            worker.slots,
        )

    @admin.display(description="Queues")
    def lanes(self, worker: Worker) -> str:
        return ", ".join(f"{name} ({slots})" for name, slots in worker.queues.items()) or "—"

    @admin.display(description="Last turn")
    def last_turn(self, worker: Worker) -> SafeString:
        return columns.moment(worker.turned_at, timezone.now())

    @admin.display(description="Last heartbeat")
    def last_heartbeat(self, worker: Worker) -> SafeString:
        return columns.moment(worker.heartbeat_at, timezone.now())

    @admin.display(description="Started")
    def started(self, worker: Worker) -> SafeString:
        return columns.moment(worker.started_at, timezone.now())

    @admin.display(description="Stopped")
    def stopped(self, worker: Worker) -> SafeString:
        return columns.moment(worker.stopped_at, timezone.now())
