"""Job says when; Execution is one run; Worker is who runs it; LogChunk and Change are what is told of them."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from scheduling import registry
from scheduling.constraints import not_empty, not_negative, one_of
from scheduling.triggers import Kind, Schedule, describe, next_after

JOB_ID = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9_.:-]*\Z",
    "An id starts with a letter or a digit and goes on with letters, digits, and any of _ . : -",
)
LONGEST_REASON = 500


class Overlap(models.TextChoices):
    """What becomes of a due moment while an earlier run of the job is still going."""

    SKIP = "skip", "Skip it"
    QUEUE_ONE = "queue_one", "Let one wait"
    QUEUE_ALL = "queue_all", "Let all wait"
    CANCEL = "cancel", "Cancel the running one"


class Origin(models.TextChoices):
    CODE = "code", "Code"
    ADMIN = "admin", "Admin"
    API = "api", "API"


class Why(models.TextChoices):
    """Who or what asked for a run."""

    SCHEDULE = "schedule", "Schedule"
    STARTUP = "startup", "Start-up"
    RUN_NOW = "run_now", "Run now"
    RETRY = "retry", "Retry"
    RESCUE = "rescue", "Rescue"
    API = "api", "API"
    ENQUEUE = "enqueue", "enqueue()"


class State(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    TIMED_OUT = "timed_out", "Timed out"
    CANCELLED = "cancelled", "Cancelled"
    LOST = "lost", "Lost"
    SKIPPED = "skipped", "Skipped"


OPEN = (State.QUEUED, State.RUNNING)
FINAL = tuple(state for state in State if state not in OPEN)
UNWELL = (State.FAILED, State.TIMED_OUT, State.LOST)  # what an operator wants to hear of


class Policy(models.Model):
    """What a Job fixes and each of its Executions takes along, so that editing bends no run under way."""

    task = models.CharField(max_length=200, help_text="The registered task that runs.")
    arguments = models.JSONField(
        default=dict, blank=True, help_text='What the task is called with, by name: {"limit": 5}.'
    )
    queue = models.CharField(max_length=50, default="default", help_text="The lane in which it runs.")
    priority = models.SmallIntegerField(
        default=0,
        validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text="From -100 to 100; the higher starts first when places are scarce.",
    )
    timeout = models.DurationField(
        null=True, blank=True, help_text="A run is stopped after this time. Empty: the task's own limit."
    )
    max_attempts = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How often a failing run is tried in all.",
    )
    backoff = models.DurationField(
        default=timedelta(seconds=30), help_text="Before the second attempt; doubled each time, with jitter."
    )
    backoff_max = models.DurationField(default=timedelta(hours=1), help_text="The longest such wait.")
    idempotent = models.BooleanField(
        default=False,
        help_text="Running it twice does no harm: an interrupted run is run again. Otherwise it is marked lost.",
    )

    class Meta:
        abstract = True


POLICY = (*(field.name for field in Policy._meta.local_fields), "max_instances")


class JobQuerySet(models.QuerySet["Job"]):
    def armed(self) -> Self:
        """Jobs that will fire; a paused or parked one has no next_run_time."""
        return self.filter(next_run_time__isnull=False)

    def due(self, now: datetime) -> Self:
        return self.armed().filter(next_run_time__lte=now).order_by("next_run_time")


class Job(Policy):
    """Which task, with which arguments, on which trigger, under which policies."""

    id = models.CharField(primary_key=True, max_length=100, validators=[JOB_ID])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True, help_text="Words to find it by.")

    trigger = models.CharField(max_length=10, choices=[(kind.value, kind.value.title()) for kind in Kind])
    cron = models.CharField(
        max_length=200, blank=True, help_text="minute hour day-of-month month day-of-week, as in a crontab."
    )
    interval = models.DurationField(null=True, blank=True, help_text="The time from one run to the next.")
    run_at = models.DateTimeField(null=True, blank=True, help_text="The one moment of a date trigger.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="Whose clock the schedule follows.")
    start_at = models.DateTimeField(null=True, blank=True, help_text="No run before this moment.")
    end_at = models.DateTimeField(null=True, blank=True, help_text="No run after this moment.")
    anchored_at = models.DateTimeField(default=now, editable=False)  # where an interval's grid starts
    jitter = models.DurationField(null=True, blank=True, help_text="Each start is delayed by a random time up to this.")

    max_instances = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="How many runs of this job may go at the same time.",
    )
    coalesce = models.BooleanField(default=True, help_text="Of several missed moments only the latest is made up for.")
    misfire_grace_time = models.DurationField(
        null=True,
        blank=True,
        default=timedelta(minutes=15),
        help_text="How late a run may still start. Empty: however late.",
    )
    overlap = models.CharField(max_length=10, choices=Overlap, default=Overlap.SKIP)
    run_at_startup = models.BooleanField(
        "run at start-up", default=False, help_text="Also run once whenever the scheduler starts."
    )

    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_by = models.CharField(max_length=150, blank=True, editable=False)
    paused_reason = models.CharField(max_length=LONGEST_REASON, blank=True, editable=False)
    parked_reason = models.CharField(max_length=LONGEST_REASON, blank=True, editable=False)

    next_run_time = models.DateTimeField(null=True, blank=True, editable=False)
    fired_until = models.DateTimeField(null=True, blank=True, editable=False)  # has a row for all up to here
    revision = models.PositiveIntegerField(default=1, editable=False)  # grows when the trigger changes
    origin = models.CharField(max_length=5, choices=Origin, default=Origin.ADMIN, editable=False)
    code_definition = models.JSONField(null=True, blank=True, editable=False)  # as @scheduled last said
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        permissions: ClassVar = [("run_job", "Can run job now"), ("pause_job", "Can pause and resume job")]
        indexes: ClassVar = [models.Index(fields=["next_run_time"], name="job_next_run_time")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="job_trigger_complete",
                condition=Q(trigger=Kind.MANUAL.value)
                | (Q(trigger=Kind.CRON.value) & ~Q(cron=""))
                | Q(trigger=Kind.INTERVAL.value, interval__isnull=False, interval__gte=timedelta(seconds=1))
                | Q(trigger=Kind.DATE.value, run_at__isnull=False),
                violation_error_message="The fields of the chosen trigger are not filled in.",
            ),
            models.CheckConstraint(name="job_priority", condition=Q(priority__range=(-100, 100))),
            models.CheckConstraint(name="job_at_least_one", condition=Q(max_instances__gte=1, max_attempts__gte=1)),
            one_of("job_overlap", "overlap", Overlap),
            one_of("job_origin", "origin", Origin),
            *not_negative("job", "timeout", "backoff", "backoff_max", "jitter", "misfire_grace_time"),
            *not_empty("job", "id", "task", "queue", "timezone"),
            models.CheckConstraint(
                name="job_start_before_end",
                condition=Q(start_at=None) | Q(end_at=None) | Q(start_at__lte=F("end_at")),
                violation_error_message="The end lies before the start.",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    @property
    def schedule(self) -> Schedule:
        """The typed trigger columns as the plain value that `triggers` works on."""
        return Schedule(
            kind=Kind(self.trigger),
            cron=self.cron,
            interval=self.interval,
            run_at=self.run_at,
            timezone=self.timezone,
            start_at=self.start_at,
            end_at=self.end_at,
            anchor=self.anchored_at,
        )

    @property
    def words(self) -> str:
        """The schedule in a sentence."""
        return describe(self.schedule)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first moment of the trigger strictly after `moment`; None when it is spent."""
        return next_after(self.schedule, moment)

    def snapshot(self) -> dict[str, Any]:
        """The columns that each Execution of this job takes along."""
        columns = {name: getattr(self, name) for name in POLICY}
        return {**columns, "job_id": self.pk, "timeout": self.timeout or registry.time_limit(self.task)}


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def queued(self) -> Self:
        return self.filter(state=State.QUEUED)

    def running(self) -> Self:
        return self.filter(state=State.RUNNING)

    def due(self, now: datetime) -> Self:
        return self.filter(run_after__lte=now)

    def light(self) -> Self:
        """Without the texts that a list does not show."""
        return self.defer("arguments", "result", "traceback", "error_message")


