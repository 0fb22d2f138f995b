"""Every address that Rota answers: the admin, the REST API, and what machines ask."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from project import probes
from project.api import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    re_path(r"^health/?$", probes.liveness, name="health"),
    re_path(r"^health/scheduler/?$", probes.scheduler, name="scheduler-health"),
    path("metrics", probes.metrics, name="metrics"),
]
