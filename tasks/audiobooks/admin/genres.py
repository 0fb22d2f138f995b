"""Genres: people decide which are enabled; of those the top lists, with what has changed in a week."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from tasks.audiobooks.admin import top
from tasks.audiobooks.admin.pages import CSS, check, may, number_in, sheet
from tasks.audiobooks.models import Book, Genre

LISTS = 12  # side by side, on a page


@admin.register(Genre)
class GenreAdmin(ModelAdmin):
    actions = None
    list_display = ("name", "is_enabled", "asked_as", "ranked", "on_wall")
    list_editable = ("is_enabled",)
    list_filter = ("is_enabled",)
    list_per_page = 100
    search_fields = ("name",)
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    ordering = ("-is_enabled", "name")
    list_before_template = "tasks/audiobooks/to_top.html"
    change_form_outer_after_template = "tasks/audiobooks/genre.html"
    fields = ("name", "subject", "is_enabled", "ranked")

    class Media:
        css: ClassVar = {"all": [CSS]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.top)
        return [path("top/", view, name="audiobooks_genre_top"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Genre | None = None) -> tuple[str, ...]:
        return ("name", "ranked") if obj else ("ranked",)

    def save_model(self, request: HttpRequest, obj: Genre, form: Any, change: bool) -> None:
        """Nothing of what a run writes meanwhile is put back."""
        if change:
            obj.save(update_fields=[name for name in form.changed_data if name in {"subject", "is_enabled"}])
        else:
            obj.save()

    def top(self, request: HttpRequest) -> HttpResponse:
        """The latest lists of all enabled genres, side by side."""
        check(request, "view_genre", "view_rank")
        page = sheet(Genre.objects.filter(is_enabled=True), request.GET.get("page"), LISTS)
        context = {
            **self.admin_site.each_context(request),
            **{"opts": self.opts, "title": "Top lists", "page": page},
            "tops": top.tops(request, page.rows),
            "list": columns.listing(Genre),
        }
        return TemplateResponse(request, "tasks/audiobooks/top.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        number = number_in(unquote(object_id))
        genre = Genre.objects.filter(pk=number).first() if number and may(request, "view_rank") else None
        told = {"top": top.tops(request, [genre], top.MOST_SHOWN)[0]} if genre else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **told})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        seeing = {"may_see_top": may(request, "view_genre", "view_rank")}
        return super().changelist_view(request, {**(extra_context or {}), **seeing})

    @admin.display(description="Asked for as")
    def asked_as(self, genre: Genre) -> str:
        return genre.subject or genre.name.lower()

    @admin.display(description="Ranked")
    def ranked(self, genre: Genre) -> SafeString:
        return columns.moment(genre.ranked_at, timezone.now(), empty="never")

    @admin.display(description="Books")
    def on_wall(self, genre: Genre) -> SafeString:
        return columns.link(columns.listing(Book, genre=genre.pk), "On the wall")
