"""Wrong settings and unknown task paths, said at start: `manage.py check`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils.module_loading import import_string

from scheduling import calendars, registry
from scheduling.conf import options
from scheduling.executors import EXECUTORS
from scheduling.models import Calendar, Job, NoticeRule, Window
from scheduling.notices import channels
from scheduling.tenants import Backend

GIVING = ("has_perm", "get_all_permissions", "get_user_permissions", "get_group_permissions")  # methods of backends
SIGN_IN = (
    "In AUTHENTICATION_BACKENDS put scheduling.tenants.Backend in its place, or let it inherit from that. If it is "
    "only to sign people in, as with LDAP, name a subclass of it with these methods of Django's BaseBackend, which "
    f"give nothing: {', '.join(GIVING)}; and scheduling.tenants.Backend beside it."
)
APPRISE = "See https://appriseit.com/services/ for the addresses that there are."


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    """Queues, executors and spans make sense together."""
    found: list[CheckMessage] = []
    for lane in options().queues:
        if lane.executor not in EXECUTORS:
            hint = f"Choose one of: {', '.join(EXECUTORS)}."
            found.append(
                Error(
                    f"Queue {lane.name!r} names the unknown executor {lane.executor!r}.",
                    hint,
                    id="scheduling.E001",
                )
            )
        if lane.slots < 1:
            found.append(Error(f"Queue {lane.name!r} has no slots.", "Give it one or more.", id="scheduling.E002"))
    if options().stale_after < 3 * options().heartbeat:
        hint = "A worker would be called dead after a single late heartbeat: raise STALE_AFTER or lower HEARTBEAT."
        found.append(Error("STALE_AFTER is less than three times HEARTBEAT.", hint, id="scheduling.E003"))
    return found


@register
def check_declarations(**_: Any) -> list[CheckMessage]:
    """Jobs declared in code name configured queues."""
    names = {lane.name for lane in options().queues}
    wanted = {(each.id, each.options.get("queue", "default")) for each in registry.declarations().values()}
    return [
        Error(
            f"The job {job!r} names the queue {queue!r}, which is not configured.",
            f"Add it to QUEUES, or choose one of: {', '.join(sorted(names))}.",
            id="scheduling.E004",
        )
        for job, queue in sorted(wanted)
        if queue not in names
    ]


@register(Tags.security)
def check_backends(**_: Any) -> list[CheckMessage]:
    """No backend gives people of a tenant permissions whose doors do not look at tenants: what one gives, counts.

    One that only signs people in has none of the methods that give, or those of Django's BaseBackend, which give none.
    """
    return [
        Error(
            f"The backend {path} gives people of a tenant permissions that are not for them.",
            SIGN_IN,
            id="scheduling.E005",
        )
        for path in settings.AUTHENTICATION_BACKENDS
        if _gives(import_string(path))
    ]


def _gives(backend: type) -> bool:
    """Whether it has permissions of its own that are not looked through for people of a tenant."""
    own = (name for name in GIVING if getattr(backend, name, None) not in (None, getattr(BaseBackend, name)))
    return not issubclass(backend, Backend) and any(own)


@register(Tags.database)
def check_jobs(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Jobs in the database can run: their tasks are registered, their queues configured, and none is parked."""
    if not databases or "default" not in databases or not settings.DATABASES:
        return []
    queues = {lane.name for lane in options().queues}
    try:
        rows = list(Job.objects.values_list("id", "task", "queue", "parked_reason"))
    except DatabaseError:  # not migrated yet
        return []
    return [
        Warning(
            f"The job {job!r} cannot run: {what}.",
            "Change the job in the admin, or bring back what it names.",
            id="scheduling.W001",
        )
        for job, task, queue, parked in rows
        if (what := _wrong(task, queue, queues) or _parked(parked))
    ]


@register(Tags.database)
def check_calendars(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The calendars that jobs name are there, and can be read on this host."""
    if not databases or "default" not in databases or not settings.DATABASES:
        return []
    try:
        named, known = calendars.usage(), Calendar.objects.in_bulk()
        rows: list[Calendar | Window] = [*known.values(), *Window.objects.all()]
    except DatabaseError:  # not migrated yet
        return []
    gone = [(job.pk, each) for each, jobs in sorted(named.items()) if each not in known for job in jobs]
    mend = "Mend it in the admin; until then it excludes nothing."
    return [
        *(
            Warning(
                f"The job {job!r} names the calendar {each!r}, which there is not.",
                "Make the calendar in the admin, or take it out of the job; until then it excludes nothing.",
                id="scheduling.W002",
            )
            for job, each in gone
        ),
        *(
            Warning(f"The {row._meta.verbose_name} {str(row)!r} cannot be read: {what}", mend, id="scheduling.W003")
            for row in rows
            if (what := _unreadable(row))
        ),
    ]


@register
def check_channels(**_: Any) -> list[CheckMessage]:
    """Every channel of the settings could be sent on; one that is mistyped keeps no job from running."""
    return [
        Warning(f"The channel {name!r} cannot be used: {wrong}", APPRISE, id="scheduling.W007")
        for name in channels.names()
        if (wrong := channels.complaint(name))
    ]


@register(Tags.database)
def check_notices(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The channels that rules name and the pings that jobs name are configured."""
    if not databases or "default" not in databases or not settings.DATABASES:
        return []
    try:
        named = [(rule.name, name) for rule in NoticeRule.objects.filter(enabled=True) for name in rule.channels]
        pings = list(Job.objects.exclude(ping="").exclude(ping__in=options().pings).values_list("pk", "ping"))
        unused = channels.names() and not NoticeRule.objects.exists()
    except DatabaseError:  # not migrated yet
        return []
    found: list[CheckMessage] = [
        Warning(
            f"The rule {rule!r} names the channel {name!r}, which there is not.",
            f"Set NOTICE_CHANNEL_{str(name).upper()}, or take it out of the rule; until then nobody is told there.",
            id="scheduling.W004",
        )
        for rule, name in named
        if name not in channels.names()
    ]
    if unused:
        hint = "Make one in the admin, under Notice rules."
        found.append(Warning("There are channels, but no rule tells anything on them.", hint, id="scheduling.W005"))
    return found + [
        Warning(
            f"The job {job!r} names the ping {ping!r}, which there is not.",
            "Add it to PINGS, or take it out of the job; until then nobody is pinged.",
            id="scheduling.W006",
        )
        for job, ping in pings
    ]


def _unreadable(row: Calendar | Window) -> str:
    try:
        row.clean()
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _wrong(task: str, queue: str, queues: set[str]) -> str:
    if task not in registry.registered():
        return f"no task {task!r} is registered"
    return "" if queue in queues else f"its queue {queue!r} is not configured"


def _parked(reason: str) -> str:
    return f"it is parked: {reason.rstrip('.')}" if reason else ""
