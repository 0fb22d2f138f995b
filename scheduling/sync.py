"""The code's jobs come into the database without undoing what staff changed: a three-way merge.

Column by column, but for the trigger's, which mean something only together.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from scheduling import registry, store
from scheduling.backends import policy_of
from scheduling.conf import options
from scheduling.exceptions import InvalidJob, SchedulingError
from scheduling.models import Job, Origin
from scheduling.registry import Declaration
from scheduling.store.changes import alike
from scheduling.store.jobs import TRIGGER_FIELDS

REMOVED = "Its definition is no longer in the code."
BY = "the code"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """What happened to one job, and to which columns.

    Created, changed, kept, unchanged, parked, unparked, refused; or it waits for settings that it needs.
    """

    job: str
    deed: str
    columns: tuple[str, ...] = ()


def sync(now: datetime) -> list[Synced]:
    """Create or update every declared job; park those that cannot run, unpark those that can run again.

    A job waits for the settings that it needs: it is created when they are there, and parked when they are gone.

    Runs at any time. A job that cannot run keeps no other one from being brought in.
    """
    store.ensure_queues()
    declared = registry.declarations()
    waiting = {name: missing for name, each in declared.items() if (missing := each.needs())}
    report = [_tried(each, now) for name, each in declared.items() if name not in waiting]
    report += [_let_wait(name, missing, now) for name, missing in waiting.items()]
    gone = Job.objects.filter(origin=Origin.CODE, parked_reason="").exclude(pk__in=declared)
    for job in gone.filter(code_definition__isnull=False):
        store.park(job, REMOVED, by=BY, now=now)
        report.append(Synced(job.pk, "parked"))
    for job in Job.objects.exclude(parked_reason__in=["", REMOVED]).exclude(pk__in=waiting):
        if _can_run(job):
            store.unpark(job, by=BY, now=now)
            report.append(Synced(job.pk, "unparked"))
    return report


def _tried(declaration: Declaration, now: datetime) -> Synced:
    try:
        return bring(declaration, now)
    except SchedulingError as error:
        logger.error("Not brought in as the code declares it: %s", error, extra={"job": declaration.id})
        return Synced(declaration.id, "refused")


def _let_wait(name: str, missing: list[str], now: datetime) -> Synced:
    """Without its settings a job would only fail, again and again."""
    job = Job.objects.filter(pk=name, parked_reason="").first()
    if job is None:
        return Synced(name, "waiting", tuple(missing))
    store.park(job, f"Set {' and '.join(missing)} in the environment, and start the scheduler again.", by=BY, now=now)
    return Synced(name, "parked", tuple(missing))


def _can_run(job: Job) -> bool:
    """Whether a parked job could fire: its task may have come with this deployment."""
    try:
        registry.check_schedule(job.task, job.schedule)
        registry.check_arguments(job.task, job.arguments)
    except SchedulingError:
        return False
    return True


def bring(declaration: Declaration, now: datetime, origin: Origin = Origin.CODE) -> Synced:
    """Create the declared job, or write those of its columns that the code changed and staff did not.

    Never moves next_run_time unless the trigger changed, and never un-pauses. Raises InvalidTrigger,
    UnknownTask, InvalidArguments and InvalidJob.
    """
    try:
        return _bring(declaration, now, origin)
    except IntegrityError as error:
        if not Job.objects.filter(pk=declaration.id).exists():
            raise InvalidJob(f"The database refuses the job {declaration.id}: {error}") from error
        return _bring(declaration, now, origin)  # another scheduler created it at the same moment


def _bring(declaration: Declaration, now: datetime, origin: Origin) -> Synced:
    wanted = columns_of(declaration)
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=declaration.id).first()
        if job is None:
            job = Job(pk=declaration.id, origin=origin, code_definition=plain(wanted), **wanted)
            store.create(job, by=BY, now=now)
            return Synced(job.pk, "created")
        return _merge(job, wanted, now)


def columns_of(declaration: Declaration) -> dict[str, Any]:
    """All columns of Job that code decides, with the defaults for those that it does not name."""
    registry.check_storable(declaration.options.get("arguments", {}))
    schedule = declaration.schedule
    policy = policy_of(registry.get(declaration.task))
    columns: dict[str, Any] = {
        "name": declaration.id.replace("_", " ").capitalize(),
        "task": declaration.task,
        "misfire_grace_time": options().misfire_grace_time,
        **{name: value for name, value in policy.items() if name != "timeout"},
        **{name: getattr(schedule, name) for name in TRIGGER_FIELDS if name != "trigger"},
        "trigger": schedule.kind.value,
    }
    return {**_defaults(), **columns, **declaration.options}


def plain(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns as JSON keeps them: spans in seconds, moments in ISO 8601, tuples as lists."""
    return {name: json.loads(json.dumps(_plain(value))) for name, value in sorted(columns.items())}


def back_to_code(job: Job, *, by: str, now: datetime) -> bool:
    """Give every column of `job` the value that the code defines; False if it had them all."""
    if not job.code_definition:
        return False
    names = list(job.code_definition)
    for name in names:
        setattr(job, name, _typed(name, job.code_definition[name]))
    return store.change(job, names, by=by, now=now, reason="Back to the code's definition.")


def edited(job: Job) -> list[str]:
    """The columns in which `job` differs from what the code defines."""
    defined = job.code_definition or {}
    present = plain({name: getattr(job, name) for name in defined})
    return [name for name in defined if not alike(present[name], defined[name])]


def _merge(job: Job, wanted: dict[str, Any], now: datetime) -> Synced:
    after = plain(wanted)
    before = after if job.code_definition is None else job.code_definition  # made by hand: all of it is staff's
    present = plain({name: getattr(job, name) for name in wanted})
    written: list[str] = []
    kept: list[str] = []
    for names in [TRIGGER_FIELDS, *((name,) for name in wanted if name not in TRIGGER_FIELDS)]:
        differing = [name for name in names if not alike(present[name], after[name])]
        if differing and not all(alike(before.get(name), after[name]) for name in names):
            by_staff = any(name in before and not alike(present[name], before[name]) for name in names)
            (kept if by_staff else written).extend(differing)
    if not alike(job.code_definition, after):
        Job.objects.filter(pk=job.pk).update(code_definition=after)
        job.code_definition = after
    for name in written:
        setattr(job, name, wanted[name])
    store.change(job, written, by=BY, now=now)
    if job.parked_reason == REMOVED:
        store.unpark(job, by=BY, now=now)
    deed = "changed" if written else "kept" if kept else "unchanged"
    return Synced(job.pk, deed, tuple(written or kept))


def _defaults() -> dict[str, Any]:
    names = registry.JOB_OPTIONS - {"name"}
    return {field.name: field.get_default() for field in Job._meta.local_fields if field.name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value


def _typed(name: str, value: Any) -> Any:
    """A value of code_definition as its column holds it."""
    if value is not None and name in (*registry.SPANS, "interval"):
        return timedelta(seconds=value)
    if value is not None and name in ("run_at", "start_at", "end_at"):
        return datetime.fromisoformat(value)
    return value
