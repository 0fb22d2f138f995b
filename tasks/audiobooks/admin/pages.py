"""What the pages of this app have in common: rows that only tasks write, labels of states, pages without a count."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.paging import FARTHEST, RunList, RunPaginator
from tasks.admin import ReadOnlyAdmin
from tasks.audiobooks.admin.drawing import LOOKS
from tasks.audiobooks.models import Download, DownloadState, GapState

CSS = "tasks/audiobooks.css"
LONGEST_ID = 18  # digits that every database holds
STATES = {
    DownloadState.DONE: "green",
    DownloadState.RUNNING: "blue",
    DownloadState.QUEUED: "violet",
    DownloadState.HELD: "amber",
    DownloadState.FAILED: "red",
    DownloadState.OFF: "slate",
}  # the first is what a book shows that has several


class LibraryList(RunList):
    """In the order of its page, which need not be that of ids."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        return list(self.model_admin.ordering or ())


class LibraryAdmin(ReadOnlyAdmin):
    """Rows that the tasks write; lists that count nothing."""

    list_display_links = None
    list_fullwidth = True
    list_filter_submit = True
    paginator = RunPaginator
    show_full_result_count = False
    sortable_by = ()
    ordering: ClassVar[Any] = ("-id",)

    class Media:
        css: ClassVar = {"all": [CSS]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LibraryList]:
        return LibraryList


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some rows of many."""

    rows: list[Any]
    number: int
    has_next: bool

    @property
    def before(self) -> int:
        return self.number - 1

    @property
    def after(self) -> int:
        return self.number + 1

    @property
    def has_others(self) -> bool:
        return self.has_next or self.number > 1


def sheet(rows: QuerySet[Any], wanted: str | None, size: int) -> Sheet:
    """The page of `rows` that is wanted, found without a count of all; what is no page is the first."""
    number = min(max(number_in(wanted or "") or 1, 1), FARTHEST)
    found = list(rows[(number - 1) * size : number * size + 1])
    return Sheet(found[:size], number, len(found) > size)


def number_in(text: str) -> int | None:
    """An id as an address or a search has it; None if no row can have it."""
    number = text.strip().removeprefix("#")
    return int(number) if number.isdecimal() and number.isascii() and len(number) <= LONGEST_ID else None


def row_or_404(rows: QuerySet[Any], object_id: str) -> Any:
    """The row that the address of a page of the admin names."""
    number = number_in(unquote(object_id))
    row = None if number is None else rows.filter(pk=number).first()
    if row is None:
        raise Http404
    return row


def check(request: HttpRequest, *permissions: str) -> None:
    """Raises PermissionDenied unless one may do it; `permissions` without the name of the app."""
    if not may(request, *permissions):
        raise PermissionDenied


def may(request: HttpRequest, *permissions: str) -> bool:
    return request.user.has_perms([name if "." in name else f"audiobooks.{name}" for name in permissions])


def page_if(request: HttpRequest, row: Model | None, permission: str) -> str:
    """The address of its page, for those who may see it."""
    return columns.page(row) if row is not None and may(request, permission) else ""


def percent(download: Download) -> int | None:
    """Of its bytes; a hundred only for what is whole."""
    if download.state == DownloadState.DONE:
        return 100
    return None if download.share is None else min(int(100 * download.share), 99)


def download_badge(download: Download) -> SafeString:
    state = DownloadState(download.state)
    done = percent(download)
    more = f" {done} %" if state is DownloadState.RUNNING and done is not None else ""
    return columns.badge(f"{state.label}{more}", STATES[state], download.error)


def gap_badge(state: str) -> SafeString:
    known = GapState(state)
    return columns.badge(known.label, LOOKS[known])
