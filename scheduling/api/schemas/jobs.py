"""How the API takes and shows jobs, and what a list of them can be narrowed by."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from django.urls import reverse
from django.utils import timezone
from ninja import Query, Schema
from pydantic import AfterValidator, Field

from scheduling import calendars, store, sync
from scheduling.api.pausing import Standstill
from scheduling.api.schemas.schedules import (
    NOT_SENT,
    NewSchedule,
    ScheduleChange,
    ScheduleSchema,
    naming_the_field,
    refused,
    schedule_of_row,
)
from scheduling.api.shapes import Body, Moment, Reason, Text, seconds
from scheduling.conf import options
from scheduling.exceptions import InvalidJob, InvalidTrigger
from scheduling.models import LONGEST_TENANT, Cause, Execution, Job, JobQuerySet, Origin, Overlap, Queue, State
from scheduling.models.jobs import NAME
from scheduling.redact import DOTS, redact_json
from scheduling.registry import SPANS, Declaration
from scheduling.standing import CONDITIONS, Standing, standing
from scheduling.store.jobs import TRIGGER_FIELDS
from scheduling.triggers import LONGEST, Schedule

MOST_NAMES = 100  # tags or calendars of a job


def _words(tags: list[str]) -> list[str]:
    """Without needless spaces and repetitions."""
    return list(dict.fromkeys(word for tag in tags if (word := " ".join(tag.split()))))


Span = Annotated[float, Field(ge=0, le=LONGEST.total_seconds(), allow_inf_nan=False)]
Limit = Annotated[float, Field(gt=0, le=LONGEST.total_seconds(), allow_inf_nan=False)]
Tags = Annotated[list[Annotated[Text, Field(max_length=50)]], Field(max_length=MOST_NAMES), AfterValidator(_words)]
CalendarIds = Annotated[list[Annotated[Text, Field(max_length=100)]], Field(max_length=MOST_NAMES)]
Arguments = Annotated[
    dict[str, Any], Field(description="What the task is called with, by name.", examples=[{"limit": 5}])
]


Form = NAME.replace(r"\A", "^").replace(r"\Z", "$")  # as the description of the API has patterns
TenantName = Annotated[Text, Field(pattern=f"^$|{Form}", max_length=LONGEST_TENANT, examples=["acme"])]


class JobFilter(Schema):
    """Which jobs to list."""

    search: Text | None = Field(None, max_length=200, description="With this in id, name, task, description or tags.")
    standing: Standing | None = Field(None, description="That stand so.")
    queue: Text | None = Field(None, max_length=50, description="Of this queue.")
    tag: Text | None = Field(None, max_length=50, description="With this tag.")
    task: Text | None = Field(None, max_length=200, description="That run this task, named by its path.")
    tenant: Text | None = Field(
        None, max_length=LONGEST_TENANT, description="Of this tenant; empty: the installation's own."
    )
    paused: bool | None = Field(None, description="Whether they are paused.")
    parked: bool | None = Field(None, description="Whether they are parked, because they cannot run.")

    def narrow(self, jobs: JobQuerySet) -> JobQuerySet:
        """Those of `jobs` that are asked for."""
        jobs = jobs.mentioning(self.search) if self.search else jobs
        jobs = jobs.tagged(self.tag) if self.tag else jobs
        jobs = jobs.filter(CONDITIONS[self.standing]) if self.standing else jobs
        for name in ("queue", "task"):
            if value := getattr(self, name):
                jobs = jobs.filter(**{name: value})
        if self.tenant is not None:
            jobs = jobs.filter(tenant=self.tenant)
        if self.paused is not None:
            jobs = jobs.filter(paused_at__isnull=not self.paused)
        if self.parked is not None:
            jobs = jobs.exclude(parked_reason="") if self.parked else jobs.filter(parked_reason="")
        return jobs


class PageOfJobs(Schema):
    """Which part of the list to give."""

    limit: int = Field(50, ge=1, le=500, description="How many jobs at most.")
    cursor: Text | None = Field(None, max_length=100, description="`next` of the page before; without it, the first.")


JobsWanted = Annotated[JobFilter, Query()]
JobsPage = Annotated[PageOfJobs, Query()]


class JobChange(Body):
    """What to change of a job; fields that are left out stay as they are."""

    name: Annotated[Text, Field(min_length=1, max_length=200, examples=["Nightly import"])] = NOT_SENT
    description: Annotated[Text, Field(max_length=10_000)] = NOT_SENT
    tags: Annotated[Tags, Field(description="Words to find it by.", examples=[["nightly"]])] = NOT_SENT
    task: Annotated[Text, Field(max_length=200, description="A registered task; see /api/v1/tasks.")] = NOT_SENT
    arguments: Annotated[Arguments, Field(description="All of them: they replace those that it has.")] = NOT_SENT
    schedule: ScheduleChange = NOT_SENT
    jitter: Annotated[Span | None, Field(description="Each start is delayed by a random time up to this.")] = NOT_SENT
    calendars: Annotated[CalendarIds, Field(description="Ids of the calendars that it keeps.")] = NOT_SENT
    queue: Annotated[Text, Field(max_length=50, examples=["default"])] = NOT_SENT
    priority: Annotated[int, Field(ge=-100, le=100, description="The higher starts first.")] = NOT_SENT
    timeout: Annotated[Limit | None, Field(description="A run is stopped after this time; null: as the task says.")] = (
        NOT_SENT
    )
    max_instances: Annotated[int, Field(ge=1, le=32_767, description="Runs at the same time.")] = NOT_SENT
    overlap: Annotated[
        Overlap, Field(description="What becomes of a due moment while an earlier run is still going.")
    ] = NOT_SENT
    coalesce: Annotated[bool, Field(description="Of several missed moments, only the last one runs.")] = NOT_SENT
    misfire_grace_time: Annotated[
        Span | None, Field(description="How late a run may start; null: however late, 0: on time only.")
    ] = NOT_SENT
    run_at_startup: Annotated[bool, Field(description="Also run once whenever the scheduler starts.")] = NOT_SENT
    max_attempts: Annotated[int, Field(ge=1, le=100, description="How often a failing run is tried in all.")] = NOT_SENT
    backoff: Annotated[Span, Field(description="Before the second attempt; doubled each time.")] = NOT_SENT
    backoff_max: Annotated[Span, Field(description="The longest such wait.")] = NOT_SENT
    idempotent: Annotated[bool, Field(description="An interrupted run may be run again.")] = NOT_SENT
    exclusive: Annotated[bool, Field(description="Never in two places at once, whatever happens.")] = NOT_SENT
    keep_for: Annotated[Span | None, Field(description="How long runs are kept; null: as KEEP_DAYS says.")] = NOT_SENT
    keep_unwell_for: Annotated[Span | None, Field(description="The same of runs that ended badly.")] = NOT_SENT
    ping: Annotated[Text, Field(max_length=50, description="The name of an address in PINGS, or empty.")] = NOT_SENT
    tenant: Annotated[TenantName, Field(description="Whose it is; empty: the installation's own.")] = NOT_SENT
    reason: Annotated[Reason, Field(description="Why; it goes into the history.")] = ""

    def columns(self, job: Job | None) -> dict[str, Any]:
        """The columns that are sent, of `job` or of a new one. Raises Problem and InvalidTrigger."""
        sent = self.model_dump(include=self.model_fields_set - {"id", "schedule", "paused", "reason"})
        for name in SPANS:
            if sent.get(name) is not None:
                sent[name] = timedelta(seconds=sent[name])
        if "arguments" in sent:
            refuse_dots(sent["arguments"])
        _check_names(sent)
        if job is not None and "schedule" in self.model_fields_set:
            with naming_the_field():
                present = {name: getattr(job, name) for name in TRIGGER_FIELDS}
                wanted = self.schedule.columns(present)
                sent |= wanted
                if (wanted["trigger"], wanted["run_at"]) != (present["trigger"], present["run_at"]):
                    store.check_ahead(Job(**wanted).schedule, timezone.now())
        return sent


class NewJob(JobChange):
    """A job to be made; what is left out is as the task itself says, or else as a job in code has it."""

    id: Annotated[Text, Field(pattern=Form, max_length=100)] = Field(examples=["nightly-import"])
    task: Annotated[Text, Field(max_length=200, description="A registered task; see /api/v1/tasks.")]
    schedule: NewSchedule
    paused: Annotated[bool, Field(description="Make it paused, so that it does not fire until it is resumed.")] = False

    def job(self, *, by: str, now: datetime) -> Job:
        """The row, not yet saved. Raises Problem, InvalidTrigger and UnknownTask."""
        sent = self.columns(None)
        with naming_the_field():
            trigger = self.schedule.new_columns()
            store.check_ahead(Job(**trigger).schedule, now)
        plain = {name: value for name, value in trigger.items() if name != "trigger"}
        declared = Declaration(self.id, sent.pop("task"), Schedule(self.schedule.trigger, **plain), sent)
        pause = {"paused_at": now, "paused_by": by, "paused_reason": self.reason} if self.paused else {}
        return Job(pk=self.id, origin=Origin.API, **sync.columns_of(declared), **pause)


class LastRun(Schema):
    """How the last run of a job ended."""

    id: int
    state: State
    cause: Cause | str = Field(description="Why it did not run, or not at its time, in a word; or empty.")
    finished_at: datetime | None


class Links(Schema):
    """Where to go from a job."""

    self: str
    run: str
    executions: str
    preview: str
    explain: str
    changes: str


class JobSchema(Schema):
    """Which task runs, with which arguments, when, and under which policies; and how that stands."""

    id: str = Field(examples=["nightly-import"])
    name: str = Field(examples=["Nightly import"])
    description: str
    tags: list[str]
    task: str = Field(examples=["tasks.imports.tasks.import_all"])
    arguments: dict[str, Any] = Field(description="Secrets are shown as dots.", examples=[{"limit": 5}])
    schedule: ScheduleSchema
    words: str = Field(description="The schedule in words.", examples=["At 02:00, every day (Europe/Berlin)"])
    next_run_time: datetime | None = Field(description="Null while it does not fire by itself; see `standing`.")
    standing: Standing = Field(description="Whether it fires by itself, and if not, why.")
    pause: Standstill | None
    parked_reason: str = Field(description="Why it cannot run; a change mends it, or the return of its task.")
    last_run: LastRun | None = Field(
        description="The last one that has ended or was skipped; null without the permission to see runs."
    )
    jitter: float | None
    calendars: list[str]
    queue: str
    priority: int
    timeout: float | None
    max_instances: int
    overlap: Overlap
    coalesce: bool
    misfire_grace_time: float | None
    run_at_startup: bool
    max_attempts: int
    backoff: float
    backoff_max: float
    idempotent: bool
    exclusive: bool
    keep_for: float | None
    keep_unwell_for: float | None
    ping: str
    tenant: str = Field(description="Whose it is; empty: the installation's own.", examples=["acme"])
    origin: Origin
    edited: list[str] = Field(description="The columns in which it differs from what the code defines.")
    created_at: datetime
    updated_at: datetime
    links: Links


class Jobs(Schema):
    """A page of jobs, by id."""

    items: list[JobSchema]
    next: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


class WhyDeleted(Schema):
    """Why a job is deleted; it goes into the history."""

    reason: Reason = ""


class RunRequest(Body):
    """With what, from when on, and why."""

    arguments: Annotated[
        dict[str, Any] | None, Field(description="Instead of the job's own.", examples=[{"limit": 5}])
    ] = None
    run_after: Annotated[Moment | None, Field(description="Do not start before; null: now.")] = None
    reason: Reason = ""

    @classmethod
    def of(cls, given: Self | None) -> "RunRequest":
        """Nothing given is a run with the job's own arguments, now. Raises Problem."""
        wanted = given or cls()
        refuse_dots(wanted.arguments or {})
        return wanted


