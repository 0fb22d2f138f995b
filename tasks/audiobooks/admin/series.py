"""Series and authors: how complete each is, drawn; and on the page of one its works in their order."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import DropdownFilter
from tasks.audiobooks.admin.drawing import percent, squares
from tasks.audiobooks.admin.pages import LibraryAdmin, LibraryList, check, may, row_or_404
from tasks.audiobooks.admin.works import MOST_WORKS, drawn, works_of
from tasks.audiobooks.models import Author, Book, Gap, GapState, Series

SHOWN = ("series", "position", "title", "state")


class CompleteFilter(DropdownFilter):
    title = "complete"
    parameter_name = "complete"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "With gaps"), ("yes", "Complete"), ("unknown", "Not looked at yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "no":
            return queryset.filter(stand__owned__lt=F("stand__wanted"))
        if self.value() == "yes":
            return queryset.filter(stand__owned__gte=F("stand__wanted"))
        return queryset.filter(stand=None) if self.value() == "unknown" else queryset


class SeriesList(LibraryList):
    """Brings the works of all series of a page along, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        works = defaultdict(list)
        gaps = Gap.objects.filter(series__in=[row.pk for row in rows]).order_by()
        for series, position, title, state in gaps.values_list(*SHOWN).iterator():
            works[series].append((position, title, state))
        for row in rows:
            row.squares = squares(works[row.pk])
        self.result_list = rows


class OwnerAdmin(LibraryAdmin):
    """Whoever has works, some of them missing."""

    list_filter = (CompleteFilter,)
    list_select_related = ("stand",)
    search_fields = ("name",)
    search_help_text = "A part of the name"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The works in their order."""
        name = self.opts.model_name
        check(request, f"view_{name}")
        owner = row_or_404(self.model.objects.select_related("stand"), object_id)
        works = works_of(owner)
        context = {
            **self.admin_site.each_context(request),
            **{"opts": self.opts, "title": str(owner), "owner": owner},
            "works": works,
            "has_order": name == "series",
            "squares": drawn(works),
            "is_cut": len(works) >= MOST_WORKS,
            "missing": sum(work.state in {GapState.MISSING, GapState.FOUND} for work in works),
            "complete": self.complete(owner),
            "looked": self.looked(owner),
            "books": columns.listing(Book, **{str(name): owner.pk}) if may(request, "view_book") else "",
            "may_see_books": may(request, "view_book"),
            "may_decide": may(request, "view_gap", "change_gap"),
            "may_queue": may(request, "view_gap", "change_gap", "add_download"),
            "told": self.told(owner),
        }
        return TemplateResponse(request, "tasks/audiobooks/owner.html", context)

    def told(self, owner: Any) -> str:
        """What more there is to say of it."""
        return ""

    @admin.display(description="Name")
    def name_cell(self, owner: Any) -> SafeString:
        return columns.link(columns.page(owner), str(owner)[:200], "rota-name")

    @admin.display(description="Here")
    def complete(self, owner: Any) -> SafeString:
        stand = getattr(owner, "stand", None)
        if stand is None:
            return columns.moment(None, timezone.now(), empty="not looked at yet")
        told = {"stand": stand, "percent": percent(stand.owned, stand.wanted)}
        return render_to_string("tasks/audiobooks/complete.html", told)

    @admin.display(description="Looked at")
    def looked(self, owner: Any) -> SafeString:
        return columns.moment(owner.completed_at, timezone.now(), empty="never")


@admin.register(Series)
class SeriesAdmin(OwnerAdmin):
    list_display = ("name_cell", "complete", "parts", "looked")
    ordering = ("name", "id")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SeriesList]:
        return SeriesList

    @admin.display(description="Parts")
    def parts(self, series: Any) -> SafeString:
        return render_to_string("tasks/audiobooks/squares.html", {"drawn": series.squares})


@admin.register(Author)
class AuthorAdmin(OwnerAdmin):
    list_display = ("name_cell", "years", "complete", "looked")
    ordering = ("last_name", "name", "id")

    def told(self, owner: Any) -> str:
        return self.years(owner)

    @admin.display(description="Lived")
    def years(self, author: Author) -> str:
        return f"{author.born or '?'} to {author.died or '?'}" if author.born or author.died else ""
