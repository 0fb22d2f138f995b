"""Pages of the watch history: plays, titles, and for each user a wall of posters with a Refresh button."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from scheduling import store
from scheduling.admin import columns
from scheduling.backends import execution_of
from scheduling.models import OPEN, Execution
from tasks.admin import ReadOnlyAdmin
from tasks.files import image_type, read
from tasks.watch_history.conf import USER_NAME, options
from tasks.watch_history.files import poster_file
from tasks.watch_history.models import Play, Title, Watcher
from tasks.watch_history.tasks import update_user_history

POSTERS_PER_PAGE = 60
DAY = 86_400  # seconds


@admin.register(Watcher)
class WatcherAdmin(ReadOnlyAdmin):
    list_display = ("name", "synced_at", "wall")
    list_display_links = None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<str:name>/posters/", view(self.posters), name="watch_history_posters"),
            path("<str:name>/refresh/", view(require_POST(self.refresh)), name="watch_history_refresh"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="Posters")
    def wall(self, watcher: Watcher) -> SafeString:
        return columns.link(reverse("admin:watch_history_posters", args=[watcher.pk]), "What was seen")

    def posters(self, request: HttpRequest, name: str) -> HttpResponse:
        """A wall of all titles that a user has seen, the latest first."""
        watcher = watcher_or_404(name)
        if not self.has_view_permission(request, watcher):
            raise PermissionDenied
        page = Paginator(Title.objects.seen_by(watcher), POSTERS_PER_PAGE).get_page(request.GET.get("page"))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"What {watcher} has seen",
            "opts": self.opts,
            "watcher": watcher,
            "page": page,
            "may_refresh": request.user.has_perm("scheduling.run_job"),
            "is_fresh": watcher.is_fresh(timezone.now(), options().cache_time),
        }
        return TemplateResponse(request, "tasks/posters.html", context)

    def refresh(self, request: HttpRequest, name: str) -> HttpResponse:
        """Update this user now, unless his data is young and it was not asked for by force."""
        watcher = watcher_or_404(name)
        if not (self.has_view_permission(request, watcher) and request.user.has_perm("scheduling.run_job")):
            raise PermissionDenied
        force = request.POST.get("force") == "yes"
        if not force and watcher.is_fresh(timezone.now(), options().cache_time):
            age = columns.span(timezone.now() - watcher.synced_at) if watcher.synced_at else ""
            told = f"Nothing was done: the data is only {age} old. Force the refresh to update it all the same."
            self.message_user(request, told, messages.WARNING)
        else:
            run, is_new = queue_update(watcher, force, by=request.user.get_username())
            number = columns.link(columns.page(run), f"#{run.pk}")
            told = "Run {} will update {}." if is_new else "Already under way: {} updates {}."
            level = messages.SUCCESS if is_new else messages.WARNING
            self.message_user(request, format_html(told, number, watcher), level)
        return redirect("admin:watch_history_posters", watcher.pk)


@admin.register(Title)
class TitleAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "runtime", "enriched_at")
    list_filter = ("kind",)
    search_fields = ("title",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.poster, cacheable=True)
        return [path("<int:pk>/poster/", view, name="watch_history_title_poster"), *super().get_urls()]

    def poster(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The stored picture; the browser is told to take its type from us alone."""
        title = get_object_or_404(Title, pk=pk)
        if not self.has_view_permission(request, title):
            raise PermissionDenied
        picture = read(poster_file(options(), title.poster_path)) if title.poster_path else None
        kind = image_type(picture) if picture else None
        if kind is None:
            raise Http404
        headers = {"Cache-Control": f"private, max-age={DAY}", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(picture, content_type=kind, headers=headers)


@admin.register(Play)
class PlayAdmin(ReadOnlyAdmin):
    list_display = ("title", "episode_code", "watcher", "watched_at", "rating", "action")
    list_filter = ("watcher", "title__kind")
    list_select_related = ("title", "watcher")
    search_fields = ("title__title", "episode_title")
    ordering = ("-watched_at", "-history_id")
    sortable_by = ()


@transaction.atomic
def queue_update(watcher: Watcher, force: bool, by: str) -> tuple[Execution, bool]:
    """The run that will update `watcher`, and whether it is new: while one is under way no other is queued."""
    Watcher.objects.select_for_update().get(pk=watcher.pk)  # of two clicks at once, one comes first
    asked = Execution.objects.filter(task=update_user_history.module_path, arguments__user=watcher.pk)
    if going := asked.filter(state__in=OPEN).first():
        return going, False
    wanted = execution_of(update_user_history, [], {"user": watcher.pk, "force": force}, by=by)
    return store.enqueue_task([wanted])[0], True


def watcher_or_404(name: str) -> Watcher:
    """The watcher of that name; nothing is asked for a name that no watcher can have."""
    if not USER_NAME.fullmatch(name):
        raise Http404
    return get_object_or_404(Watcher, pk=name)