class Skipped(JobSchema):
    """The job, and the moment that will be skipped."""

    skipped: datetime


PLAIN = (
    *("name", "description", "tags", "task", "next_run_time", "parked_reason", "calendars", "queue", "priority"),
    *("max_instances", "overlap", "coalesce", "run_at_startup", "max_attempts", "idempotent", "exclusive", "ping"),
    *("tenant", "origin", "created_at", "updated_at"),
)


def shown(job: Job, held: Queue | None, last: Execution | None) -> dict[str, Any]:
    """What `JobSchema` shows of `job`; `held` is its queue, if that is paused."""
    return {
        "id": job.pk,
        **{name: getattr(job, name) for name in PLAIN},
        **{name: seconds(getattr(job, name)) for name in SPANS},
        "arguments": redact_json(job.arguments),
        "schedule": schedule_of_row(job),
        "words": _described(job),
        "standing": standing(job, held),
        "pause": _pause(job),
        "last_run": last and {name: getattr(last, name) for name in ("id", "state", "cause", "finished_at")},
        "edited": sync.edited(job),
        "links": _links(job),
    }


def refuse_dots(arguments: dict[str, Any]) -> None:
    """A value that was shown as dots would overwrite the secret that it stands for. Raises Problem."""
    for place in _dotted(arguments, "arguments"):
        detail = (
            f"{place} holds the dots that answers show in place of a secret. Send the secret itself, or leave "
            "`arguments` out to keep what is there."
        )
        raise refused(place, detail)


def _dotted(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str) and DOTS in value:
        yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from _dotted(item, f"{place}.{name}")


def _check_names(sent: dict[str, Any]) -> None:
    """That there are such calendars and addresses; those that a row names already may be gone."""
    if sent.get("ping") and sent["ping"] not in options().pings:
        known = f"choose from: {', '.join(options().pings)}" if options().pings else "PINGS names none"
        raise refused("ping", f"There is no address {sent['ping']!r}; {known}.")
    try:
        calendars.check(sent.get("calendars", []))
    except InvalidJob as error:
        raise refused("calendars", str(error)) from None


def _described(job: Job) -> str:
    try:
        return job.words
    except InvalidTrigger as error:
        return str(error)


def _pause(job: Job) -> dict[str, Any] | None:
    if job.paused_at is None:
        return None
    return {"since": job.paused_at, "until": job.paused_until, "by": job.paused_by, "reason": job.paused_reason}


def _links(job: Job) -> dict[str, str]:
    here, runs = reverse("api:job", args=[job.pk]), f"{reverse('api:api-root')}v1/executions?job={job.pk}"
    deeds = {name: f"{here}/{name}" for name in ("run", "preview", "explain", "changes")}
    return {"self": here, "executions": runs, **deeds}
