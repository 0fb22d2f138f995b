"""Downloads: what is on its way into the library, a part that stays true by itself, and what staff may do to each."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from scheduling import store
from scheduling.admin import columns
from scheduling.exceptions import SchedulingError
from scheduling.models import OPEN, Execution, Job
from tasks.audiobooks import steering
from tasks.audiobooks.admin import download_list
from tasks.audiobooks.admin.pages import LibraryAdmin, check, row_or_404
from tasks.audiobooks.models import Download

WHOLE = "edition__book"  # comes along with a download


@admin.register(Download)
class DownloadAdmin(LibraryAdmin):
    def get_urls(self) -> list[URLPattern]:
        view, own = self.admin_site.admin_view, "audiobooks_download"
        return [
            path("live/", view(never_cache(require_GET(self.live))), name=f"{own}_live"),
            path("run/", view(require_POST(self.run)), name=f"{own}_run"),
            path("<int:pk>/live/", view(never_cache(require_GET(self.live_one))), name=f"{own}_live_one"),
            path("<int:pk>/again/", view(require_POST(self.again)), name=f"{own}_again"),
            path("<int:pk>/off/", view(require_POST(self.off)), name=f"{own}_off"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What is on its way, how far, and how full the library is."""
        check(request, "view_download")
        return self._page(request, "tasks/audiobooks/downloads.html", download_list.listed(request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One, with its parts."""
        check(request, "view_download")
        download = row_or_404(Download.objects.select_related(WHOLE), object_id)
        return self._page(request, "tasks/audiobooks/download.html", download_list.one(request, download))

    def live(self, request: HttpRequest) -> HttpResponse:
        """The part of the list that changes while something runs."""
        check(request, "view_download")
        return TemplateResponse(request, "tasks/audiobooks/downloads_live.html", download_list.listed(request))

    def live_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page of one that changes."""
        check(request, "view_download")
        download = get_object_or_404(Download.objects.select_related(WHOLE), pk=pk)
        return TemplateResponse(request, "tasks/audiobooks/download_live.html", download_list.one(request, download))

    def run(self, request: HttpRequest) -> HttpResponse:
        """Begin with what is queued now, not at the next moment of the job."""
        check(request, "view_download", "scheduling.run_job")
        job = Job.objects.filter(pk=download_list.JOB).first()
        if job is None:
            self.message_user(request, "The job is not there yet: run manage.py syncjobs.", messages.ERROR)
            return redirect(columns.listing(Download))
        going = Execution.objects.filter(job=job, state__in=OPEN).order_by("-pk").first()
        try:
            run = going or store.enqueue(job, now=timezone.now(), by=request.user.get_username())
        except SchedulingError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            told = "A run is under way already: {}." if going else "Run {} will download what is queued."
            number = columns.link(columns.page(run), f"#{run.pk}")
            self.message_user(request, format_html(told, number), messages.WARNING if going else messages.SUCCESS)
        return redirect(columns.listing(Download))

    def again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue it once more."""
        check(request, "view_download", "change_download")
        download = get_object_or_404(Download, pk=pk)
        done = steering.queue_again(download, now=timezone.now())
        self._tell(request, done, "It is queued again.", "It is on its way, or in the library already.")
        return redirect(columns.page(download))

    def off(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take it off the list."""
        check(request, "view_download", "change_download")
        download = get_object_or_404(Download, pk=pk)
        done = steering.take_off(download, by=request.user.get_username(), now=timezone.now())
        self._tell(request, done, "It is taken off the list.", "It is in the library, or was taken off already.")
        return redirect(columns.page(download))

    def _tell(self, request: HttpRequest, done: bool, won: str, lost: str) -> None:
        self.message_user(request, won if done else lost, messages.SUCCESS if done else messages.WARNING)

    def _page(self, request: HttpRequest, template: str, told: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **told}
        return TemplateResponse(request, template, context)
