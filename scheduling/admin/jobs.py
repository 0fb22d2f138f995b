"""Jobs: when they run, how they went, and the form in which that is changed."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db import IntegrityError, models
from django.db.models import QuerySet
from django.forms import Textarea, TextInput
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from scheduling import recent, store
from scheduling.admin import columns, exclusions, fields, history, missed, policies, preview
from scheduling.admin.base import ChoicesDropdownFilter
from scheduling.admin.filters import QueueFilter, StandingFilter, TagFilter, TaskFilter, TenantFilter
from scheduling.admin.job_doors import JobDoors, edited, row_doors
from scheduling.admin.job_form import JobForm
from scheduling.admin.pausing import upcoming
from scheduling.admin.strip import strip
from scheduling.conf import options
from scheduling.confined import FIXED, calendars_of
from scheduling.exceptions import SchedulingError
from scheduling.models import Change, Execution, Job, Queue
from scheduling.standing import because, standing
from scheduling.tenants import tenants_of
from scheduling.triggers import Kind

STATUS = (None, {"fields": ("status",)})
WHAT = (None, {"fields": ("id", "name", "description", "tags", "task", "task_help", "arguments", "seen")})
WHEN = (
    "Schedule",
    {
        "fields": (
            *("trigger", "examples", "cron", "interval", "run_at", "timezone", "start_at", "end_at"),
            *("calendars", "next_runs", "jitter"),
        )
    },
)
POLICIES = (
    ("Limits", {"classes": ("tab",), "fields": ("queue", "priority", "timeout", "max_instances", "overlap")}),
    ("If it is late", {"classes": ("tab",), "fields": ("misfire_grace_time", "coalesce", "run_at_startup")}),
    (
        "If it fails",
        {"classes": ("tab",), "fields": ("max_attempts", "backoff", "backoff_max", "idempotent", "exclusive")},
    ),
    ("History", {"classes": ("tab",), "fields": ("keep_for", "keep_unwell_for")}),
    ("Ping", {"classes": ("tab",), "fields": ("ping",)}),
    ("Tenant", {"classes": ("tab",), "fields": ("tenant",)}),
)
ORIGIN = (
    "Origin",
    {
        "classes": ("tab",),
        "fields": ("origin", "code_differences", "fired_until", "created_at", "updated_at"),
    },
)
DIFFERENCE = '<div>{}: <code class="rota-code">{}</code> → <code class="rota-code">{}</code></div>'
SHOWN_MOMENTS = {name: f"shown_{name}" for name in ("run_at", "start_at", "end_at")}  # to who may not change them
WORDS = {  # for the radio buttons
    Kind.CRON: "Cron",
    Kind.INTERVAL: "Interval",
    Kind.DATE: "Once",
    Kind.MANUAL: "Only when asked",
}


class JobList(ChangeList):
    """Brings the latest runs of all jobs of the page along, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        jobs = [job.pk for job in self.result_list]
        runs = recent.latest(jobs, to=request.user) if _sees_runs(request) else {}
        held = Queue.objects.paused().in_bulk()
        allowed = self.model_admin.allowed_doors(request)  # type: ignore[attr-defined]
        for job in self.result_list:
            job.runs = runs.get(job.pk, [])
            job.doors = row_doors(request, allowed, job)
            job.seen_at = timezone.now()
            job.held, job.viewer = held.get(job.queue), request.user
        exclusions.mark(self.result_list)


