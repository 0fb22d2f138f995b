"""Lists of a table that may hold millions of rows: pages without a count, in the order of an index."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from scheduling.admin.base import InfinitePaginator
from scheduling.admin.filters import EndFilter

FARTHEST = 1000  # pages that one may turn; a filter leads farther


class RunPaginator(InfinitePaginator):
    """Previous and next."""

    count = FARTHEST * 50


class RunList(ChangeList):
    """By id, newest first; by the moment of the end where the list is filtered by it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count  # neither is known, so that no page tells them

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if any(request.GET.get(name) for name in EndFilter.names):
            return ["-finished_at", "-id"]
        return ["-id"]
