"""Backfills: which there were, how far each is, and a page for each that is alive while it goes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.forms import BooleanField
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldBooleanWidget

from scheduling import store
from scheduling.admin import columns
from scheduling.admin.ask import Question, ReasonForm, asked
from scheduling.admin.base import AutocompleteSelectFilter, ChoicesDropdownFilter, ModelAdmin, action
from scheduling.models import UNWELL, Backfill, BackfillState, Execution, Job
from scheduling.survey import Progress, progress_of

COLOURS = {BackfillState.GOING: "blue", BackfillState.STOPPED: "slate", BackfillState.DONE: "green"}
SHOWN = 10  # runs that failed
PARTS = (  # of the bar, in order: the count, its words, its colour
    ("succeeded", "succeeded", "green"),
    ("failed", "failed", "red"),
    ("cancelled", "cancelled", "slate"),
    ("running", "running", "blue"),
    ("waiting", "waiting", "amber"),
    ("passed", "needed no run", "violet"),
    ("forgotten", "not kept any more", "slate"),
    ("to_come", "to come", "grey"),
)


class StopForm(ReasonForm):
    """Why, and whether those that run are to be stopped, too."""

    running = BooleanField(
        label="Also stop the runs that go on now",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Otherwise they may end.",
    )


class BackfillList(ChangeList):
    """Brings the progress of all backfills of the page along, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        progress = progress_of(self.result_list)
        for backfill in self.result_list:
            backfill.progress = progress[backfill.pk]


@admin.register(Backfill)
class BackfillAdmin(ModelAdmin):
    """Begun on the page of a job."""

    list_display = ("number", "of_job", "state_label", "how_far", "range", "requester", "begun")
    list_display_links = None
    list_filter = (("state", ChoicesDropdownFilter), ("job", AutocompleteSelectFilter))
    list_filter_submit = True
    list_per_page = 50
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions = None
    actions_detail = ("stop",)
    change_form_template = "admin/scheduling/backfill.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_stop_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.stop_backfill")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BackfillList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backfill]:
        return Backfill.objects.light()

    # The list

    @admin.display(description="Backfill")
    def number(self, backfill: Backfill) -> SafeString:
        return columns.link(columns.page(backfill), f"#{backfill.pk}", "rota-name")

    @admin.display(description="Job")
    def of_job(self, backfill: Backfill) -> str:
        return str(backfill.job_id)

    @admin.display(description="State")
    def state_label(self, backfill: Backfill) -> SafeString:
        return label(backfill)

    @admin.display(description="Progress")
    def how_far(self, backfill: Any) -> SafeString:
        progress: Progress = backfill.progress
        return format_html(
            '<span class="rota-bar-told">{}<span class="rota-distance">{}</span></span>',
            bar(progress),
            f"{progress.ended:,} of {progress.total:,}",
        )

    @admin.display(description="Range")
    def range(self, backfill: Backfill) -> SafeString:
        return range_of(backfill)

    @admin.display(description="Asked for by")
    def requester(self, backfill: Backfill) -> SafeString:
        return format_html('<span title="{}">{}</span>', backfill.reason, backfill.requested_by or "the system")

    @admin.display(description="Begun")
    def begun(self, backfill: Backfill) -> SafeString:
        return columns.moment(backfill.created_at, timezone.now())

    # The page of one

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        backfill = self.get_object(request, object_id)
        seen = backfill is not None and self.has_view_permission(request, backfill)
        shown = _context(request, backfill) if backfill and seen else {}
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """One that has ended cannot be stopped."""
        backfill = self.get_object(request, object_id)
        over = backfill is None or not _is_alive(backfill, progress_of([backfill])[backfill.pk])
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [] if over else found

    @action(description="Stop", icon="stop_circle", url_path="stop", permissions=["stop"])
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(backfill: Backfill) -> Question:
            def verb(given: dict[str, Any]) -> str:
                by, now = request.user.get_username(), timezone.now()
                done = store.stop_backfill(backfill, by=by, now=now, running=given["running"], reason=given["reason"])
                return "The backfill is stopped." if done else "There was nothing to stop."

            note = "What waits is cancelled, and no further run starts. It cannot go on later, but a new one can begin."
            return Question(f"Stop {backfill}?", "Stop it", verb, StopForm, notes=(note,), danger=True)

        return asked(self, request, object_id, question)


def label(backfill: Backfill) -> SafeString:
    state = BackfillState(backfill.state)
    return columns.badge(state.label, COLOURS[state], backfill.ended_reason)


