"""Queues: the configured lanes, how full they are, and the doors that pause one and let it go on."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling import store
from scheduling.admin import columns
from scheduling.admin.ask import PauseForm, Question, ReasonForm, ResumeForm, asked
from scheduling.admin.base import ModelAdmin, action
from scheduling.admin.pausing import missed_note
from scheduling.conf import options
from scheduling.loads import Load, loads
from scheduling.models import Job, Queue
from scheduling.standing import paused

PAUSING = (
    "Nothing of a paused queue starts: its jobs do not fire, and what waits in it goes on waiting. "
    "Runs under way go on. Each moment that passes meanwhile gets a row that says so."
)


class QueueList(ChangeList):
    """Brings the load of all queues along, in three queries."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        found = loads(timezone.now())
        for queue in self.result_list:
            queue.load = found.get(queue.pk, Load())


@admin.register(Queue)
class QueueAdmin(ModelAdmin):
    list_display = ("title", "state", "executor", "running", "waiting", "workers", "jobs")
    list_display_links = None
    list_fullwidth = True
    sortable_by = ()
    actions = None
    actions_row = ()
    actions_detail = ("pause", "resume")
    fields = ("name", "state", "executor", "running", "waiting", "workers", "jobs")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.pause_queue")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Queue]:
        return Queue.objects.known()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        queue: Any = self.get_queryset(request).filter(pk=unquote(object_id)).first()
        if queue is not None:
            queue.load = loads(timezone.now()).get(queue.pk, Load())
        return queue

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return QueueList

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Without the one that would do nothing."""
        queue = self.get_object(request, object_id)
        idle = "pause" if queue is not None and queue.paused_at else "resume"
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [each for each in found if each.path != idle]

    # Cells

    @admin.display(description="Queue")
    def title(self, queue: Queue) -> SafeString:
        return columns.link(columns.page(queue), queue.name, "rota-name")

    @admin.display(description="State")
    def state(self, queue: Any) -> SafeString:
        if queue.paused_at:
            said = columns.badge("Paused", "amber")
            return format_html('{}<div class="rota-faint">{}</div>', said, paused("Paused", queue))
        if not queue.load.workers:
            return columns.badge("Not served", "red", "No scheduler that is alive serves it: start runscheduler.")
        return columns.badge("Open", "green")

    @admin.display(description="Executor")
    def executor(self, queue: Queue) -> str:
        lane = options().lane(queue.name)
        return f"{lane.executor}, {lane.slots} places" if lane else "not configured any more"

    @admin.display(description="Running")
    def running(self, queue: Any) -> SafeString:
        running, places = queue.load.running, max(queue.load.places, 1)
        return format_html(
            '<progress class="rota-progress" max="{}" value="{}"></progress> {} of {}',
            *(places, running, running, queue.load.places),
        )

    @admin.display(description="Waiting")
    def waiting(self, queue: Any) -> int:
        return int(queue.load.waiting)

    @admin.display(description="Served by")
    def workers(self, queue: Any) -> str:
        count = queue.load.workers
        return f"{count} {'worker' if count == 1 else 'workers'}"

    @admin.display(description="Jobs")
    def jobs(self, queue: Any) -> SafeString:
        return columns.link(columns.listing(Job, queue=queue.name), queue.load.jobs)

    # Doors

    @action(description="Pause", icon="pause", url_path="pause", permissions=["pause"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(queue: Queue) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.pause_queue(queue, by=request.user.get_username(), now=timezone.now(), **given)
                return f"The queue {queue} is paused." if done else f"The queue {queue} was paused already."

            return Question(f"Pause the queue {queue}?", "Pause", verb, PauseForm, notes=(PAUSING,))

        return asked(self, request, object_id, question)

    @action(description="Resume", icon="resume", url_path="resume", permissions=["pause"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(queue: Queue) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.resume_queue(queue, by=request.user.get_username(), now=timezone.now(), **given)
                return f"The queue {queue} is resumed." if done else f"The queue {queue} was not paused."

            moments, jobs = store.missed_of_queue(queue, timezone.now()) if queue.paused_at else (0, 0)
            waiting = store.waiting_in(queue)
            starts = (
                f"{waiting:,} {'run waits' if waiting == 1 else 'runs wait'} in it and will start." if waiting else ""
            )
            notes = (missed_note(moments), f"They are of {jobs:,} jobs." if jobs > 1 else "", starts)
            form = ResumeForm if moments else ReasonForm
            return Question(f"Resume the queue {queue}?", "Resume", verb, form, notes=notes)

        return asked(self, request, object_id, question)
