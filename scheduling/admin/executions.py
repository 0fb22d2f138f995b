"""Executions: the history of all runs, read-only, and a page for each that is alive while the run is."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from scheduling import registry, store
from scheduling.admin import columns, run_page
from scheduling.admin.ask import Question, ReasonForm, asked
from scheduling.admin.base import ChoicesDropdownFilter, ModelAdmin, action
from scheduling.admin.filters import (
    CauseFilter,
    EndFilter,
    RunJobFilter,
    RunQueueFilter,
    TaskFilter,
    TenantFilter,
    WhyFilter,
)
from scheduling.admin.paging import RunList, RunPaginator
from scheduling.confined import check_rerun
from scheduling.models import OPEN, Execution, Job, State

BIGGEST = 2**63 - 1  # of an id
FEW = 50  # jobs that a search looks among


@admin.register(Execution)
class ExecutionAdmin(ModelAdmin):
    list_display = (
        *("number", "of_job", "label", "asked_by", "due", "lateness", "duration", "attempt", "short_reason"),
    )
    list_display_links = None
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("job", RunJobFilter),
        TaskFilter,
        TenantFilter,
        RunQueueFilter,
        WhyFilter,
        CauseFilter,
        EndFilter,
    )
    list_filter_submit = True
    list_per_page = 50
    list_fullwidth = True
    list_select_related = False
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = RunPaginator
    sortable_by = ()
    search_fields = ("id", "job", "task")  # how they are searched, get_search_results says
    search_help_text = "Number, job or task"
    actions = None
    actions_detail = ("cancel", "again")
    change_form_template = "admin/scheduling/execution.html"
    custom_urls = (("<int:object_id>/live/", "scheduling_execution_live", run_page.live),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.cancel_execution")

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.run_job")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        return Execution.objects.seen_by(request.user).light()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Execution | None:
        """With all its texts."""
        wanted = unquote(str(object_id))
        if not (wanted.isascii() and wanted.isdigit() and int(wanted) <= BIGGEST):
            return None
        return Execution.objects.seen_by(request.user).filter(pk=int(wanted)).first()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RunList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is an id; else the names of jobs and tasks are searched, and each leads to its runs."""
        term = search_term.strip().removeprefix("#")
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit():
            return queryset.filter(pk=min(int(term), BIGGEST)), False
        fits = Q(pk__icontains=term) | Q(name__icontains=term)
        if jobs := list(Job.objects.seen_by(request.user).filter(fits).values_list("pk", flat=True)[:FEW]):
            return queryset.filter(job__in=jobs), False
        if tasks := [path for path in registry.registered() if term.lower() in path.lower()]:
            return queryset.filter(task__in=tasks), False
        return queryset.filter(job=term), False  # of a job that was deleted

    # The list

    @admin.display(description="Run")
    def number(self, run: Execution) -> SafeString:
        return columns.link(columns.page(run), f"#{run.pk}", "rota-name")

    @admin.display(description="Job")
    def of_job(self, run: Execution) -> SafeString:
        name = run.job_id or run.task.rpartition(".")[2]
        return format_html('<span title="{}">{}</span>', run.task, name)

    @admin.display(description="State")
    def label(self, run: Execution) -> SafeString:
        cause = format_html(' <span class="rota-faint">{}</span>', run.get_cause_display()) if run.cause else ""
        return format_html("{}{}", columns.state(run), cause)

    @admin.display(description="Why")
    def asked_by(self, run: Execution) -> SafeString:
        return format_html('<span title="{}">{}</span>', run.requested_by, run.get_why_display())

    @admin.display(description="Scheduled for")
    def due(self, run: Execution) -> SafeString:
        return columns.moment(run.scheduled_for or run.stands_for or run.run_after, timezone.now())

    @admin.display(description="Late")
    def lateness(self, run: Execution) -> str:
        return columns.span(run.lateness)

    @admin.display(description="Took")
    def duration(self, run: Execution) -> str:
        return columns.span(run.duration)

    @admin.display(description="Reason")
    def short_reason(self, run: Execution) -> SafeString | str:
        said = run.reason or run.error_class.rpartition(".")[2]
        return format_html('<span class="rota-reason" title="{}">{}</span>', said, Truncator(said).chars(80))

    # The page of one run

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        shown = run_page.context(self, request, run) if run and self.has_view_permission(request, run) else {}
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """A run that has ended cannot be cancelled."""
        run = self.get_object(request, object_id)
        over = run is None or run.is_final
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [each for each in found if not (over and each.path == "cancel")]

    @action(description="Cancel", icon="stop_circle", url_path="cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(run: Execution) -> Question:
            def verb(given: dict[str, Any]) -> str:
                by = request.user.get_username()
                done = store.cancel(run, by=by, now=timezone.now(), reason=given["reason"])
                return CANCELLED[done]

            note = "It is running: it will be told to stop." if run.state == State.RUNNING else ""
            return Question(f"Cancel run #{run.pk}?", "Cancel the run", verb, ReasonForm, notes=(note,), danger=True)

        return asked(self, request, object_id, question)

    @action(description="Run again", icon="replay", url_path="again", permissions=["run"])
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(run: Execution) -> Question:
            made = []

            def verb(_: dict[str, Any]) -> str:
                check_rerun(request.user, run)
                made.append(store.rerun(run, by=request.user.get_username(), now=timezone.now()))
                return f"Queued as run #{made[0].pk}, with the same arguments."

            still = "It has not ended yet; this makes a second run." if run.state in OPEN else ""
            return Question(
                title=f"Run #{run.pk} again?",
                button="Run again",
                verb=verb,
                notes=(
                    f"{run.task}, with the same arguments and limits:",
                    columns.json_block(run.arguments),
                    still,
                ),
                leads_to=lambda: columns.page(made[0]),
            )

        return asked(self, request, object_id, question)


CANCELLED = {
    State.CANCELLED: "The run is cancelled.",
    State.RUNNING: "The run has been told to stop.",
    None: "There was nothing to cancel: the run had ended, or was told to stop already.",
}
