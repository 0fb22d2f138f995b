"""Books: the wall of their covers, the page of each, and the pictures."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from tasks.audiobooks.admin import book_page, wall
from tasks.audiobooks.admin.pages import LibraryAdmin, check, row_or_404
from tasks.audiobooks.covers import cover_file
from tasks.audiobooks.models import Book
from tasks.files import image_type, read

DAY = 86_400  # seconds
NOTHING = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'  # lets the drawn cover behind it be seen


@admin.register(Book)
class BookAdmin(LibraryAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.cover, cacheable=True)
        return [path("<int:pk>/cover/", view, name="audiobooks_book_cover"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A wall of covers, the latest first."""
        check(request, "view_book")
        return self._page(request, "tasks/audiobooks/wall.html", wall.context(request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All that is known of a book."""
        check(request, "view_book")
        book = row_or_404(Book.objects.select_related("series"), object_id)
        return self._page(request, "tasks/audiobooks/book.html", book_page.context(request, book))

    def cover(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The stored picture; the browser is told to take its type from us alone."""
        check(request, "view_book")
        book = get_object_or_404(Book, pk=pk)
        picture = read_picture(book)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": f"private, max-age={DAY}"}
        if picture is None:
            headers["Cache-Control"] = "private, no-store"
            return HttpResponse(NOTHING, status=404, content_type="image/svg+xml", headers=headers)
        content, kind = picture
        return HttpResponse(content, content_type=kind, headers=headers)

    def _page(self, request: HttpRequest, template: str, told: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **told}
        return TemplateResponse(request, template, context)


def read_picture(book: Book) -> tuple[bytes, str] | None:
    """The picture with its media type, by its first bytes; None if it is not there, or is none."""
    if book.cover_at is None:
        return None
    try:
        content = read(cover_file(book)) or b""
    except OSError:
        return None
    kind = image_type(content)
    return (content, kind) if kind else None
