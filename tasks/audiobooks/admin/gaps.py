"""Gaps: what is missing in series and of authors; what staff decide of each, there and on this list."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter
from tasks.audiobooks import steering
from tasks.audiobooks.admin.pages import LibraryAdmin, check, gap_badge, may, page_if
from tasks.audiobooks.models import Gap

TOGETHER = ("series", "author", "edition", "book")  # comes along with a gap


@admin.register(Gap)
class GapAdmin(LibraryAdmin):
    list_display = ("title_cell", "place", "of", "state_cell", "checked")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = TOGETHER
    search_fields = ("title",)
    search_help_text = "A part of the title"
    actions: Any = ("ignore_all", "want_all", "queue_all")  # ReadOnlyAdmin has none
    fieldsets: ClassVar = [
        (None, {"fields": ["title", "place", "of", "state_cell", "work_key"]}),
        ("In the catalogue", {"fields": ["fills", "edition", "checked"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/ignore/", view(require_POST(self.ignore)), name="audiobooks_gap_ignore"),
            path("<int:pk>/want/", view(require_POST(self.want)), name="audiobooks_gap_want"),
            path("<int:pk>/queue/", view(require_POST(self.queue)), name="audiobooks_gap_queue"),
        ]
        return [*own, *super().get_urls()]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return may(request, "view_gap", "change_gap")

    def has_queue_permission(self, request: HttpRequest) -> bool:
        return may(request, "view_gap", "change_gap", "add_download")

    # Doors of one gap

    def ignore(self, request: HttpRequest, pk: int) -> HttpResponse:
        """It is not wanted."""
        check(request, "view_gap", "change_gap")
        gap = get_object_or_404(Gap, pk=pk)
        done = steering.decline(gap)
        return self._answer(request, gap, done, "“{}” is not wanted.", "“{}” is here or on its way, or was declined.")

    def want(self, request: HttpRequest, pk: int) -> HttpResponse:
        """It is wanted after all."""
        check(request, "view_gap", "change_gap")
        gap = get_object_or_404(Gap, pk=pk)
        done = steering.want(gap)
        return self._answer(request, gap, done, "“{}” is wanted again.", "“{}” was wanted already.")

    def queue(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Download what the catalogue has of it."""
        check(request, "view_gap", "change_gap", "add_download")
        gap = get_object_or_404(Gap.objects.select_related(*TOGETHER), pk=pk)
        done = steering.queue_found(gap, now=timezone.now())
        refused = "“{}” is not queued: the catalogue has no files of it, or it is on its way already."
        return self._answer(request, gap, done, "“{}” is queued.", refused)

    def _answer(self, request: HttpRequest, gap: Gap, done: bool, won: str, lost: str) -> HttpResponse:
        """Say what came of it, where it was asked for."""
        words = (won if done else lost).format(gap.title[:100])
        self.message_user(request, words, messages.SUCCESS if done else messages.WARNING)
        address = page_if(request, gap.series, "view_series") or page_if(request, gap.author, "view_author")
        return redirect(f"{address}#works" if address else columns.listing(Gap))

    # Deeds on many

    @admin.action(description="Not wanted", permissions=["decide"])
    def ignore_all(self, request: HttpRequest, gaps: QuerySet[Gap]) -> None:
        self._each(request, gaps, steering.decline, "not wanted now")

    @admin.action(description="Wanted again", permissions=["decide"])
    def want_all(self, request: HttpRequest, gaps: QuerySet[Gap]) -> None:
        self._each(request, gaps, steering.want, "wanted again")

    @admin.action(description="Download", permissions=["queue"])
    def queue_all(self, request: HttpRequest, gaps: QuerySet[Gap]) -> None:
        now = timezone.now()
        self._each(request, gaps, lambda gap: steering.queue_found(gap, now=now), "queued")

    def _each(self, request: HttpRequest, gaps: QuerySet[Gap], deed: Callable[[Gap], bool], words: str) -> None:
        done = [deed(gap) for gap in gaps.select_related(*TOGETHER).order_by("pk")]
        told = f"{sum(done)} of {len(done)} {'is' if sum(done) == 1 else 'are'} {words}."
        self.message_user(request, told, messages.SUCCESS if any(done) else messages.WARNING)

    # Cells

    @admin.display(description="Work")
    def title_cell(self, gap: Gap) -> SafeString:
        return columns.link(columns.page(gap), gap.title[:200], "rota-name")

    @admin.display(description="Number")
    def place(self, gap: Gap) -> str:
        return gap.position

    @admin.display(description="Series or author")
    def of(self, gap: Gap) -> SafeString | str:
        owner = gap.series or gap.author
        return columns.link(columns.page(owner), owner) if owner else ""

    @admin.display(description="State")
    def state_cell(self, gap: Gap) -> SafeString:
        return gap_badge(gap.state)

    @admin.display(description="Book")
    def fills(self, gap: Gap) -> SafeString | str:
        return columns.link(columns.page(gap.book), gap.book) if gap.book else "—"

    @admin.display(description="Looked for")
    def checked(self, gap: Gap) -> SafeString:
        return columns.moment(gap.checked_at, timezone.now())
