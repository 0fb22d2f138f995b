"""Every address that Rota answers: the admin, the REST API, and one that says the web side is up."""

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from project.api import api, nowhere


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answers while the web side is up; asks no database, so that a slow one does not restart the web."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    re_path(r"^api/", nowhere),
    re_path(r"^health/?$", health, name="health"),
]
