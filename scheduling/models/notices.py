"""NoticeRule: who is told of what. Incident: what is wrong. Notice: a line on its way. Ping: a sign of life."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from scheduling.constraints import not_empty, not_negative, one_of
from scheduling.models.changes import LONGEST_REASON
from scheduling.models.executions import Execution

LONGEST_CHANNEL = 50
LONGEST_SUBJECT = 220  # "task:" and a path


class Event(models.TextChoices):
    """What may be told of."""

    FAILED = "failed", "A run failed, timed out or was lost"
    FAILING = "failing", "Runs failed several times in a row"
    RECOVERED = "recovered", "It is well again"
    MISSED = "missed", "A moment was missed"
    LATE = "late", "A run starts late"
    LONG = "long", "A run takes too long"
    EMPTY = "empty", "A run succeeded with nothing done"
    FEW = "few", "A run did far less than usual"
    SILENT = "silent", "No scheduler is alive"


class NoticeRule(models.Model):
    """Which events of which jobs are told on which channels, and when not."""

    name = models.CharField(max_length=200, unique=True)
    enabled = models.BooleanField(default=True, help_text="Otherwise it tells nothing, and its incidents end unsaid.")
    events = models.JSONField(default=list)  # values of Event
    jobs = models.JSONField(default=list, blank=True)  # ids
    tags = models.JSONField(default=list, blank=True)
    channels = models.JSONField(default=list)  # names of settings

    in_a_row = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(2), MaxValueValidator(100)],
        help_text="So many runs; the attempts of one run count once.",
    )
    late_by = models.DurationField(default=timedelta(minutes=5), help_text="Later than this.")
    longer_than = models.DurationField(
        null=True, blank=True, help_text="Longer than this. Empty: longer than usual, as learned of the job."
    )
    factor = models.FloatField(
        default=2.0,
        validators=[MinValueValidator(1.1), MaxValueValidator(100)],
        help_text="So many times as long as usual, or so many times less than usual.",
    )
    silent_for = models.DurationField(
        default=timedelta(seconds=30), help_text="No scheduler has turned its loop for so long."
    )

    quiet_from = models.TimeField(null=True, blank=True, help_text="From then on nothing is sent")
    quiet_until = models.TimeField(
        null=True, blank=True, help_text="until then; it is told afterwards, in one message."
    )
    timezone = models.CharField(max_length=64, default="UTC", help_text="Of the quiet hours, and of what is told.")
    silent_breaks_quiet = models.BooleanField(
        default=True, help_text="That no scheduler is alive is told in the quiet hours, too."
    )
    repeat_after = models.DurationField(
        null=True, blank=True, help_text="Told again after so long while it goes on. Empty: told once."
    )
    since = models.DateTimeField(default=now, editable=False)  # what was before is not told

    class Meta:
        ordering: ClassVar = ["name"]
        permissions: ClassVar = [("test_noticerule", "Can send a test message")]
        constraints: ClassVar = [
            *not_empty("noticerule", "name"),
            *not_negative("noticerule", "late_by", "longer_than", "silent_for", "repeat_after"),
            models.CheckConstraint(
                name="noticerule_quiet_both",
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                violation_error_message="Quiet hours have a beginning and an end.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)


class Incident(models.Model):
    """Something that is wrong, from the first sign of it until it is well again: told once, however often it shows."""

    rule = models.ForeignKey(NoticeRule, models.CASCADE, related_name="incidents")
    event = models.CharField(max_length=10, choices=Event)
    subject = models.CharField(max_length=LONGEST_SUBJECT)  # "job:nightly", "task:app.tasks.name", "scheduler"
    standing = models.BooleanField(null=True, default=True)  # None once closed: unique while it is true
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()  # of the last sign
    count = models.PositiveIntegerField(default=1)  # of signs
    last_run = models.ForeignKey(
        Execution, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    summary = models.CharField(max_length=LONGEST_REASON)  # of the last sign
    told_at = models.DateTimeField(null=True, blank=True)  # None: it was not to be told
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_by = models.CharField(max_length=150, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = [models.F("closed_at").desc(nulls_first=True), "-id"]
        default_permissions = ("view",)
        permissions: ClassVar = [("steer_incident", "Can acknowledge and mute incident")]
        indexes: ClassVar = [models.Index(fields=["closed_at"], name="incident_closed")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "event", "subject", "standing"], name="incident_open_once"),
            one_of("incident_event_known", "event", Event),
            models.CheckConstraint(
                name="incident_stands_until_closed",
                condition=Q(standing=True, closed_at=None) | Q(standing=None, closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{Event(self.event).label}: {self.subject.partition(':')[2] or self.subject}"

    def is_muted(self, moment: datetime) -> bool:
        return self.muted_until is not None and self.muted_until > moment


class Sighting(models.Model):
    """A run because of which a rule has spoken, or held its tongue: it is not looked at twice."""

    rule = models.ForeignKey(NoticeRule, models.CASCADE, db_index=False, related_name="+")
    event = models.CharField(max_length=10, choices=Event)
    execution = models.ForeignKey(Execution, models.CASCADE, db_constraint=False, related_name="+")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="sightings")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "event", "execution"], name="sighting_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} #{self.execution_id}"


class NoticeState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"


class Notice(models.Model):
    """A line for one channel: the outbox. Lines that are due together are sent as one message."""

    channel = models.CharField(max_length=LONGEST_CHANNEL)
    rule = models.ForeignKey(NoticeRule, models.SET_NULL, null=True, blank=True, related_name="+")
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, blank=True, related_name="notices")
    title = models.CharField(max_length=300)
    text = models.TextField()
    facts = models.JSONField(default=dict)  # what a web hook gets, without secrets
    state = models.CharField(max_length=10, choices=NoticeState, default=NoticeState.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()  # not sent before: others may join it, quiet hours end, the channel recovers
    claimed_until = models.DateTimeField(null=True, blank=True)  # then its sender has died
    message = models.UUIDField(null=True, blank=True)  # the same for the lines of one message
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=LONGEST_REASON, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        permissions: ClassVar = [("resend_notice", "Can send notice again")]
        indexes: ClassVar = [
            models.Index(fields=["state", "due_at"], name="notice_due"),
            models.Index(fields=["created_at"], name="notice_created"),
        ]
        constraints: ClassVar = [
            one_of("notice_state_known", "state", NoticeState),
            *not_empty("notice", "channel"),
            models.CheckConstraint(
                name="notice_sent_has_moment",
                condition=Q(state=NoticeState.SENT, sent_at__isnull=False)
                | (~Q(state=NoticeState.SENT) & Q(sent_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Signal(models.TextChoices):
    """What a ping says, as healthchecks.io understands it."""

    START = "start", "Start"
    SUCCESS = "success", "Success"
    FAIL = "fail", "Failure"


class Ping(models.Model):
    """A sign of life of a run for a watcher elsewhere; each at most once, and dropped when it comes too late."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    execution = models.ForeignKey(Execution, models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    name = models.CharField(max_length=LONGEST_CHANNEL)  # of a setting
    job = models.CharField(max_length=100)
    signal = models.CharField(max_length=7, choices=Signal)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()
    happened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # None: sent or dropped
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=LONGEST_REASON, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="ping_due"),
            models.Index(fields=["created_at"], name="ping_created"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["execution", "signal"], name="ping_once"),
            one_of("ping_signal_known", "signal", Signal),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.signal} #{self.execution_id}"
