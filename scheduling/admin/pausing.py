"""Standing still, on pages: pause and snooze, resume with what was missed, skip the next run; for one job or many."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from scheduling import store
from scheduling.admin import columns
from scheduling.admin.ask import PauseForm, Question, ReasonForm, ResumeForm, ask, asked
from scheduling.admin.base import ModelAdmin, action
from scheduling.exceptions import SchedulingError
from scheduling.models import Job

PAUSING = (
    "A paused job does not fire; what it queued and has not started is skipped. "
    "A run under way goes on, and Run now still works. Each moment that passes meanwhile gets a row that says so."
)
RESUMING = "It fires again from the next moment of its schedule."
COUNTED = 500  # jobs of a selection whose missed moments are counted beforehand


class PauseDoors(ModelAdmin):
    """Pages and actions of a job that bear on when it stands still."""

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("scheduling.pause_job")

    @action(description="Pause", icon="pause", url_path="pause", permissions=["pause"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            def verb(given: dict[str, Any]) -> str:
                done = store.pause(job, by=request.user.get_username(), now=timezone.now(), **given)
                return f"{job} is paused{_until(given)}." if done else f"{job} was paused already."

            return Question(f"Pause {job}?", "Pause", verb, PauseForm, notes=(PAUSING,))

        return asked(self, request, object_id, question)

    @action(description="Resume", icon="resume", url_path="resume", permissions=["pause"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            def verb(given: dict[str, Any]) -> str:
                if not store.resume(job, by=request.user.get_username(), now=timezone.now(), **given):
                    return f"{job} was not paused."
                return format_html("{} is resumed. {}", job, upcoming(job))

            count = store.missed_so_far(job, timezone.now()) if job.paused_at else 0
            notes = (RESUMING, missed_note(count))
            return Question(f"Resume {job}?", "Resume", verb, ResumeForm if count else ReasonForm, notes=notes)

        return asked(self, request, object_id, question)

    @action(description="Skip next", icon="skip_next", url_path="skip", permissions=["pause"])
    def skip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def question(job: Job) -> Question:
            def verb(given: dict[str, Any]) -> str:
                moment = store.skip_next(job, by=request.user.get_username(), now=timezone.now(), **given)
                skipped = columns.absolute(moment, timezone.now())
                return format_html("The run of {} is skipped. {}", skipped, upcoming(job))

            return Question(f"Skip the next run of {job}?", "Skip it", verb, ReasonForm, notes=(upcoming(job),))

        return asked(self, request, object_id, question)

    @admin.action(description="Pause", permissions=["pause"])
    def pause_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        form = PauseForm(request.POST if "sure" in request.POST else None)
        return self._for_all(request, jobs, "pause", form, (PAUSING,))

    @admin.action(description="Resume", permissions=["pause"])
    def resume_selected(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        form = ResumeForm(request.POST if "sure" in request.POST else None)
        now = timezone.now()
        count = sum(store.missed_so_far(job, now) for job in jobs.filter(paused_at__isnull=False)[:COUNTED])
        return self._for_all(request, jobs, "resume", form, (RESUMING, missed_note(count)))

    def _for_all(
        self, request: HttpRequest, jobs: QuerySet[Job], deed: str, form: ReasonForm, notes: tuple[str, ...]
    ) -> HttpResponse | None:
        if form.is_valid():
            done = sum(self._done(request, deed, job, form.cleaned_data) for job in jobs)
            self.message_user(request, f"{done} {'job' if done == 1 else 'jobs'} {deed}d.", messages.SUCCESS)
            return None
        count = jobs.count()
        chosen = request.POST.getlist("_selected_action")
        across = request.POST.get("select_across", "0")
        hidden = [("action", f"{deed}_selected"), ("select_across", across), ("index", "0"), ("sure", "yes")]
        hidden += [("_selected_action", each) for each in chosen]
        title = f"{deed.title()} {count} {'job' if count == 1 else 'jobs'}?"
        return ask(self, request, Question(title, deed.title(), lambda _: "", notes=notes), form, hidden=hidden)

    def _done(self, request: HttpRequest, deed: str, job: Job, given: dict[str, Any]) -> bool:
        """Whether `deed` changed anything of `job`; an error of one job leaves the others alone."""
        try:
            return bool(getattr(store, deed)(job, by=request.user.get_username(), now=timezone.now(), **given))
        except SchedulingError as error:
            self.message_user(request, f"{job}: {error}", messages.ERROR)
            return False


def upcoming(job: Job) -> str:
    """The next run, in a sentence."""
    if job.next_run_time is None:
        return "No run is planned."
    now = timezone.now()
    told = f"{columns.absolute(job.next_run_time, now)} ({columns.relative(job.next_run_time, now)})"
    return f"Next run: {told}."


def missed_note(count: int) -> str:
    """How many moments passed meanwhile, before one decides what becomes of them."""
    if not count:
        return "No moment of its schedule has passed meanwhile."
    passed = f"{count:,} {'moment has' if count == 1 else 'moments have'} passed meanwhile."
    return f"{passed} None of them runs unless you say so."


def _until(given: dict[str, Any]) -> str:
    return f" until {columns.absolute(given['until'], timezone.now())}" if given["until"] else ""
