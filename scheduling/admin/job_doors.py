"""What one can do to a job besides editing it: each door asks by GET, acts by POST, and calls one verb."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from scheduling import store, sync
from scheduling.admin import backfill_door, columns, why
from scheduling.admin.ask import ArgumentsForm, CopyForm, Question, SureForm, asked
from scheduling.admin.base import action
from scheduling.admin.fields import about_task
from scheduling.admin.history import told
from scheduling.admin.pausing import PauseDoors, upcoming
from scheduling.confined import check_change, check_run
from scheduling.exceptions import SchedulingError
from scheduling.models import Job
from scheduling.standing import Standing, standing
from scheduling.tenants import tenants_of

UNIQUE = ("id", "next_run_time", "fired_until", "revision", "created_at", "updated_at", "parked_reason")


class JobDoors(PauseDoors):
    """On the list for many jobs, in each row, and on the page of a job."""

    actions = ("run_selected", "pause_selected", "resume_selected")
    actions_detail = (
        "run",
        "pause",
        "resume",
        "skip",
        "why",
        {"title": "More", "items": ["backfill", "duplicate", "recompute", "to_code"]},
    )

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.run_job")

    def has_backfill_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(("scheduling.add_backfill", "scheduling.run_job"))

    def has_why_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It tells of runs."""
        return request.user.has_perms(("scheduling.view_job", "scheduling.view_execution"))

    def has_duplicate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.add_job")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Without those that would do nothing."""
        job = self.get_object(request, unquote(object_id))
        idle = set() if job is None else _idle(job)
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [each for each in found if each.path not in idle]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """An action that the person may not do is refused, not passed over."""
        wanted = request.POST.get("action")
        if wanted and wanted not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    @action(description="Run now", icon="play_arrow", url_path="run", permissions=["run"])
    def run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            queued = []
            confined = tenants_of(request.user) is not None

            def verb(given: dict[str, Any]) -> str:
                check_run(request.user, job)
                arguments = given.get("arguments")
                queued.append(store.enqueue(job, now=timezone.now(), by=_name(request), arguments=arguments))
                return format_html("Queued as {}.", columns.link(columns.page(queued[0]), f"run #{queued[0].pk}"))

            def run_page() -> str:
                seeing = request.user.has_perm("scheduling.view_execution")
                return columns.page(queued[0] if seeing else job)

            return Question(
                title=f"Run {job} now?",
                button="Run now",
                verb=verb,
                form=SureForm if confined else ArgumentsForm,
                initial={"arguments": job.arguments},
                notes=(about_task(job.task), columns.json_block(job.arguments) if confined else "", _paused_note(job)),
                leads_to=run_page,
            )

        return asked(self, request, object_id, question)

    @action(description="Why?", icon="help", url_path="why", permissions=["why"])
    def why(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return why.page(self, request, object_id)

    @action(description="Backfill", icon="fast_rewind", url_path="backfill", permissions=["backfill"])
    def backfill(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return backfill_door.page(self, request, object_id)

    @action(description="Duplicate", icon="content_copy", url_path="duplicate", permissions=["duplicate"])
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            made = []

            def verb(given: dict[str, Any]) -> str:
                copy = _copy(job, by=_name(request), **given)
                made.append(store.create(copy, by=_name(request), now=timezone.now(), reason=f"A copy of {job.pk}."))
                return f"{copy} is made, and paused: change what is to be different, then resume it."

            return Question(
                title=f"Duplicate {job}?",
                button="Duplicate",
                verb=verb,
                form=CopyForm,
                initial={"id": f"{job.pk}-copy"[:100], "name": f"{job.name} (copy)"[:200]},
                notes=("The copy is paused until you resume it.",),
                leads_to=lambda: columns.page(made[0]),
            )

        return asked(self, request, object_id, question)

    @action(description="Recompute schedule", icon="update", url_path="recompute", permissions=["change"])
    def recompute(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            def verb(_: dict[str, Any]) -> str:
                store.recompute(job, by=_name(request), now=timezone.now())
                return format_html("The schedule of {} was computed anew. {}", job, upcoming(job))

            return Question(f"Recompute the schedule of {job}?", "Recompute", verb, SureForm, notes=(RECOMPUTING,))

        return asked(self, request, object_id, question)

    @action(description="Back to code", icon="undo", url_path="to-code", permissions=["change"])
    def to_code(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            def verb(_: dict[str, Any]) -> str:
                check_change(request.user, sync.edited(job))
                done = sync.back_to_code(job, by=_name(request), now=timezone.now())
                return f"{job} is as the code defines it." if done else f"{job} was as the code defines it."

            note = "These columns differ from the code and get its values."
            return Question(
                title=f"Give {job} back to the code?",
                button="Back to code",
                verb=verb,
                notes=(note,) if edited(job) else ("Nothing differs from the code.",),
                table=edited(job),
            )

        return asked(self, request, object_id, question)

    @admin.action(description="Run now", permissions=["run"])
    def run_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        done = 0
        for job in jobs:
            try:
                check_run(request.user, job)
                store.enqueue(job, now=timezone.now(), by=_name(request))
                done += 1
            except SchedulingError as error:
                self.message_user(request, f"{job}: {error}", messages.ERROR)
        self.message_user(request, f"{done} {'run' if done == 1 else 'runs'} queued.", messages.SUCCESS)


RECOMPUTING = "The next run is the first moment of the schedule from now on; what was due until now is not made up for."


def row_doors(request: HttpRequest, allowed: dict[str, bool], job: Job) -> list[tuple[str, str, str]]:
    """Address, icon and words of the doors that a row of the list shows."""
    known = (
        ("run", "play_arrow", "Run now"),
        ("pause", "pause", "Pause"),
        ("resume", "resume", "Resume"),
        ("skip", "skip_next", "Skip next"),
    )
    return [
        (columns.page(job, name), icon, words)
        for name, icon, words in (*known, ("duplicate", "content_copy", "Duplicate"), ("why", "help", "Why?"))
        if allowed[name] and name not in _idle(job)
    ]


def edited(job: Job) -> list[tuple[str, str, str]]:
    """Where `job` differs from the code, without secrets: label, its value, the code's value."""
    defined = job.code_definition or {}
    present = sync.plain({name: getattr(job, name) for name in sync.edited(job)})
    return told({name: [value, defined[name]] for name, value in present.items()})


def _idle(job: Job) -> set[str]:
    """The doors that have nothing to do for `job`."""
    idle = {"pause"} if job.paused_at else {"resume"}
    if standing(job) != Standing.ARMED:
        idle.add("skip")
    if standing(job) in (Standing.MANUAL, Standing.PARKED):
        idle.add("recompute")
    if standing(job) == Standing.MANUAL:
        idle.add("backfill")
    return idle if edited(job) else idle | {"to-code"}


def _paused_note(job: Job) -> str:
    return "It is paused; this run goes ahead all the same." if job.paused_at else ""


def _copy(job: Job, *, by: str, id: str, name: str) -> Job:
    columns_ = {field.attname: getattr(job, field.attname) for field in Job._meta.local_fields}
    copied = {key: value for key, value in columns_.items() if key not in UNIQUE}
    paused = {
        "paused_at": timezone.now(),
        "paused_until": None,
        "paused_by": by,
        "paused_reason": f"A copy of {job.pk}; not looked at yet.",
    }
    return Job(**{**copied, **paused, "id": id, "name": name, "origin": "admin", "code_definition": None})


def _name(request: HttpRequest) -> str:
    return request.user.get_username()
