"""Recordings, the door that asks for one, and the places in top lists."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from scheduling.admin import columns
from tasks.audiobooks import steering
from tasks.audiobooks.admin.book_page import MOST_NAMES
from tasks.audiobooks.admin.drawing import page_address
from tasks.audiobooks.admin.pages import LibraryAdmin, check, download_badge, may
from tasks.audiobooks.models import Edition, Rank


@admin.register(Edition)
class EditionAdmin(LibraryAdmin):
    list_display = ("title_cell", "of", "language", "plays", "wanted", "stands", "seen")
    list_select_related = ("book", "download")
    search_fields = ("title", "source_id")
    search_help_text = "A part of the title, or the number in the catalogue"
    fieldsets: ClassVar = [
        (None, {"fields": ["title", "of", "stands", "language", "read_by", "sections", "plays"]}),
        ("In the catalogue", {"fields": ["source", "source_id", "there", "archive_id", "wanted", "seen"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.download))
        return [path("<int:pk>/download/", view, name="audiobooks_edition_download"), *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue it."""
        check(request, "view_book", "add_download")
        edition = get_object_or_404(Edition.objects.select_related("book"), pk=pk)
        queued = steering.ask_for(edition, by=request.user.get_username(), now=timezone.now())
        if queued is None:
            told = "It is not queued: it is on its way or in the library already, or the catalogue has no files of it."
            self.message_user(request, told, messages.WARNING)
        else:
            self.message_user(request, f"“{edition.title[:100]}” is queued.", messages.SUCCESS)
        return redirect(f"{columns.page(edition.book)}#editions")

    @admin.display(description="Recording")
    def title_cell(self, edition: Edition) -> SafeString:
        return columns.link(columns.page(edition), edition.title[:200], "rota-name")

    @admin.display(description="Book")
    def of(self, edition: Edition) -> SafeString:
        return columns.link(columns.page(edition.book), edition.book.title[:200])

    @admin.display(description="Plays")
    def plays(self, edition: Edition) -> str:
        return columns.span(timedelta(seconds=edition.seconds)) if edition.seconds else ""

    @admin.display(description="Fetched by others")
    def wanted(self, edition: Edition) -> str:
        return "" if edition.downloads is None else f"{edition.downloads:,}"

    @admin.display(description="Library")
    def stands(self, edition: Edition) -> SafeString | str:
        download = getattr(edition, "download", None)
        return download_badge(download) if download else ""

    @admin.display(description="Read by")
    def read_by(self, edition: Edition) -> str:
        names = edition.readers if isinstance(edition.readers, list) else []
        return ", ".join(map(str, names[:MOST_NAMES])) + (
            f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else ""
        )

    @admin.display(description="Its page")
    def there(self, edition: Edition) -> SafeString | str:
        """A link to the web, and to nothing else."""
        address = page_address(edition.url)
        return (
            format_html('<a class="rota-link" href="{0}" rel="noopener noreferrer">{0}</a>', address)
            if address
            else "—"
        )

    @admin.display(description="Last seen")
    def seen(self, edition: Edition) -> SafeString:
        return columns.moment(edition.seen_at, timezone.now())


@admin.register(Rank)
class RankAdmin(LibraryAdmin):
    list_display = ("title_cell", "genre", "place", "day", "fetched")
    list_select_related = ("genre", "edition__book")
    search_fields = ("title",)
    search_help_text = "A part of the title"
    list_before_template = "tasks/audiobooks/to_top.html"
    ordering = ("-day", "genre_id", "place")
    fields = ("title", "genre", "place", "day", "fetched", "archive_id", "edition")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        seeing = {"may_see_top": may(request, "view_genre", "view_rank")}
        return super().changelist_view(request, {**(extra_context or {}), **seeing})

    @admin.display(description="Title")
    def title_cell(self, rank: Rank) -> SafeString:
        return columns.link(columns.page(rank), rank.title[:200] or "—", "rota-name")

    @admin.display(description="Fetched")
    def fetched(self, rank: Any) -> str:
        return "" if rank.downloads is None else f"{rank.downloads:,}"