@admin.register(Job)
class JobAdmin(JobDoors):
    form = JobForm
    list_display = (
        "title",
        "state",
        "schedule_words",
        "next_run",
        "last_result",
        "outcomes",
        "lane",
        "doors",
    )
    list_display_links = None
    list_filter = (
        StandingFilter,
        ("trigger", ChoicesDropdownFilter),
        QueueFilter,
        TaskFilter,
        TagFilter,
        TenantFilter,
        ("origin", ChoicesDropdownFilter),
    )
    list_filter_submit = True
    list_per_page = 50
    list_max_show_all = 200
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    ordering = ("id",)
    search_fields = ("id", "name", "description", "tags", "task")
    search_help_text = "Id, name, tag, task or description"
    radio_fields = {"trigger": admin.HORIZONTAL}  # noqa: RUF012
    readonly_fields = (
        *("status", "task_help", "examples", "next_runs", "origin", "code_differences", "fired_until"),
        *("created_at", "updated_at", "shown_arguments", "shown_task_help", *SHOWN_MOMENTS.values()),
    )
    formfield_overrides = {  # noqa: RUF012
        models.DurationField: {"form_class": fields.SpanField, "widget": fields.SpanField.widget},
        models.DateTimeField: {"form_class": fields.MomentField, "widget": fields.MomentField.widget},
    }
    custom_urls = (
        ("preview/", "scheduling_job_preview", preview.preview),
        ("task-help/", "scheduling_job_task_help", preview.task_help),
    )
    warn_unsaved_form = True

    class Media:
        js = ("scheduling/job_form.js",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JobList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return Job.objects.seen_by(request.user)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        """With who looks at it: of its runs he is shown those that he may see."""
        job: Any = super().get_object(request, object_id, from_field)
        if job is not None:
            job.viewer = request.user
        return job  # type: ignore[no-any-return]

    def allowed_doors(self, request: HttpRequest) -> dict[str, bool]:
        """What the person may do to jobs, by the names of the doors."""
        pausing = self.has_pause_permission(request)
        return {
            "run": self.has_run_permission(request),
            "pause": pausing,
            "resume": pausing,
            "skip": pausing,
            "duplicate": self.has_add_permission(request),
            "why": self.has_why_permission(request),
        }

    # The list

    @admin.display(description="Job", ordering="name")
    def title(self, job: Job) -> SafeString:
        tags = format_html_join(" ", '<span class="rota-tag">{}</span>', ((tag,) for tag in job.tags))
        name = columns.link(columns.page(job), job.name or job.pk, "rota-name")
        whose = format_html(' <span class="rota-tag" title="Tenant">{}</span>', job.tenant) if job.tenant else ""
        return format_html('{}<div class="rota-id">{}</div>{}{}', name, job.pk, tags, whose)

    @admin.display(description="State")
    def state(self, job: Any) -> SafeString:
        how = standing(job, job.held)
        return columns.badge(how.value.title(), columns.STANDINGS[how], because(job, job.held, job.viewer))

    @admin.display(description="Schedule", ordering="trigger")
    def schedule_words(self, job: Job) -> SafeString:
        return format_html('<span class="rota-words" title="{}">{}</span>', job.cron, _words(job))

    @admin.display(description="Next run", ordering="next_run_time")
    def next_run(self, job: Any) -> SafeString:
        return format_html("<div>{}<div>{}</div></div>", columns.moment(job.next_run_time, job.seen_at), job.hint)

    @admin.display(description="Last result")
    def last_result(self, job: Any) -> SafeString:
        run = recent.ended(job.runs)
        return _result(run, job.seen_at) if run else format_html('<span class="rota-faint">{}</span>', "Never ran")

    @admin.display(description="Last runs")
    def outcomes(self, job: Any) -> SafeString:
        return strip(job.runs)

    @admin.display(description="Queue", ordering="queue")
    def lane(self, job: Job) -> str:
        return job.queue

    @admin.display(description="")
    def doors(self, job: Any) -> SafeString:
        drawn = format_html_join(
            "",
            '<a href="{}" class="rota-door" title="{}" aria-label="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span></a>',
            ((address, words, f"{words}: {job}", icon) for address, icon, words in job.doors),
        )
        return format_html('<span class="rota-doors">{}</span>', drawn)

    # The page of one job

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        if obj is None:
            return (WHAT, WHEN, *POLICIES)
        shown = ("id", "name", "description", "tags", "task", "shown_task_help", "shown_arguments")
        if self.has_change_permission(request, obj):
            confined = tenants_of(request.user) is not None
            what = (None, {"fields": (*shown, "seen")}) if confined else WHAT
            return (STATUS, what, WHEN, *POLICIES, ORIGIN)
        when = [SHOWN_MOMENTS.get(name, name) for name in WHEN[1]["fields"] if name not in ("examples", "next_runs")]
        return (STATUS, (None, {"fields": shown}), ("Schedule", {"fields": when}), *POLICIES, ORIGIN)

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> Any:
        fixed = FIXED if tenants_of(request.user) is not None else ()
        return (*self.readonly_fields, *fixed, "id") if obj else self.readonly_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        configured = {"timezone": timezone.get_current_timezone_name(), "trigger": Kind.CRON.value}
        grace = {"misfire_grace_time": options().misfire_grace_time}
        return {**configured, **grace, **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        match db_field.name:
            case "arguments":
                return _formfield(db_field, fields.ArgumentsField, fields.ArgumentsWidget())
            case "tags":
                return _formfield(db_field, fields.TagsField, fields.TagsField.widget)
            case "calendars":
                return fields.CalendarsField(required=False, help_text=fields.CalendarsField.help)
            case "coalesce" | "idempotent":
                return policies.choice(db_field)
            case "misfire_grace_time":
                return policies.GraceField(required=False, help_text=db_field.help_text)
            case "timezone":
                kwargs["widget"] = fields.ZoneWidget()
            case "description":
                kwargs["widget"] = Textarea({"class": fields.AREA, "rows": 2})
            case "cron":
                kwargs["widget"] = TextInput({"class": f"{fields.TEXT} rota-code", "autocomplete": "off"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "trigger":
            kwargs["choices"] = [(kind.value, words) for kind, words in WORDS.items()]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Job | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        lanes = [lane.name for lane in options().queues]
        for name, choices in (
            ("task", [("", "Choose a task"), *fields.task_choices(obj.task if obj else "")]),
            ("queue", fields.queue_choices(obj.queue if obj else "", lanes)),
            ("ping", fields.ping_choices(obj.ping if obj else "", sorted(options().pings))),
        ):
            if name in form.base_fields:
                form.base_fields[name].widget = UnfoldAdminSelectWidget(choices=choices)
        if "calendars" in form.base_fields:
            kept: Any = form.base_fields["calendars"]
            present = obj.calendars if obj else []
            known = calendars_of(request.user)
            kept.choices = [each for each in fields.calendar_choices(present) if known is None or each[0] in present]
        return form

    @admin.display(description="Status")
    def status(self, job: Any) -> SafeString:
        """What the list shows of a job, and where its runs are."""
        now = timezone.now()
        job.held = Queue.objects.paused().filter(pk=job.queue).first()
        runs = recent.latest([job.pk], to=job.viewer)[job.pk]
        last = recent.ended(runs)
        return format_html(
            '<div class="rota-status">{} {}<div class="rota-faint">{}</div>{}'
            '<div class="rota-status-runs">{} {} {}</div></div>',
            self.state(job),
            columns.moment(job.next_run_time, now, empty=""),
            because(job, job.held, job.viewer),
            exclusions.told(job, now),
            strip(runs) if runs else "",
            _result(last, now) if last else "It has not run yet.",
            columns.link(columns.listing(Execution, job__id__exact=job.pk), "All runs") if runs else "",
        )

    @admin.display(description="It takes")
    def task_help(self, job: Job | None) -> SafeString:
        return preview.live("job", "task_help", "[name=task]", fields.about_task(job.task if job else ""))

    @admin.display(description="It takes")
    def shown_task_help(self, job: Job) -> SafeString:
        return fields.about_task(job.task)

    @admin.display(description="Examples")
    def examples(self, job: Job | None) -> SafeString:
        return preview.examples()

    @admin.display(description="Next runs")
    def next_runs(self, job: Job | None) -> SafeString:
        """As the form has it now; an interval that stays as it is keeps its grid."""
        return format_html("{}{}", preview.anchor(job), preview.live("job", "preview", preview.INCLUDED))

    @admin.display(description="Arguments")
    def shown_arguments(self, job: Job) -> SafeString:
        return columns.json_block(job.arguments)

    @admin.display(description=JobForm.Meta.labels["run_at"])
    def shown_run_at(self, job: Job) -> SafeString:
        return columns.moment(job.run_at, timezone.now())

    @admin.display(description=JobForm.Meta.labels["start_at"])
    def shown_start_at(self, job: Job) -> SafeString:
        return columns.moment(job.start_at, timezone.now())

    @admin.display(description=JobForm.Meta.labels["end_at"])
    def shown_end_at(self, job: Job) -> SafeString:
        return columns.moment(job.end_at, timezone.now())

    @admin.display(description="Edited")
    def code_differences(self, job: Job) -> SafeString | str:
        if not job.code_definition:
            return "No code defines it."
        differ = ((name, code, here) for name, here, code in edited(job))
        return format_html_join("", DIFFERENCE, differ) or "It is as the code defines it."

    def save_model(self, request: HttpRequest, obj: Job, form: Any, change: bool) -> None:
        by, now = request.user.get_username(), timezone.now()
        if not change:
            store.create(obj, by=by, now=now)
        elif not store.change(obj, sorted(form.touched), by=by, now=now, seen=form.cleaned_data["seen"]):
            return
        self.message_user(request, upcoming(obj), messages.INFO)
        if said := missed.of_the_past(request, obj, form.changed_data, now):
            self.message_user(request, said, messages.WARNING)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form refuses what it can; what only the database could tell comes back as a message."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except SchedulingError as error:
            self.message_user(request, str(error), messages.ERROR)
        except IntegrityError:
            self.message_user(request, "Someone else was faster with this id or this change.", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def delete_model(self, request: HttpRequest, obj: Job) -> None:
        store.delete(obj, by=request.user.get_username(), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        for job in queryset:
            self.delete_model(request, job)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Every change through any door, not only those made here; a deleted job's history stays."""
        name = unquote(object_id)
        job = self.get_object(request, name)
        if job is None and tenants_of(request.user) is not None:
            raise Http404(f"There never was a job {name!r}.")
        changes = Change.objects.of_job(name, request.user)
        return history.page(self, request, job, changes, f"job {name!r}")


def _formfield(db_field: Any, form_class: Any, widget: Any) -> Any:
    label = str(db_field.verbose_name).capitalize()
    return form_class(required=False, label=label, help_text=db_field.help_text, widget=widget)


def _result(run: Execution, now: datetime) -> SafeString:
    ago = columns.distance(run.finished_at, now) if run.finished_at else ""
    return format_html('<a class="rota-result" href="{}">{}{}</a>', columns.page(run), columns.state(run), ago)


def _words(job: Job) -> str:
    try:
        return job.words
    except SchedulingError as error:
        return str(error)


def _sees_runs(request: HttpRequest) -> bool:
    return request.user.has_perm("scheduling.view_execution")