def bar(progress: Progress) -> SafeString:
    """One bar with a stretch for each outcome, as wide as its share."""
    parts = list(_parts(progress))
    told = [f"{count:,} {words}" for count, words, _ in parts]
    drawn = format_html_join(
        "",
        '<span class="rota-{}" style="flex: {} 0 0" title="{}"></span>',
        ((colour, count, words) for (count, _, colour), words in zip(parts, told, strict=True)),
    )
    return format_html(
        '<span class="rota-timeline rota-bar" role="img" aria-label="{}">{}</span>', ", ".join(told), drawn
    )


def range_of(backfill: Backfill) -> SafeString:
    """From when to when, on the viewer's clock."""
    now = timezone.now()
    ends = (columns.absolute(moment, now) for moment in (backfill.first_at, backfill.last_at))
    return format_html('<span class="rota-words">{} to {}</span>', *ends)


def _parts(progress: Progress) -> Iterator[tuple[int, str, str]]:
    for name, words, colour in PARTS:
        if count := getattr(progress, name):
            yield count, words, colour


def _is_alive(backfill: Backfill, progress: Progress) -> bool:
    return backfill.state == BackfillState.GOING or bool(progress.running or progress.waiting)


def _context(request: HttpRequest, backfill: Backfill) -> dict[str, Any]:
    """What the page shows, apart from what every page of the admin does."""
    now = timezone.now()
    progress = progress_of([backfill])[backfill.pk]
    job = Job.objects.filter(pk=backfill.job_id).first()
    runs = request.user.has_perm("scheduling.view_execution")
    return {
        "backfill": backfill,
        "label": label(backfill),
        "live": _is_alive(backfill, progress),
        "hindrance": _hindrance(backfill, job),
        "ended": f"{progress.ended:,} of {progress.total:,} moments",
        "bar": bar(progress),
        "parts": [(f"{count:,}", words, colour) for count, words, colour in _parts(progress)],
        "facts": list(_facts(request, backfill, job, now)),
        "runs": columns.listing(Execution, backfill__id__exact=backfill.pk) if runs else "",
        "failed": _failed(backfill, now) if runs else [],
    }


def _hindrance(backfill: Backfill, job: Job | None) -> str:
    """Why one that goes does not get on."""
    if backfill.state != BackfillState.GOING or job is None:
        return ""
    if job.parked_reason:
        return f"It waits, since its job is parked: {job.parked_reason}"
    if job.queue in store.paused_queues():
        return f"It waits, since the queue {job.queue} is paused."
    return ""


def _facts(request: HttpRequest, backfill: Backfill, job: Job | None, now: datetime) -> Iterator[tuple[str, Any]]:
    """Names and values for the table."""
    seeing = job is not None and request.user.has_perm("scheduling.view_job")
    yield "Job", columns.link(columns.page(job), job) if job and seeing else backfill.job_id
    yield "From", columns.moment(backfill.first_at, now)
    yield "To", columns.moment(backfill.last_at, now)
    yield "Order", "newest first" if backfill.newest_first else "oldest first"
    yield "Which", "all moments" if backfill.again else "those without a successful run"
    yield "At the same time", f"{backfill.at_once}{', beside its own runs' if backfill.alongside else ''}"
    yield "Rate", f"at most {backfill.per_minute} a minute" if backfill.per_minute else "as fast as they end"
    yield "Begun", columns.moment(backfill.created_at, now)
    yield "Asked for by", backfill.requested_by or "the system"
    if backfill.reason:
        yield "Reason", backfill.reason
    if backfill.ended_at:
        yield "Ended", columns.moment(backfill.ended_at, now)
        yield "Took", columns.span(backfill.ended_at - backfill.created_at)
    if backfill.state == BackfillState.STOPPED:
        yield "Stopped by", backfill.ended_by or "the system"


def _failed(backfill: Backfill, now: datetime) -> list[tuple[SafeString, SafeString, SafeString, str]]:
    """The latest of its runs that ended unwell: link, state, the moment, the error."""
    rows = Execution.objects.filter(backfill=backfill.pk, state__in=UNWELL).order_by("-id")
    return [
        (
            columns.link(columns.page(run), f"#{run.pk}"),
            columns.state(run),
            columns.moment(run.stands_for, now),
            f"{run.error_class.rpartition('.')[2]} {run.error_message or run.reason}".strip()[:200],
        )
        for run in rows[:SHOWN]
    ]
