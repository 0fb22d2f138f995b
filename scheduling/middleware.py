"""Moments are shown on the viewer's clock: the time zone that his browser has told in a cookie."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "rota_zone"  # set by rota.js
KNOWN = available_timezones()


class ViewerZone:
    """Makes the viewer's zone the current one during his request; `TIME_ZONE` is for who has told none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.COOKIES.get(COOKIE, "").replace("%2F", "/")
        with timezone.override(ZoneInfo(told) if told in KNOWN else None):
            return self.get_response(request)
