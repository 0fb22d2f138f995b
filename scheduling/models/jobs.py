"""Job: which task, with which arguments, on which trigger, under which policies."""

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import F, Q
from django.utils.timezone import now

from scheduling import registry
from scheduling.constraints import not_empty, not_negative, one_of
from scheduling.models.changes import LONGEST_REASON
from scheduling.tenants import Person, tenants_of
from scheduling.triggers import Kind, Schedule, describe, next_after

LONGEST_TENANT = 100
NAME = r"\A[A-Za-z0-9][A-Za-z0-9_.:-]*\Z"
JOB_ID = RegexValidator(
    NAME, "An id starts with a letter or a digit and goes on with letters, digits, and any of _ . : -"
)
TENANT = RegexValidator(
    NAME, "A tenant's name starts with a letter or a digit and goes on with letters, digits, and any of _ . : -"
)
OWNED = ~Q(tenant="")  # said in queries as in the indexes of these rows, which SQLite uses then only


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
        help_text="When its process dies, its machine goes, or a deploy ends it half-way: run it again only if running "
        "it twice does no harm.",
    )
    exclusive = models.BooleanField(
        default=False,
        help_text="Never in two places: while the database cannot be reached its runs are stopped, before another "
        "worker may take them over.",
    )

    tenant = models.CharField(
        max_length=LONGEST_TENANT,
        blank=True,
        validators=[TENANT],
        help_text="Whose it is: that tenant's people see and steer it. Empty: the installation's own.",
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

    def seen_by(self, user: Person | None) -> Self:
        """Those that `user` may see and steer, as far as tenants go; permissions are another matter."""
        tenants = tenants_of(user)
        return self if tenants is None else self.filter(OWNED, tenant__in=tenants)

    def mentioning(self, word: str) -> Self:
        """Jobs that have `word` in their id, name, task or description, or in a tag, in whatever case."""
        found = Q()
        for name in ("id", "name", "task", "description", "tags"):
            found |= Q(**{f"{name}__icontains": word})
        return self.filter(found)

    def tagged(self, tag: str) -> Self:
        if connection.features.supports_json_field_contains:
            return self.filter(tags__contains=[tag])
        return self.filter(tags__icontains=json.dumps(tag))


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
    coalesce = models.BooleanField(
        default=True, help_text="When several are found at once, as after an outage, and none of them is too late."
    )
    misfire_grace_time = models.DurationField(
        null=True,
        blank=True,
        default=timedelta(minutes=15),
        help_text="How late a run may still start; later it is missed. None: on time only. Any: however late.",
    )
    overlap = models.CharField(
        max_length=10,
        choices=Overlap,
        default=Overlap.SKIP,
        help_text="What becomes of a due moment then. A run by hand counts, too; one of a backfill does not.",
    )
    run_at_startup = models.BooleanField(
        "run at start-up", default=False, help_text="Also run once whenever the scheduler starts."
    )

    calendars = models.JSONField(
        default=list, blank=True, help_text="Ids of the calendars whose holidays and windows it keeps."
    )
    keep_for = models.DurationField(
        "keep runs for", null=True, blank=True, help_text="How long its history is kept. Empty: as the settings say."
    )
    keep_unwell_for = models.DurationField(
        "keep failures for",
        null=True,
        blank=True,
        help_text="The same for runs that failed, timed out or were lost. Empty: as the settings say.",
    )

    ping = models.CharField(
        max_length=50, blank=True, help_text="The address, by its name in PINGS, that is told of each start and end."
    )

    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)  # then it is resumed by itself
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
        indexes: ClassVar = [
            models.Index(fields=["next_run_time"], name="job_next_run_time"),
            models.Index(fields=["paused_until"], name="job_paused_until"),
            models.Index(fields=["tenant", "id"], name="job_tenant", condition=OWNED),
        ]
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
            *not_negative("job", "keep_for", "keep_unwell_for"),
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
