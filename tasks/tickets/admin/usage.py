"""What was asked of the model: batches, and how much it has read and written on each day."""

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from tasks.tickets.admin.pages import MinedAdmin
from tasks.tickets.conf import options
from tasks.tickets.models import Batch, Usage


@admin.register(Batch)
class BatchAdmin(MinedAdmin):
    list_display = ("name", "standing", "size", "estimate", "sent", "read")
    fields = ("key", "batch_id", "standing", "size", "estimate", "sent", "read")
    ordering = ("-id",)

    @admin.display(description="Batch")
    def name(self, batch: Batch) -> SafeString:
        return columns.link(columns.page(batch), batch, "rota-name")

    @admin.display(description="State")
    def standing(self, batch: Batch) -> SafeString:
        return columns.badge("Read", "green") if batch.ended_at else columns.badge("Under way", "blue")

    @admin.display(description="Sent")
    def sent(self, batch: Batch) -> SafeString:
        return columns.moment(batch.created_at, timezone.now())

    @admin.display(description="Results read")
    def read(self, batch: Batch) -> SafeString:
        return columns.moment(batch.ended_at, timezone.now())


@admin.register(Usage)
class UsageAdmin(MinedAdmin):
    list_display = ("date", "requests", "input_tokens", "output_tokens", "share")
    fields = ("day", "requests", "input_tokens", "output_tokens", "share")
    ordering = ("-day",)

    @admin.display(description="Day (UTC)")
    def date(self, usage: Usage) -> SafeString:
        return columns.link(columns.page(usage), usage.day.isoformat(), "rota-name")

    @admin.display(description="Of the budget")
    def share(self, usage: Usage) -> str:
        budget = options().daily_tokens
        return f"{(usage.input_tokens + usage.output_tokens) / budget:.0%}" if budget else "no limit"