class Execution(Policy):
    """One run of a task, whatever asked for it: a snapshot before, an outcome after."""

    # No constraint behind it: history outlives the deletion of its job.
    job = models.ForeignKey(
        Job, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="executions"
    )
    why = models.CharField(max_length=10, choices=Why)
    requested_by = models.CharField(max_length=150, blank=True)
    scheduled_for = models.DateTimeField(null=True, blank=True)  # the due moment; None when none was due
    run_after = models.DateTimeField()  # not started before; jitter and back-off are in here
    start_deadline = models.DateTimeField(null=True, blank=True)  # not started after: skipped instead
    attempt = models.PositiveSmallIntegerField(default=1)
    root = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False
    )  # the first attempt
    missed_count = models.PositiveIntegerField(default=0)  # further moments for which this row stands

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    worker = models.ForeignKey("Worker", models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False)
    fence = models.PositiveIntegerField(default=0)  # grows with every change of ownership
    instance = models.PositiveSmallIntegerField(null=True, blank=True)  # 0 to max_instances - 1 while running
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)

    result = models.JSONField(null=True, blank=True)
    error_class = models.CharField(max_length=200, blank=True)
    error_message = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    progress = models.FloatField(null=True, blank=True)  # from 0 to 1
    progress_text = models.CharField(max_length=200, blank=True)

    max_instances = models.PositiveSmallIntegerField(null=True, blank=True)  # None: not limited
    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("cancel_execution", "Can cancel execution")]
        indexes: ClassVar = [
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("run_after"),
                F("id"),
                name="execution_claim",
                condition=Q(state="queued"),
            ),
            models.Index(fields=["state", "id"], name="execution_state"),
            models.Index(fields=["job", "id"], name="execution_job"),
            models.Index(fields=["task", "id"], name="execution_task"),
            models.Index(fields=["finished_at", "state"], name="execution_finished"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "scheduled_for"], name="execution_once_per_moment"),
            models.UniqueConstraint(fields=["root", "attempt"], name="execution_once_per_attempt"),
            models.UniqueConstraint(fields=["job", "instance"], name="execution_instances"),
            one_of("execution_state_known", "state", State),
            one_of("execution_why_known", "why", Why),
            *not_negative("execution", "timeout", "backoff", "backoff_max"),
            models.CheckConstraint(
                name="execution_owned_while_running",
                condition=~Q(state=State.RUNNING) | Q(worker__isnull=False, started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="execution_finished_when_final",
                condition=Q(state__in=OPEN, finished_at=None) | Q(state__in=FINAL, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id or self.task} #{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def lateness(self) -> timedelta | None:
        """From the due moment (or the request) to the start; None before it started."""
        if self.started_at is None:
            return None
        return max(self.started_at - (self.scheduled_for or self.run_after), timedelta())

    @property
    def duration(self) -> timedelta | None:
        """From start to end; None unless both are known."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None


class WorkerState(models.TextChoices):
    ALIVE = "alive", "Alive"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    DEAD = "dead", "Dead"


class Worker(models.Model):
    """One start of `runscheduler`: never reused, so that host and pid may repeat."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    state = models.CharField(max_length=10, choices=WorkerState, default=WorkerState.ALIVE)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    pid_started = models.FloatField()  # seconds since the kernel's start; with pid proves identity
    boot_id = models.CharField(max_length=64)  # same value: pid can be looked up
    version = models.CharField(max_length=50)
    queues = models.JSONField(default=dict)  # name -> slots
    slots = models.PositiveIntegerField()
    running = models.PositiveIntegerField(default=0)  # slots in use, at the last heartbeat
    heartbeat = models.PositiveBigIntegerField(default=0)  # a counter: others watch whether it moves
    heartbeat_at = models.DateTimeField()
    turned_at = models.DateTimeField()  # the last turn of the scheduler's loop
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["state"], name="worker_state")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class LogChunk(models.Model):
    """Some lines that a run logged, written while it runs."""

    execution = models.ForeignKey(
        Execution, models.CASCADE, db_constraint=False, db_index=False, related_name="log_chunks"
    )
    text = models.TextField()
    written_at = models.DateTimeField(default=now)

    class Meta:
        ordering: ClassVar = ["id"]
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["execution", "id"], name="log_of_execution")]

    def __str__(self) -> str:
        return self.text[:80]


class Change(models.Model):
    """What someone did to a job, through whichever door: who, when, old and new values, and why."""

    job = models.ForeignKey(Job, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="changes")
    action = models.CharField(max_length=20)  # created, changed, paused, resumed, parked, deleted and such
    fields = models.JSONField(default=dict)  # name -> [old, new]
    by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="change_of_job")]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.action} by {self.by or 'the system'}"
