"""A document into the database: all of it or, with every problem named, nothing."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from scheduling import registry, store
from scheduling.conf import options
from scheduling.exceptions import InvalidTrigger, SchedulingError
from scheduling.models import Calendar, Job, Window
from scheduling.store.batch import contested
from scheduling.store.changes import alike, record
from scheduling.transfer.diff import CHANGED, CREATED, KEPT, REMOVED, UNCHANGED, Plan, Step, difference
from scheduling.transfer.documents import (
    CALENDAR,
    COLUMNS,
    KEYS,
    SCHEDULE,
    WINDOW,
    Fail,
    calendar_columns,
    calendar_document,
    job_columns,
    job_document,
    with_secrets,
)
from scheduling.transfer.reading import Path, Problem, Refused, Text
from scheduling.transfer.writing import VERSION

SECTIONS = ("version", "calendars", "jobs")
FEW = 50  # names, which are all told
DECLARED = "The code declares it."


type Paused = Callable[[str], str]


def never(job_id: str) -> str:
    """No created job stands still."""
    return ""


def plan(text: Text, *, prune: bool = False) -> Plan:
    """What the document would do now; with `prune`, jobs that it does not name are removed. Raises Refused."""
    return _Reader(text, lock=False).plan(prune)


@contested
def apply(text: Text, *, by: str, now: datetime, reason: str, prune: bool = False, paused: Paused = never) -> Plan:
    """Do what the document says, in one transaction; returns what was done.

    `paused` says of the id of a created job why it stands still at first; with an empty text it does not.

    Raises Refused, after which nothing was done.
    """
    with transaction.atomic():
        made = _Reader(text, lock=True).plan(prune)
        for step in made.calendars:
            _keep_calendar(step, by=by, now=now, reason=reason)
        for step in made.jobs:
            try:
                _carry_out(step, by=by, now=now, reason=reason, paused=paused)
            except (SchedulingError, IntegrityError) as error:
                raise Refused([Problem(0, f"job {step.id}", str(error))]) from error
    return made


def _carry_out(step: Step, *, by: str, now: datetime, reason: str, paused: Paused) -> None:
    job = step.row
    assert isinstance(job, Job)
    match step.deed:
        case "created":
            store.create(job, by=by, now=now, reason=reason)
            if why := paused(job.pk):
                store.pause(job, by=by, now=now, reason=why)
        case "changed":
            store.change(job, step.columns, by=by, now=now, reason=reason)
        case "removed":
            store.delete(copy(job), by=by, now=now, reason=reason)


def _keep_calendar(step: Step, *, by: str, now: datetime, reason: str) -> None:
    if step.deed == UNCHANGED:
        return
    calendar = step.row
    assert isinstance(calendar, Calendar)
    calendar.save()
    calendar.windows.all().delete()
    for window in step.windows:
        window.calendar = calendar
        window.save()
    fields = {path: [repr(old), repr(new)] for path, (old, new) in step.fields.items()}
    record(None, step.deed, subject=f"calendar {calendar.pk}", by=by, now=now, reason=reason, fields=fields)


class _Reader:
    """Goes through a document and collects, beside its steps, all that is wrong with it."""

    def __init__(self, text: Text, *, lock: bool) -> None:
        self.text = text
        self.problems = list(text.problems)
        self.jobs = Job.objects.select_for_update() if lock else Job.objects.all()
        self.calendars: set[str] = set(Calendar.objects.values_list("pk", flat=True))

    def plan(self, prune: bool) -> Plan:
        if not isinstance(self.text.value, Mapping):
            raise Refused([*self.problems, Problem(1, "", f"A document begins with: version: {VERSION}")])
        self._unknown(self.text.value, SECTIONS, partial(self._fail, "", ()))
        if self.text.value.get("version") != VERSION:
            self._fail("", (), ("version",), f"Write version: {VERSION}, the one form that there is.")
        calendars = [self._calendar(given, path) for given, path in self._items("calendars")]
        jobs = [self._job(given, path) for given, path in self._items("jobs")]
        if self.problems:
            raise Refused(sorted(self.problems, key=lambda problem: problem.line))
        removed = self._removed({step.id for step in jobs}) if prune else []
        return Plan(tuple(calendars), (*jobs, *removed))

    def _items(self, section: str) -> list[tuple[dict[str, Any], Path]]:
        """The mappings of a section with their paths; what is none, or has no id of its own, is a problem.

        A double is looked through like the first, so that all that is wrong with it is told at once.
        """
        given = self.text.value.get(section) or []
        if not isinstance(given, list):
            self._fail("", (), (section,), f"The {section} are a list; begin each with: - id: …")
            return []
        seen: dict[str, int] = {}
        found: list[tuple[dict[str, Any], Path]] = []
        for number, each in enumerate(given):
            name = each.get("id") if isinstance(each, Mapping) else None
            line = self.text.line((section, number))
            if not isinstance(name, str) or not name:
                self.problems.append(Problem(line, "", f"Each of the {section} begins with its id, a text."))
                continue
            if name in seen:
                told = f"It is in the document twice; first in line {seen[name]}."
                self.problems.append(Problem(line, f"{section[:-1]} {name}", told))
            seen.setdefault(name, line)
            found.append((each, (section, number)))
        return found

    def _fail(self, about: str, base: Path, at: Path, message: str) -> None:
        self.problems.append(Problem(self.text.line((*base, *at)), about, message))

    def _unknown(self, given: Mapping[str, Any], known: Iterable[str], fail: Fail, at: Path = ()) -> None:
        for key in given:
            if key not in known:
                fail((*at, key), f"{key!r} is not known here.{meant(key, known)}")

    # Calendars

    def _calendar(self, given: Mapping[str, Any], path: Path) -> Step:
        fail: Fail = partial(self._fail, f"calendar {given['id']}", path)
        self._unknown(given, CALENDAR, fail)
        wanted, windows = calendar_columns(given, fail)
        self._clean(wanted, fail, ())
        for number, window in enumerate(windows):
            self._unknown(given["windows"][number], WINDOW, fail, ("windows", number))
            self._clean(window, fail, ("windows", number))
        self.calendars.add(wanted.pk)
        stored = Calendar.objects.filter(pk=wanted.pk).prefetch_related("windows").first()
        before = calendar_document(stored, stored.windows.all()) if stored else {}
        fields = difference(before, calendar_document(wanted, windows))
        deed = CREATED if stored is None else CHANGED if fields else UNCHANGED
        return Step(deed, wanted, fields, windows=tuple(windows))

    def _clean(self, row: Calendar | Window, fail: Fail, at: Path) -> None:
        try:
            row.full_clean(exclude=["calendar"], validate_unique=False)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                fail((*at, name), " ".join(messages))

    # Jobs

    def _job(self, given: Mapping[str, Any], path: Path) -> Step:
        about, told = f"job {given['id']}", set[Path]()

        def fail(at: Path, message: str) -> None:
            told.add(at)
            self._fail(about, path, at, message)

        self._unknown(given, KEYS, fail)
        if isinstance(given.get("schedule"), Mapping):
            self._unknown(given["schedule"], SCHEDULE, fail, ("schedule",))
        columns = job_columns(given, fail)
        stored = self.jobs.filter(pk=given["id"]).first()
        before = job_document(stored) if stored else {}
        columns["arguments"] = self._arguments(columns["arguments"], stored, fail)
        altered = tuple(name for name in COLUMNS if stored is None or not alike(getattr(stored, name), columns[name]))
        job = stored or Job(pk=given["id"])
        for name in COLUMNS:
            setattr(job, name, columns[name])
        self._check(job, given, lambda at, message: None if at in told else fail(at, message))
        if told:
            return Step(UNCHANGED, job)
        deed = CREATED if stored is None else CHANGED if altered else UNCHANGED
        return Step(deed, job, difference(before, job_document(job)) if altered else {}, altered)

    def _arguments(self, given: Any, stored: Job | None, fail: Fail) -> Any:
        def missing(at: Path) -> None:
            told = "A secret was left out here, and the job has none to keep; write it, or export it --with-secrets."
            fail(("arguments", *at), told)

        return with_secrets(given, stored.arguments if stored else None, missing)

    def _check(self, job: Job, given: Mapping[str, Any], fail: Fail) -> None:
        """Tell all that would keep `job` from being kept and run."""
        try:
            registry.check_schedule(job.task, job.schedule)
        except InvalidTrigger as error:
            fail(("schedule", "trigger" if error.field == "kind" else error.field), str(error))
        if job.task not in registry.registered():
            there = f"No task {job.task!r} is registered in the installed apps.{meant(job.task, registry.registered())}"
            fail(("task",), there if "task" in given else "Give the path of a registered task.")
        else:
            try:
                registry.check_arguments(job.task, job.arguments)
            except SchedulingError as error:
                fail(("arguments",), str(error))
        queues = [lane.name for lane in options().queues]
        if job.queue not in queues:
            fail(("queue",), f"There is no queue {job.queue!r}.{meant(job.queue, queues)}")
        for each in job.calendars:
            if each not in self.calendars:
                fail(("calendars",), f"There is no calendar {each!r}.{meant(each, self.calendars)}")
        try:
            job.clean_fields(exclude=("task", "queue"))
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                fail(("schedule", name) if name in SCHEDULE else (name,), " ".join(messages))

    def _removed(self, named: set[str]) -> list[Step]:
        """The jobs that the document does not name; those that code declares would come back, and stay."""
        declared = registry.declarations()
        return [
            Step(KEPT, job, reason=DECLARED) if job.pk in declared else Step(REMOVED, job)
            for job in self.jobs.exclude(pk__in=named)
        ]


def meant(wanted: str, known: Iterable[str]) -> str:
    """What may have been meant, or else what there is: " Did you mean films?"."""
    there = sorted(known)
    found = difflib.get_close_matches(wanted, there, n=1)
    if found:
        return f" Did you mean {found[0]}?"
    return f" There are: {', '.join(there)}." if 0 < len(there) <= FEW else ""
